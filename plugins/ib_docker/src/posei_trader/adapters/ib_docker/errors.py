"""Every way in which the gateway can fail: one class, one cause name, one exit code each.

GatewayError (PoseiError)
├── wait, then try again (RetryLater)
│   ├── EngineUnavailable 20     no Docker engine answers
│   ├── PullFailed 23            the image could not be fetched
│   ├── StartTimeout 41          not ready within `timeout`
│   ├── LoginWindowTimeout 36    the program never showed its login window
│   ├── ServerUnreachable 33     IB's servers did not answer the login
│   ├── TooManyAttempts 34       IB asks to wait before the next login
│   ├── TokenRejected 37         the daily restart lost its session twice
│   ├── Crashed 39               the program in the container ended by itself
│   ├── Killed 40                it was killed, most often for want of memory
│   ├── Unresponsive 42          it runs, but its API stopped answering
│   ├── StoppedElsewhere 43      somebody else stopped the container
│   └── StartedElsewhere 44      another process is starting the same instance
├── change the request (FixRequest)
│   ├── DockerPackageMissing 19  the Python package `docker` is not installed
│   ├── ImageNotFound 22         the registry knows no such image
│   ├── PlatformMismatch 24      the image is for another processor
│   ├── PortInUse 25             the port on the host is taken
│   ├── NameInUse 26             a container that is not ours has the name
│   ├── ConfigMismatch 27        a running instance has other settings
│   ├── EngineRefused 28         the engine answered with an error of its own
│   ├── CredentialsMissing 30    no user name or no password
│   ├── SettingRefused 45        the image does not accept a setting
│   ├── EntryPointMissing 46     the image's gateway and IBC do not fit together
│   └── NotStarted 47            asked for something that only a started gateway has
└── call a human (CallHuman)
    ├── BadCredentials 31        IB does not know this user name and password
    ├── LoginRefused 32          IB refused the login for another reason
    ├── LoginBlocked 35          we refuse to try again what was refused before
    ├── TwoFactorTimeout 38      nobody confirmed the second factor
    ├── TwoFactorDevice 48       the second factor needs a device to be named
    ├── ExistingSession 49       the user is logged in elsewhere
    └── DialogNeedsHuman 50      a window waits for an answer
"""

# ruff: noqa: N818 - the names say what happened, as in the core's tree

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from posei_trader.errors import (
    ABSENT,
    AuthenticationFailed,
    CallHuman,
    ConfigError,
    FixRequest,
    GatewayNotReady,
    MissingDependency,
    PoseiError,
    RetryLater,
)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was known about the gateway when it failed; nothing in it is secret."""

    instance: str = ""
    state: str = ""
    seconds_per_state: dict[str, float] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    log_tail: tuple[str, ...] = ()

    def __str__(self) -> str:
        spent = ", ".join(f"{name} {spent:.1f} s" for name, spent in self.seconds_per_state.items())
        container = ", ".join(f"{name}={value}" for name, value in self.container.items())
        head = [f"instance {self.instance!r}, last state {self.state or 'unknown'}"]
        head += [f"time spent: {spent}"] if spent else []
        head += [f"container: {container}"] if container else []
        head += ["last lines of its log:"] if self.log_tail else []
        return "\n".join([*head, *(f"  {line}" for line in self.log_tail)])


class GatewayError(PoseiError):
    """Report why the dockerized gateway cannot be used; `diagnosis` holds the evidence."""

    cause: ClassVar[str] = "gateway_error"
    """The stable name of this failure, as it appears in `--json` output."""

    default_remedy: ClassVar[str | None] = None

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = ABSENT,
        remedy: str | None = None,
        code: int | None = None,
        diagnosis: Diagnosis | None = None,
    ) -> None:
        super().__init__(
            message, field=field, value=value, remedy=remedy or self.default_remedy, code=code
        )
        self.diagnosis = diagnosis

    def __str__(self) -> str:
        text = super().__str__()
        return text if self.diagnosis is None else f"{text}\n{self.diagnosis}"


# --- wait, then try again ------------------------------------------------------------------------


class EngineUnavailable(GatewayError, RetryLater):
    """No Docker engine answers at the address; the text says what to start or to grant."""

    cause = "engine_unavailable"
    exit_code = 20
    default_remedy = "start Docker, or name another engine in docker_url or DOCKER_HOST"


class PullFailed(GatewayError, RetryLater):
    """The image could not be fetched: no network, no space, no permission, or too slow."""

    cause = "pull_failed"
    exit_code = 23
    default_remedy = "check the network and the disk, or fetch it by hand: posei gateway pull"


class StartTimeout(GatewayError, GatewayNotReady):
    """The gateway was not ready within `timeout`, time for the second factor not counted."""

    cause = "start_timeout"
    exit_code = 41
    default_remedy = "read the log lines below; raise timeout if the machine is slow"


class LoginWindowTimeout(GatewayError, RetryLater):
    """The program started again and again without ever showing its login window."""

    cause = "login_window_timeout"
    exit_code = 36
    default_remedy = "give the container more memory and processor time (memory_mb, cpus)"


class ServerUnreachable(GatewayError, RetryLater):
    """IB's servers refused or did not answer the connection, more than once."""

    cause = "server_unreachable"
    exit_code = 33
    default_remedy = (
        "check the network of the container, and that trading_mode fits the user: "
        "a paper user cannot log in with trading_mode='live'"
    )


class TooManyAttempts(GatewayError, RetryLater):
    """IB refuses further logins for a while; `retry_after` says how many seconds."""

    cause = "too_many_attempts"
    exit_code = 34
    default_remedy = "wait; each further attempt makes the wait longer and may lock the account"

    retry_after: float = 0.0


class TokenRejected(GatewayError, RetryLater):
    """IB rejected the saved session after a restart, also after a full login was tried."""

    cause = "token_rejected"
    exit_code = 37
    default_remedy = "start the gateway again; it logs in from scratch"


class Crashed(GatewayError, RetryLater):
    """The program in the container ended by itself."""

    cause = "crashed"
    exit_code = 39
    default_remedy = "read the log lines below; start it again"


class Killed(GatewayError, RetryLater):
    """The container was killed from outside, most often by the kernel for want of memory."""

    cause = "killed"
    exit_code = 40
    default_remedy = "raise memory_mb (and java_heap_mb below it), or find out who killed it"


class Unresponsive(GatewayError, RetryLater):
    """The container runs and claims to be logged in, but its API does not answer."""

    cause = "unresponsive"
    exit_code = 42
    default_remedy = "restart it: posei gateway restart"


class StoppedElsewhere(GatewayError, RetryLater):
    """Somebody else stopped or removed the container."""

    cause = "stopped_elsewhere"
    exit_code = 43
    default_remedy = "start the gateway again when whoever stopped it agrees"


class StartedElsewhere(GatewayError, RetryLater):
    """Another process has been starting the same instance for too long."""

    cause = "started_elsewhere"
    exit_code = 44
    default_remedy = "wait for the other process, or choose another instance"


# --- change the request --------------------------------------------------------------------------


class DockerPackageMissing(GatewayError, MissingDependency):
    """The Python package `docker` is not installed."""

    cause = "docker_package_missing"
    exit_code = 19
    default_remedy = 'pip install "posei_trader[docker]"'


class ImageNotFound(GatewayError, ConfigError):
    """The image does not exist, here or at the registry."""

    cause = "image_not_found"
    exit_code = 22
    default_remedy = "check container_image; tags of the default image: stable, latest, 10.45, ..."


class PlatformMismatch(GatewayError, ConfigError):
    """The image was built for another processor than the engine's."""

    cause = "platform_mismatch"
    exit_code = 24
    default_remedy = "set platform (for example 'linux/arm64') and pull again"


class PortInUse(GatewayError, ConfigError):
    """The port on the host is taken; the text names the holder when it can be found."""

    cause = "port_in_use"
    exit_code = 25
    default_remedy = "choose another api_port (0 takes a free one), or stop the holder"


class NameInUse(GatewayError, ConfigError):
    """A container that this program did not create has the name."""

    cause = "name_in_use"
    exit_code = 26
    default_remedy = "choose another instance, or remove that container yourself"


class ConfigMismatch(GatewayError, ConfigError):
    """The instance exists with other settings; the text lists them."""

    cause = "config_mismatch"
    exit_code = 27
    default_remedy = (
        "choose another instance, or set on_mismatch (--on-mismatch) to 'recreate' or 'adopt'"
    )


class EngineRefused(GatewayError, FixRequest):
    """The engine answered with an error that has no class of its own here."""

    cause = "engine_refused"
    exit_code = 28


class CredentialsMissing(GatewayError, ConfigError):
    """There is no user name or no password."""

    cause = "credentials_missing"
    exit_code = 30
    default_remedy = "pass username and password, or set TWS_USERNAME and TWS_PASSWORD"


class SettingRefused(GatewayError, ConfigError):
    """The image refused one of its settings; the text is the image's own."""

    cause = "setting_refused"
    exit_code = 45


class EntryPointMissing(GatewayError, ConfigError):
    """IBC could not find the gateway program in this image: the image is broken."""

    cause = "entry_point_missing"
    exit_code = 46
    default_remedy = "use another tag of the image"


class NotStarted(GatewayError, FixRequest):
    """The gateway has not been started, so it has no container and no port."""

    cause = "not_started"
    exit_code = 47
    default_remedy = "start it first: start(), or posei gateway up"


# --- call a human --------------------------------------------------------------------------------


class BadCredentials(GatewayError, AuthenticationFailed):
    """IB does not know this user name and password; the container was stopped at once."""

    cause = "bad_credentials"
    exit_code = 31
    default_remedy = "correct the user name or the password; repeated attempts lock the account"


class LoginRefused(GatewayError, AuthenticationFailed):
    """IB refused the login; the container was stopped, because it would try again for ever."""

    cause = "login_refused"
    exit_code = 32
    default_remedy = "read IB's reason in the log lines below"


class LoginBlocked(GatewayError, AuthenticationFailed):
    """These credentials were refused a short while ago, so they were not tried again."""

    cause = "login_blocked"
    exit_code = 35
    default_remedy = "correct the credentials, wait, or start with force=True (--force)"

    retry_after: float = 0.0


class TwoFactorTimeout(GatewayError, CallHuman):
    """Nobody confirmed the second factor in time."""

    cause = "two_factor_timeout"
    exit_code = 38
    default_remedy = "start again with the phone at hand; two_fa_pushes allows more requests"


class TwoFactorDevice(GatewayError, CallHuman):
    """The user has several second-factor devices and none, or a wrong one, was named."""

    cause = "two_factor_device"
    exit_code = 48
    default_remedy = "set two_fa_device to the exact text of the list entry"


class ExistingSession(GatewayError, CallHuman):
    """The user is logged in elsewhere, and that session goes on."""

    cause = "existing_session"
    exit_code = 49
    default_remedy = "log out there, or set existing_session='primary' to take the session over"


class DialogNeedsHuman(GatewayError, CallHuman):
    """A window of the program waits for an answer that nobody can give without a screen."""

    cause = "dialog_needs_human"
    exit_code = 50
    default_remedy = "set vnc_port, connect with a VNC viewer and answer the window"


def _tree(root: type[GatewayError]) -> list[type[GatewayError]]:
    return [kind for child in root.__subclasses__() for kind in (child, *_tree(child))]


CAUSES: Final[dict[str, type[GatewayError]]] = {kind.cause: kind for kind in _tree(GatewayError)}
"""Every cause name with its class."""
