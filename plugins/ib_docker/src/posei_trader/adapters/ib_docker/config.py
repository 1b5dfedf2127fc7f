"""The one object that describes a dockerized IB Gateway: checked when made, then never changed."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from posei_trader.adapters.ib_docker.profile import PROFILES, ImageProfile
from posei_trader.config import FrozenMapping, PoseiConfig
from posei_trader.errors import InvalidRequest

__all__ = ["DEFAULT_IMAGE", "DockerizedIBGatewayConfig", "TradingMode"]

DEFAULT_IMAGE: Final = "ghcr.io/gnzsnz/ib-gateway:stable"
"""Moving tag; pin a version or a digest for live trading."""

TradingMode = Literal["paper", "live", "both"]
"""Which login the container makes; "both" runs two gateways in one container."""

_API_PORTS: Final[Mapping[str, int]] = {"live": 4001, "paper": 4002}
_JVM_OVERHEAD_MB: Final = 700
_VNC_CHARACTERS: Final = 8  # the VNC protocol ignores what is longer
_MASKED: Final = "*" * 10  # what a dumped SecretStr looks like
_OURS: Final = frozenset(
    {
        "TWS_USERID",
        "TWS_PASSWORD",
        "TWS_PASSWORD_FILE",
        "TWS_USERID_PAPER",
        "TWS_PASSWORD_PAPER",
        "TWS_PASSWORD_PAPER_FILE",
        "TRADING_MODE",
        "READ_ONLY_API",
        "VNC_SERVER_PASSWORD",
        "VNC_SERVER_PASSWORD_FILE",
        "SSH_PASSPHRASE",
        "SSH_TUNNEL",
    }
)


def _secret(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if text == _MASKED:
        raise InvalidRequest(
            "this is the mask of a dumped secret, not the secret", remedy="pass the real one"
        )
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest(
            "the secret contains a control character, which no login window accepts",
            remedy="remove it; a trailing line end is the usual one",
        )
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]
TimeOfDay12 = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2]):[0-5]\d (AM|PM)$")]
TimeOfDay24 = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = PositiveFloat


class DockerizedIBGatewayConfig(PoseiConfig):
    """Describe the container of one IB login.

    Credentials that are not given are taken from the environment: ``TWS_USERNAME``,
    ``TWS_PASSWORD``, and for the second login of "both" ``TWS_USERNAME_PAPER``,
    ``TWS_PASSWORD_PAPER``. That is all the I/O that constructing does; whether they are there at
    all is checked by the start. Neither the password nor the whole user name appears in any text
    form. Times are seconds.

    Raises:
        ConfigError: a setting is unknown, of the wrong type, or contradicts another.
    """

    provider: Literal["ib_docker"] = "ib_docker"
    """The name of this gateway in the plugin registry."""

    # --- the login ---
    username: Secret | None = None
    password: Secret | None = None
    paper_username: Secret | None = None
    """The second login of ``trading_mode="both"``."""
    paper_password: Secret | None = None
    trading_mode: TradingMode = "paper"
    read_only_api: bool = True
    """True lets IB refuse every order; set to False to trade."""
    existing_session: Literal["primary", "primaryoverride", "secondary", "manual"] = "primary"
    """What happens when the user is logged in elsewhere: "primary" ends the other session."""
    two_fa_timeout: Seconds = 180.0
    """How long one second-factor request lives; never charged to ``timeout``."""
    two_fa_pushes: PositiveInt = 1
    """How many requests are sent to the phone before giving up."""
    two_fa_device: str | None = None
    """Exact text of the device in IB's list, for users who have several."""

    # --- starting and stopping ---
    timeout: Seconds = 300.0
    """Limit for becoming ready, also after each restart; download and second factor excluded."""
    stop_with_clients: bool = False
    """Stop a container that a node has created when its last client is gone."""
    stop_grace: Seconds = 45.0
    """How long the program may take to end by itself."""
    probe_interval: Seconds = 1.0
    """Pause between handshakes while starting."""
    health_interval: Seconds = 30.0
    """Pause between handshakes while serving."""
    handshake_timeout: Seconds = 5.0
    """How long the API may take to answer one handshake; three silences in a row are a loss."""
    crash_restarts: NonNegativeInt = 1
    """How often per hour a container that ended by itself is started again."""
    on_mismatch: Literal["error", "recreate", "adopt"] = "error"
    """What to do when the instance runs with other settings."""
    leave_running_on_failure: bool = False
    """Keep a container that did not become ready, to look into it."""
    login_block: Seconds = 1800.0
    """How long refused credentials are not tried again, unless forced."""

    # --- the container ---
    container_image: Annotated[str, StringConstraints(min_length=1)] = DEFAULT_IMAGE
    image_profile: str = "gnzsnz"
    pull_policy: Literal["missing", "always", "never"] = "missing"
    pull_timeout: Seconds = 1800.0
    platform: str | None = None
    instance: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,40}$")] | None = (
        None
    )
    """Name of this gateway on the engine; the trading mode when not set."""
    docker_url: str | None = None
    """The engine; else DOCKER_HOST, the Docker context, the usual sockets."""
    credential_delivery: Literal["auto", "file", "exec"] = "auto"
    """How the password gets in: a read-only file of this host, or written into a tmpfs."""
    restart_policy: Literal["no", "on-failure", "unless-stopped"] = "no"
    """What the engine does by itself; "no" leaves it to this program, which knows why it ended."""
    memory_mb: PositiveInt = 2048
    java_heap_mb: PositiveInt = 768
    cpus: PositiveFloat = 2.0
    pids_limit: PositiveInt = 512
    hardened: bool = False
    """Drop all capabilities and forbid new privileges; not proven with every image."""
    settings_volume: str | None = None
    """Named volume that keeps the program's settings between containers."""
    environment: FrozenMapping[str, str] = Field(default_factory=dict)
    """Further variables for the image; never a secret."""
    command: tuple[str, ...] | None = None
    """Replaces the image's command."""

    # --- network ---
    api_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """Port on this host: 4001 live, 4002 paper; 0 takes a free one."""
    paper_api_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The same for the paper gateway of ``trading_mode="both"``."""
    bind_host: str = "127.0.0.1"
    allow_remote: bool = False
    """The API has no login of its own: anyone who reaches the port can trade."""
    network: str | None = None
    """Join this network and publish nothing; the host is then the container's name."""
    vnc_port: Port | None = None
    vnc_password: Secret | None = None
    """One is made up when ``vnc_port`` is set without it; only its first 8 characters count."""

    # --- the program ---
    time_zone: Annotated[
        str, StringConstraints(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")
    ] = "Etc/UTC"
    auto_restart_time: TimeOfDay12 | None = None
    """Daily restart without a login, such as "11:59 PM", in ``time_zone``."""
    auto_logoff_time: TimeOfDay12 | None = None
    cold_restart_time: TimeOfDay24 | None = None
    """Restart with a full login, Sundays only; after 01:00 US/Eastern."""
    bypass_order_warnings: bool = True
    """Switch off the order windows that would wait for a click."""

    # --- our own files ---
    state_dir: Path | None = None
    """Where locks and refused logins are remembered; the user's state directory when not set."""

    @model_validator(mode="before")
    @classmethod
    def _from_environment(cls, settings: object) -> object:
        if not isinstance(settings, Mapping):
            return settings
        filled = dict(settings)
        variables = {"username": "TWS_USERNAME", "password": "TWS_PASSWORD"}
        if filled.get("trading_mode") == "both":
            variables |= {
                "paper_username": "TWS_USERNAME_PAPER",
                "paper_password": "TWS_PASSWORD_PAPER",
            }
        for name, variable in variables.items():
            if filled.get(name) in {None, ""}:
                filled[name] = os.environ.get(variable) or None
        return filled

    @field_validator("image_profile")
    @classmethod
    def _known_profile(cls, name: str) -> str:
        if name not in PROFILES:
            raise InvalidRequest(
                "unknown image profile", remedy=f"use one of {', '.join(PROFILES)}"
            )
        return name

    @field_validator("environment")
    @classmethod
    def _not_ours(cls, variables: Mapping[str, str]) -> Mapping[str, str]:
        taken = sorted(_OURS & variables.keys())
        if taken:
            raise InvalidRequest(
                f"environment may not contain {', '.join(taken)}",
                remedy="use the settings made for it, such as username and password",
            )
        return variables

    @field_validator("vnc_password")
    @classmethod
    def _whole_vnc_password(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret) > _VNC_CHARACTERS:
            raise InvalidRequest(
                "vnc_password is longer than the 8 characters that VNC looks at",
                remedy="use 8 characters, or none to have a password made up",
            )
        return secret

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not (self.allow_remote or _is_loopback(self.bind_host)):
            raise InvalidRequest(
                f"bind_host {self.bind_host!r} lets other machines trade: the API has no login",
                remedy="use 127.0.0.1, or set allow_remote=True if that is what you want",
            )
        if self.java_heap_mb > self.memory_mb - _JVM_OVERHEAD_MB:
            raise InvalidRequest(
                f"java_heap_mb {self.java_heap_mb} leaves less than {_JVM_OVERHEAD_MB} MB of "
                f"memory_mb {self.memory_mb} for the rest of the program",
                remedy=f"raise memory_mb to {self.java_heap_mb + _JVM_OVERHEAD_MB} or more",
            )
        if self.auto_restart_time and self.auto_logoff_time:
            raise InvalidRequest(
                "auto_restart_time and auto_logoff_time exclude each other", remedy="remove one"
            )
        return self

    @property
    def instance_name(self) -> str:
        """The name of this gateway on the engine."""
        return self.instance or self.trading_mode

    @property
    def profile(self) -> ImageProfile:
        """What is known about the image."""
        return PROFILES[self.image_profile]

    @property
    def modes(self) -> tuple[str, ...]:
        """The gateways in the container: one, or live and paper."""
        return ("live", "paper") if self.trading_mode == "both" else (self.trading_mode,)

    @property
    def host_ports(self) -> Mapping[str, int]:
        """The wanted port on this host by mode; 0 means any free one."""
        ports = {mode: _API_PORTS[mode] for mode in self.modes}
        if self.api_port is not None:
            ports[self.modes[0]] = self.api_port
        if self.paper_api_port is not None and "paper" in ports:
            ports["paper"] = self.paper_api_port
        return ports

    @property
    def masked_username(self) -> str:
        """The user name as it may be shown: its first letter."""
        return masked(self.username)

    def missing_credentials(self) -> tuple[str, ...]:
        """Return the names of the settings without which nobody can log in."""
        wanted = {"username": self.username, "password": self.password}
        if self.trading_mode == "both":
            wanted |= {
                "paper_username": self.paper_username,
                "paper_password": self.paper_password,
            }
        return tuple(name for name, secret in wanted.items() if secret is None)

    def secret_values(self) -> tuple[str, ...]:
        """Return everything that must never appear in a text, longest first."""
        secrets = (
            self.username,
            self.password,
            self.paper_username,
            self.paper_password,
            self.vnc_password,
        )
        return tuple(
            sorted({secret.get_secret_value() for secret in secrets if secret}, key=len)[::-1]
        )

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        """Show only what differs from the defaults, and the user name by its first letter."""
        names = {"username": self.username, "paper_username": self.paper_username}
        changed = type(self).model_fields
        return [
            (name, masked(names[name]) if name in names else value)
            for name, value in self
            if value != changed[name].get_default(call_default_factory=True)
        ]


def masked(name: SecretStr | None) -> str:
    """Show a user name by its first letter, without its length."""
    return f"{name.get_secret_value()[:1]}*****" if name else "(none)"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
