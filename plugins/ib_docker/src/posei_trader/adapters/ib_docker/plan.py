"""Turn a configuration into the container it describes: pure, no secret but the user name.

The labels say whose the container is and with which settings it was made, so that a later start can
tell "the same", "ours but different" and "somebody else's" apart without guessing from a name.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.adapters.ib_docker.engine.seam import Address, ContainerPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerFacts, ImageFacts

LABEL: Final = "io.posei"
MANAGED: Final = f"{LABEL}.managed"
INSTANCE: Final = f"{LABEL}.instance"
SETTINGS: Final = f"{LABEL}.settings"
CONFIG_HASH: Final = f"{LABEL}.config-hash"
CREDENTIALS: Final = f"{LABEL}.credentials"
IMAGE_DIGEST: Final = f"{LABEL}.image-digest"
MODE: Final = f"{LABEL}.mode"
OWNER: Final = f"{LABEL}.owner"

PASSWORD_FILE: Final = "tws_password"  # noqa: S105 - the name of a file
PAPER_PASSWORD_FILE: Final = "tws_password_paper"  # noqa: S105 - same
VNC_PASSWORD_FILE: Final = "vnc_password"  # noqa: S105 - same

# Waits for the secrets, then becomes the image's own command. `$0` is the secrets' directory.
WAIT_FOR_SECRETS: Final = 'until [ -e "$0/.complete" ]; do sleep 0.1; done; exec "$@"'

# Reads name and content in turns until an empty name; only shell built-ins see the content.
RECEIVE_SECRETS: Final = (
    'umask 077; while IFS= read -r name && [ -n "$name" ]; do IFS= read -r text; '
    'printf %s "$text" > "$0/$name"; done; : > "$0/.complete"'
)


def container_name(config: DockerizedIBGatewayConfig) -> str:
    """Return the name of the container."""
    return f"posei-ib-gateway-{config.instance_name}"


def own_labels(config: DockerizedIBGatewayConfig) -> dict[str, str]:
    """Return the labels by which the instance is found."""
    return {MANAGED: "1", INSTANCE: config.instance_name}


def secret_files(config: DockerizedIBGatewayConfig, vnc_password: str | None) -> dict[str, str]:
    """Return the content of the secret files by name, not escaped."""
    wanted = {
        PASSWORD_FILE: config.password and config.password.get_secret_value(),
        VNC_PASSWORD_FILE: vnc_password,
    }
    if config.trading_mode == "both":
        paper = config.paper_password
        wanted[PAPER_PASSWORD_FILE] = paper and paper.get_secret_value()
    return {name: secret for name, secret in wanted.items() if secret}


def environment(config: DockerizedIBGatewayConfig) -> dict[str, str]:
    """Return the variables of the image; the passwords are only named by their files."""
    profile = config.profile
    optional = {
        "TWOFA_DEVICE": config.two_fa_device,
        "AUTO_RESTART_TIME": config.auto_restart_time,
        "AUTO_LOGOFF_TIME": config.auto_logoff_time,
        "TWS_COLD_RESTART": config.cold_restart_time,
    }
    variables = {
        "TWS_USERID": config.username.get_secret_value() if config.username else "",
        "TWS_PASSWORD_FILE": f"{profile.secrets_dir}/{PASSWORD_FILE}",
        "TRADING_MODE": config.trading_mode,
        "READ_ONLY_API": _yes(config.read_only_api),
        "EXISTING_SESSION_DETECTED_ACTION": config.existing_session,
        "TWOFA_TIMEOUT_ACTION": "restart" if config.two_fa_pushes > 1 else "exit",
        "RELOGIN_AFTER_TWOFA_TIMEOUT": _yes(config.two_fa_pushes > 1),
        "BYPASS_WARNING": _yes(config.bypass_order_warnings),
        "JAVA_HEAP_SIZE": str(config.java_heap_mb),
        "TIME_ZONE": config.time_zone,
        "TZ": config.time_zone,
        **{name: value for name, value in optional.items() if value},
    }
    if profile.settings_variable:
        variables[profile.settings_variable] = f"{profile.settings_dir}/{profile.settings_file}"
    if config.trading_mode == "both" and config.paper_username:
        variables["TWS_USERID_PAPER"] = config.paper_username.get_secret_value()
        variables["TWS_PASSWORD_PAPER_FILE"] = f"{profile.secrets_dir}/{PAPER_PASSWORD_FILE}"
    if config.vnc_port:
        variables["VNC_SERVER_PASSWORD_FILE"] = f"{profile.secrets_dir}/{VNC_PASSWORD_FILE}"
    return {**variables, **config.environment}


def ports(config: DockerizedIBGatewayConfig) -> dict[int, Address]:
    """Return what is to be published: nothing when the container joins a network."""
    if config.network:
        return {}
    wanted = {
        config.profile.api_port(mode): Address(config.bind_host, port)
        for mode, port in config.host_ports.items()
    }
    if config.vnc_port:
        wanted[config.profile.vnc_port] = Address("127.0.0.1", config.vnc_port)
    return wanted


def settings(config: DockerizedIBGatewayConfig) -> dict[str, str]:
    """Return the settings that shape the container, as texts that may be shown."""
    shown = {
        name: value
        for name, value in environment(config).items()
        if name not in {"TWS_USERID", "TWS_USERID_PAPER"}
    }
    for inside, address in ports(config).items():
        shown[f"port {inside}"] = f"{address.host}:{address.port or 'any'}"
    return shown | {
        "image": config.container_image,
        "profile": config.image_profile,
        "command": " ".join(config.command or ()),
        "network": config.network or "",
        "platform": config.platform or "",
        "volume": config.settings_volume or "",
        "limits": f"{config.memory_mb} MB, {config.cpus:g} CPUs, {config.pids_limit} processes",
        "hardened": _yes(config.hardened),
        "restart_policy": config.restart_policy,
    }


def settings_of(found: ContainerFacts) -> dict[str, str]:
    """Return the settings with which an existing container was made."""
    try:
        return msgspec.json.decode(found.labels.get(SETTINGS, "{}"), type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def differences(
    config: DockerizedIBGatewayConfig, credentials: str, found: ContainerFacts
) -> dict[str, str]:
    """Return what distinguishes an existing container from the wanted one, by setting."""
    theirs, ours = settings_of(found), settings(config)
    changed = {
        name: f"{theirs.get(name, '(absent)')} there, {ours.get(name, '(absent)')} wanted"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    }
    if found.labels.get(CREDENTIALS) != credentials:
        changed["credentials"] = "another login there"
    return changed


def make_plan(
    config: DockerizedIBGatewayConfig,
    image: ImageFacts,
    *,
    credentials: str,
    owner: str,
    mounted_secrets: str | None,
    published: Mapping[int, Address],
) -> ContainerPlan:
    """Return the container to create.

    Args:
        config: What the user wants.
        image: The image that is there.
        credentials: A keyed hash of the login, to recognize it by.
        owner: Who creates it, for people.
        mounted_secrets: Directory of this host with the secret files; None when they are written
            into the running container instead.
        published: Port in the container to address on the host.
    """
    profile = config.profile
    shown = settings(config)
    labels = own_labels(config) | {
        MODE: config.trading_mode,
        SETTINGS: msgspec.json.encode(shown).decode(),
        CONFIG_HASH: _hash(shown, credentials),
        CREDENTIALS: credentials,
        IMAGE_DIGEST: image.digests[0] if image.digests else image.id,
        OWNER: owner,
    }
    command = config.command
    memory_directories = [profile.settings_dir] if profile.settings_variable else []
    if mounted_secrets is None:
        memory_directories.append(profile.secrets_dir)
        inner = command or image.command
        command = ("/bin/sh", "-c", WAIT_FOR_SECRETS, profile.secrets_dir, *inner)
    return ContainerPlan(
        name=container_name(config),
        image=config.container_image,
        environment=environment(config),
        labels=labels,
        ports=published,
        read_only_mounts={profile.secrets_dir: mounted_secrets} if mounted_secrets else {},
        volumes={profile.state_dir: config.settings_volume} if config.settings_volume else {},
        memory_directories=tuple(memory_directories),
        memory_owner=_owner(image.user),
        command=command,
        network=config.network,
        platform=config.platform,
        memory_mb=config.memory_mb,
        cpus=config.cpus,
        pids_limit=config.pids_limit,
        hardened=config.hardened,
        restart_policy=config.restart_policy,
    )


def _owner(user: str) -> tuple[int, int] | None:
    """Return the numbers of an image's user, when they are numbers."""
    name, _, group = user.partition(":")
    if not name.isdigit():
        return None
    return int(name), int(group) if group.isdigit() else int(name)


def _hash(shown: Mapping[str, str], credentials: str) -> str:
    text = msgspec.json.encode([sorted(shown.items()), credentials])
    return hashlib.sha256(text).hexdigest()[:16]


def _yes(wanted: bool) -> str:
    return "yes" if wanted else "no"
