"""What each of IB's codes means: how bad it is, what it is about, and what has to happen.

One code can mean different things for a request and for an order, so a rule has an action for each.
A code that nobody listed is never a log line alone: bound to a request it fails it, bound to an
order it reaches the order handler as `ORDER_UNCERTAIN`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final, final

from posei_trader.errors import (
    ConnectionFailed,
    ConnectionLost,
    InstrumentAmbiguous,
    InstrumentNotFound,
    MarketDataNotPermitted,
    PacingViolation,
    PoseiError,
    RequestRejected,
    RequestTimeout,
    ResourceExhausted,
    Unsupported,
)

__all__ = [
    "About",
    "Action",
    "ErrorRule",
    "Severity",
    "error_for",
    "is_listed",
    "listed_codes",
    "rule_for",
]


@unique
class Severity(StrEnum):
    """How bad a code is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@unique
class About(StrEnum):
    """What a code is about."""

    FARM = "farm"
    CONNECTION = "connection"
    MARKET_DATA = "market data"
    HISTORY = "history"
    CONTRACT = "contract"
    REQUEST = "request"
    ORDER = "order"
    ACCOUNT = "account"
    UNLISTED = "unlisted"


@unique
class Action(StrEnum):
    """What has to happen."""

    NOTE = "note"
    """Nothing: it is logged."""
    FARM_BROKEN = "farm broken"
    """A data farm is unreachable; IB resumes its streams by itself."""
    FARM_OK = "farm ok"
    UPSTREAM_LOST = "upstream lost"
    """The gateway lost IB's servers; the socket stays."""
    RESTORED_DATA_LOST = "restored, data lost"
    """Every stream has to be opened anew."""
    RESTORED_DATA_KEPT = "restored, data kept"
    RECONNECT = "reconnect"
    """The gateway ends this connection."""
    CLIENT_ID_IN_USE = "client id in use"

    FAIL = "fail"
    """The request or stream has ended with an error."""
    EMPTY = "empty"
    """The answer is known, and it is: nothing."""
    RETRY = "retry"
    """The request came too fast: wait, then send it again."""
    REISSUE = "reissue"
    """The stream has to be opened anew, under another id."""
    RESET_BOOK = "reset book"
    """The book is void; its rows follow."""

    ORDER_REJECTED = "order rejected"
    ORDER_CANCELLED = "order cancelled"
    CANCEL_REJECTED = "cancel rejected"
    MODIFY_REJECTED = "modify rejected"
    """The order goes on as it was."""
    ORDER_WARNING = "order warning"
    """The order goes on."""
    ORDER_UNCERTAIN = "order uncertain"
    """Only the order's status tells whether it lives."""
    ORDER_NOT_SENT = "order not sent"
    """The order never left: the connection went first."""
    CHANGE_NOT_SENT = "change not sent"
    """A change of the order never left; the order itself may have."""
    CANCEL_NOT_SENT = "cancel not sent"
    """A cancel of the order never left; the order itself may have."""


@final
@dataclass(frozen=True, slots=True)
class ErrorRule:
    """What a code means.

    Args:
        severity: How bad it is.
        about: What it is about.
        request: What happens to a request or stream that it is bound to.
        order: What happens to an order that it is bound to.
        error: What a failed request raises.
        remedy: What a reader can do.
        stream: What happens to a stream that it is bound to, where that differs from a request.
    """

    severity: Severity
    about: About
    request: Action
    order: Action
    error: type[PoseiError] = RequestRejected
    remedy: str | None = None
    stream: Action | None = None


_INFO, _WARNING, _ERROR = Severity.INFO, Severity.WARNING, Severity.ERROR
_A = Action

_SUBSCRIBE: Final = (
    "subscribe to this market data in IB's account management, or use delayed data "
    "(market_data_type=DELAYED_FROZEN)"
)
_SUBSCRIBE_LIVE: Final = (
    "subscribe to this market data in IB's account management; IB delays neither ticks one by one "
    "nor bars nor books, only level one: quotes, trades by fallback_to_level_one, and bars that "
    "are built of them (INTERNAL)"
)
_SUBSCRIBE_ONLY: Final = (
    "subscribe to this market data in IB's account management; IB has no delayed data of it"
)


def _notice(
    severity: Severity, about: About, action: Action, remedy: str | None = None
) -> ErrorRule:
    """Rule of a code that concerns nobody in particular."""
    return ErrorRule(severity, about, action, action, ConnectionLost, remedy)


def _request(
    about: About, error: type[PoseiError], remedy: str | None = None, action: Action = Action.FAIL
) -> ErrorRule:
    return ErrorRule(_ERROR, about, action, Action.ORDER_UNCERTAIN, error, remedy)


def _order(
    action: Action,
    severity: Severity = Severity.ERROR,
    remedy: str | None = None,
    error: type[PoseiError] = RequestRejected,
) -> ErrorRule:
    return ErrorRule(severity, About.ORDER, Action.FAIL, action, error, remedy)


_IGNORED: Final = ErrorRule(_INFO, About.REQUEST, _A.NOTE, _A.ORDER_WARNING)
_REJECTED: Final = _order(_A.ORDER_REJECTED)
_PERMISSION: Final = _request(About.MARKET_DATA, MarketDataNotPermitted, _SUBSCRIBE)
_PACING: Final = replace(
    _request(About.REQUEST, PacingViolation, "wait; requests are sent more slowly now", _A.RETRY),
    severity=_WARNING,  # it is asked again; what fails for good raises
)

_RULES: Final[dict[int, ErrorRule]] = {
    # the connection to IB's servers
    1100: _notice(_ERROR, About.CONNECTION, _A.UPSTREAM_LOST),
    1101: _notice(_WARNING, About.CONNECTION, _A.RESTORED_DATA_LOST),
    1102: _notice(_INFO, About.CONNECTION, _A.RESTORED_DATA_KEPT),
    1300: _notice(_ERROR, About.CONNECTION, _A.RECONNECT, "correct the port in the configuration"),
    2110: _notice(_ERROR, About.CONNECTION, _A.UPSTREAM_LOST),
    502: _notice(_ERROR, About.CONNECTION, _A.RECONNECT),
    504: _notice(_ERROR, About.CONNECTION, _A.RECONNECT),
    507: _notice(_ERROR, About.CONNECTION, _A.RECONNECT),
    326: ErrorRule(
        _ERROR,
        About.CONNECTION,
        _A.CLIENT_ID_IN_USE,
        _A.CLIENT_ID_IN_USE,
        ConnectionFailed,
        "give this connection an ibg_client_id of its own, or end the program that uses it",
    ),
    # data farms
    2103: _notice(_WARNING, About.FARM, _A.FARM_BROKEN),
    2105: _notice(_WARNING, About.FARM, _A.FARM_BROKEN),
    2157: _notice(_WARNING, About.FARM, _A.FARM_BROKEN),
    2104: _notice(_INFO, About.FARM, _A.FARM_OK),
    2106: _notice(_INFO, About.FARM, _A.FARM_OK),
    2158: _notice(_INFO, About.FARM, _A.FARM_OK),
    2107: _notice(_INFO, About.FARM, _A.NOTE),
    2108: _notice(_INFO, About.FARM, _A.NOTE),
    2119: _notice(_INFO, About.FARM, _A.NOTE),
    # too fast, too many
    100: _PACING,
    101: _request(About.MARKET_DATA, ResourceExhausted, "unsubscribe something first"),
    309: _request(About.MARKET_DATA, ResourceExhausted, "unsubscribe a book first"),
    10190: _request(
        About.MARKET_DATA, ResourceExhausted, "unsubscribe a tick-by-tick stream first"
    ),
    # contracts
    200: ErrorRule(
        _ERROR,
        About.CONTRACT,
        _A.FAIL,
        _A.ORDER_REJECTED,
        InstrumentNotFound,
        "check symbol, exchange, currency and expiry in IB's contract search",
    ),
    203: ErrorRule(_ERROR, About.CONTRACT, _A.FAIL, _A.ORDER_REJECTED, RequestRejected),
    478: ErrorRule(_ERROR, About.CONTRACT, _A.FAIL, _A.ORDER_REJECTED, RequestRejected),
    # market data
    102: _request(About.MARKET_DATA, RequestRejected, action=_A.REISSUE),
    316: _request(About.MARKET_DATA, RequestRejected, action=_A.REISSUE),
    317: _request(About.MARKET_DATA, RequestRejected, action=_A.RESET_BOOK),
    354: _PERMISSION,
    10089: _PERMISSION,
    10168: _PERMISSION,
    10186: _PERMISSION,
    10090: ErrorRule(
        _WARNING, About.MARKET_DATA, _A.NOTE, _A.ORDER_WARNING, MarketDataNotPermitted, _SUBSCRIBE
    ),
    10167: ErrorRule(
        _WARNING, About.MARKET_DATA, _A.NOTE, _A.ORDER_WARNING, MarketDataNotPermitted, _SUBSCRIBE
    ),
    10197: _request(
        About.MARKET_DATA,
        ResourceExhausted,
        "end the other session of this user that takes the market data",
        _A.REISSUE,
    ),
    10182: _request(About.MARKET_DATA, ConnectionLost, action=_A.REISSUE),
    10189: _request(About.MARKET_DATA, RequestRejected, action=_A.REISSUE),
    10225: _request(About.MARKET_DATA, ConnectionLost, action=_A.REISSUE),
    420: _request(About.MARKET_DATA, RequestRejected),
    # history
    162: _request(About.HISTORY, RequestRejected),
    165: ErrorRule(_WARNING, About.HISTORY, _A.NOTE, _A.ORDER_WARNING),
    10187: _request(About.HISTORY, RequestRejected),
    10339: _request(
        About.HISTORY, RequestRejected, "leave the end time out for continuous futures"
    ),
    # cancelling what has ended already
    300: _IGNORED,
    310: _IGNORED,
    365: _IGNORED,
    366: _IGNORED,
    # requests
    320: _request(About.REQUEST, RequestRejected),
    321: ErrorRule(_ERROR, About.REQUEST, _A.FAIL, _A.ORDER_REJECTED, RequestRejected),
    322: _request(About.REQUEST, RequestRejected),
    344: _request(About.ACCOUNT, Unsupported, "this is no financial advisor's account"),
    503: _request(About.REQUEST, Unsupported, "update TWS or IB Gateway"),
    505: ErrorRule(_WARNING, About.REQUEST, _A.NOTE, _A.ORDER_WARNING),
    # orders: refused for certain
    103: _order(_A.ORDER_REJECTED, remedy="an order id was used twice; get a new one"),
    106: _REJECTED,
    107: _REJECTED,
    109: _REJECTED,
    110: _order(_A.ORDER_REJECTED, remedy="round the price to the instrument's price increment"),
    111: _REJECTED,
    116: _REJECTED,
    201: _REJECTED,
    355: _REJECTED,
    387: _REJECTED,
    388: _REJECTED,
    434: _REJECTED,
    460: _REJECTED,
    463: _REJECTED,
    10006: _REJECTED,
    10289: _REJECTED,
    10293: _REJECTED,
    10318: _REJECTED,
    # orders: cancelled, or not
    202: _order(_A.ORDER_CANCELLED, _INFO),
    135: _order(_A.CANCEL_REJECTED),
    136: _order(_A.CANCEL_REJECTED),
    161: _order(_A.CANCEL_REJECTED),
    10147: _order(_A.CANCEL_REJECTED),
    10148: _order(_A.CANCEL_REJECTED),
    104: _order(_A.MODIFY_REJECTED),
    105: _order(_A.MODIFY_REJECTED),
    # orders: the order goes on
    399: _order(_A.ORDER_WARNING, _WARNING),
    404: _order(_A.ORDER_WARNING, _WARNING),
    492: _order(_A.ORDER_WARNING, _WARNING),
    10349: _order(_A.ORDER_WARNING, _WARNING),
    2109: _order(_A.ORDER_WARNING, _WARNING),
    2161: _order(_A.ORDER_WARNING, _WARNING),
}

_WARNINGS: Final = range(2100, 2200)
_WARNING_RULE: Final = ErrorRule(_WARNING, About.REQUEST, _A.NOTE, _A.ORDER_WARNING)
_UNLISTED: Final = ErrorRule(_ERROR, About.UNLISTED, _A.FAIL, _A.ORDER_UNCERTAIN)

_NEVER_DELAYED: Final = frozenset({162, 420, 10187, 10189})
_LIVE_ONLY: Final = replace(_PERMISSION, remedy=_SUBSCRIBE_LIVE)

_BY_TEXT: Final[tuple[tuple[frozenset[int], str, ErrorRule], ...]] = (
    (frozenset({200}), "ambiguous", replace(_RULES[200], error=InstrumentAmbiguous)),
    (
        frozenset({162}),
        "returned no data",
        replace(_RULES[162], request=_A.EMPTY, severity=Severity.INFO),
    ),
    (_NEVER_DELAYED, "pacing violation", _PACING),
    (frozenset({162}), "number of simultaneous historical requests", _PACING),
    (_NEVER_DELAYED, "permission", _LIVE_ONLY),
    (_NEVER_DELAYED, "not subscribed", _LIVE_ONLY),
    (
        frozenset({354}),
        "delayed market data is not available",
        replace(_PERMISSION, remedy=_SUBSCRIBE_ONLY),
    ),
    (
        _NEVER_DELAYED,
        "session is connected from a different ip",
        replace(_RULES[10197], request=_A.FAIL, stream=_A.REISSUE),
    ),
    (frozenset({162}), "query cancelled", replace(_RULES[162], error=ConnectionLost)),
    (frozenset({162}), "timed out", replace(_RULES[162], error=RequestTimeout)),
    (frozenset({321, 322}), "maximum number", replace(_RULES[322], error=ResourceExhausted)),
    (
        frozenset({321}),
        "read-only",
        replace(_RULES[321], remedy="switch off the read-only API in the gateway's settings"),
    ),
)
"""Codes that say several things: what their text contains, in small letters, decides first."""


def rule_for(code: int, message: str = "") -> ErrorRule:
    """Return what a code means, with a text that may say it more precisely."""
    lowered = message.lower()
    for codes, phrase, rule in _BY_TEXT:
        if code in codes and phrase in lowered:
            return rule
    listed = _RULES.get(code)
    if listed is not None:
        return listed
    return _WARNING_RULE if code in _WARNINGS else _UNLISTED


def is_listed(code: int) -> bool:
    """Whether somebody has decided what the code means."""
    return code in _RULES or code in _WARNINGS


def listed_codes() -> tuple[int, ...]:
    """Return every listed code, ascending."""
    return tuple(sorted(_RULES))


def error_for(code: int, message: str, subject: str) -> PoseiError:
    """Return what a request raises that IB answered with a code.

    Args:
        code: IB's code.
        message: IB's text.
        subject: What was asked, for people: ``"contract details of STK AAPL"``.
    """
    rule = rule_for(code, message)
    return rule.error(
        message.strip(), field="request", value=subject, remedy=rule.remedy, code=code
    )
