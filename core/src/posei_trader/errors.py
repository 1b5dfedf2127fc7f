"""Every error that PoseiTrader raises, sorted by what the caller should do about it.

    PoseiError
    ├── RetryLater               nothing is wrong with the request: wait, then try again
    │   ├── ConnectionFailed         nobody answered at this address
    │   ├── ConnectionLost           an established connection broke
    │   ├── NotConnected             the client is not connected (yet)
    │   ├── RequestTimeout           no answer in time; the outcome is unknown, never "empty"
    │   ├── PacingViolation          the venue refused: too many requests
    │   ├── GatewayNotReady          the gateway is starting, or waits for its login
    │   └── ResourceExhausted        a bounded queue, line or slot is full
    ├── FixRequest               the same call will fail again: change it
    │   ├── InvalidRequest           a value that no venue could accept
    │   ├── RequestRejected          the venue understood and refused
    │   ├── Unsupported              this provider cannot do it
    │   ├── InstrumentNotFound       no such instrument at the venue
    │   ├── InstrumentAmbiguous      several instruments fit
    │   ├── MarketDataNotPermitted   the account lacks the subscription
    │   ├── ConfigError              a setting is unknown, missing or wrong
    │   ├── DataFileError            a data file cannot be read as documented
    │   └── PluginError              something about an installed or missing plugin
    │       ├── ProviderNotInstalled     nobody serves this name
    │       ├── ProviderConflict         several distributions claim this name
    │       ├── PluginIncompatible       it was written for another plugin API
    │       ├── PluginBroken             it failed to load
    │       └── MissingDependency        a package that it needs is absent
    └── CallHuman                stop trading and look: retrying could cost money
        ├── AuthenticationFailed     the venue does not accept the credentials
        ├── AccountMismatch          the gateway manages other accounts than configured
        ├── LiveTradingRefused       a live account without the explicit guard
        ├── ReconciliationFailed     our orders or positions disagree with the venue
        ├── OrderStateUnknown        an order may or may not be working
        └── StoreCorrupt             the durable store cannot be trusted

Every error can carry the offending ``field``, its ``value`` and a ``remedy``; its text is one
readable block of all of them. Secrets never get into a value: pass ``SecretStr``, it stays masked.
"""

# ruff: noqa: N818 - the names say what happened; the root of the tree says that it is an error

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AccountMismatch",
    "AuthenticationFailed",
    "CallHuman",
    "ConfigError",
    "ConnectionFailed",
    "ConnectionLost",
    "DataFileError",
    "FixRequest",
    "GatewayNotReady",
    "InstrumentAmbiguous",
    "InstrumentNotFound",
    "InvalidRequest",
    "LiveTradingRefused",
    "MarketDataNotPermitted",
    "MissingDependency",
    "NotConnected",
    "OrderStateUnknown",
    "PacingViolation",
    "PluginBroken",
    "PluginError",
    "PluginIncompatible",
    "PoseiError",
    "ProviderConflict",
    "ProviderNotInstalled",
    "ReconciliationFailed",
    "RequestRejected",
    "RequestTimeout",
    "ResourceExhausted",
    "RetryLater",
    "StoreCorrupt",
    "Unsupported",
]

_LONGEST_VALUE: Final = 200


@final
class _Absent:
    """The type of "no value was given", because None is a value too."""

    def __repr__(self) -> str:
        return "ABSENT"

    def __reduce__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


class PoseiError(Exception):
    """Report a failure with the field, the value and the remedy.

    Args:
        message: What went wrong, in one line, without the value.
        field: The dotted name of the setting, argument or column that is wrong.
        value: What was found there. Never a bare secret.
        remedy: What the reader should do next.
        code: The venue's own error code, if it gave one.
    """

    exit_code: ClassVar[int] = 70
    """What a command line program exits with when this error ends it."""

    retryable: ClassVar[bool] = False
    """Whether the same request may succeed later."""

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        value: object = ABSENT,
        remedy: str | None = None,
        code: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.value = value
        self.remedy = remedy
        self.code = code
        self.source: str | None = None
        """The file that the failure is about, if whoever read it knew."""

    @property
    def has_value(self) -> bool:
        """Whether a value was given (None counts as one)."""
        return self.value is not ABSENT

    def lines(self) -> list[tuple[str, str]]:
        """Return the labelled parts below the message, in reading order."""
        parts: list[tuple[str, str]] = []
        if self.source is not None:
            parts.append(("file", self.source))
        if self.field is not None:
            parts.append(("field", self.field))
        if self.has_value:
            parts.append(("value", _shortened(repr(self.value))))
        if self.code is not None:
            parts.append(("code", str(self.code)))
        if self.remedy is not None:
            parts.append(("remedy", self.remedy))
        return parts

    def __str__(self) -> str:
        labelled = (f"  {label + ':':<8}{text}" for label, text in self.lines())
        return "\n".join([self.message, *labelled])

    def __reduce__(self) -> tuple[object, ...]:
        return (_restored, (type(self), self.args, self.__dict__))


def _restored(
    kind: type[PoseiError], args: tuple[object, ...], state: dict[str, object]
) -> PoseiError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


# --- wait, then try again ------------------------------------------------------------------------


class RetryLater(PoseiError):
    """Say that the request was fine and may succeed later."""

    exit_code = 3
    retryable = True


class ConnectionFailed(RetryLater, ConnectionError):
    """Nobody answered at the address."""


class ConnectionLost(RetryLater, ConnectionError):
    """An established connection broke; what was in flight has an unknown outcome."""


class NotConnected(RetryLater, ConnectionError):
    """The client is not connected, so the request was not sent."""


class RequestTimeout(RetryLater, TimeoutError):
    """No answer came in time; this is never the same as an empty answer."""


class PacingViolation(RetryLater):
    """The venue refused because requests came too fast."""


class GatewayNotReady(RetryLater):
    """The gateway is up but cannot serve yet."""


class ResourceExhausted(RetryLater):
    """A bounded queue, market data line or slot is full."""


# --- change the request --------------------------------------------------------------------------


class FixRequest(PoseiError):
    """Say that the same call will fail again until the caller changes it."""

    exit_code = 2


class InvalidRequest(FixRequest, ValueError):
    """A value that no venue could accept."""


class RequestRejected(FixRequest):
    """The venue understood the request and refused it."""


class Unsupported(FixRequest):
    """The provider cannot do what was asked; nothing was sent."""


class InstrumentNotFound(FixRequest, LookupError):
    """The venue knows no such instrument."""


class InstrumentAmbiguous(FixRequest, LookupError):
    """Several instruments fit the description."""


class MarketDataNotPermitted(FixRequest):
    """The account has no permission for this market data."""


class ConfigError(FixRequest):
    """A setting is unknown, missing or wrong; `problems` lists them when there are several."""

    problems: tuple[PoseiError, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[PoseiError]) -> ConfigError:
        """Return one error for several; its field, value and remedy are those of the first."""
        first = problems[0]
        error = cls(
            f"{len(problems)} settings are wrong",
            field=first.field,
            value=first.value,
            remedy=first.remedy,
        )
        error.problems = tuple(problems)
        return error

    def __str__(self) -> str:
        if not self.problems:
            return super().__str__()
        head = self.message if self.source is None else f"{self.message} in {self.source}"
        blocks = (str(problem).replace("\n", "\n  ") for problem in self.problems)
        return "\n- ".join([head, *blocks])


class DataFileError(FixRequest):
    """A data file cannot be read as documented; nothing of it was used."""


class PluginError(FixRequest):
    """Something is wrong with an installed or a missing plugin."""


class ProviderNotInstalled(PluginError, LookupError):
    """Nobody serves a provider, symbology or source of this name."""


class ProviderConflict(PluginError):
    """Several distributions claim one name, and none is pinned; none is served."""


class PluginIncompatible(PluginError):
    """The plugin was written for another version of the plugin API."""


class PluginBroken(PluginError):
    """The plugin is installed but failed to load; the cause is chained."""


class MissingDependency(PluginError, ImportError):
    """A package that the plugin needs is not installed."""


# --- call a human --------------------------------------------------------------------------------


class CallHuman(PoseiError):
    """Say that trading must stop until somebody has looked."""

    exit_code = 4


class AuthenticationFailed(CallHuman):
    """The venue does not accept the credentials."""


class AccountMismatch(CallHuman):
    """The gateway manages other accounts than the configured one."""


class LiveTradingRefused(CallHuman):
    """A live account was about to be traded without the explicit guard."""


class ReconciliationFailed(CallHuman):
    """Our view of orders or positions disagrees with the venue's."""


class OrderStateUnknown(CallHuman):
    """An order may or may not be working at the venue."""


class StoreCorrupt(CallHuman):
    """The durable store contains what it cannot contain."""
