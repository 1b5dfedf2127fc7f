"""The parameters of a subscription: texts that mean yes or no, a depth, a number of seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.requests import Subscription

__all__ = ["STALE_AFTER", "depth_of", "flag", "flag_of", "stale_after_of", "truth_of"]

STALE_AFTER: Final = "stale_after"
"""Seconds of trading hours without a message after which a stream is opened anew."""

_DEFAULT_DEPTH: Final = 20


def flag(context: StreamContext, name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false.

    Raises:
        InvalidRequest: it is neither.
    """
    return flag_of(context.subscription, name, default=default)


def flag_of(subscription: Subscription, name: str, *, default: bool) -> bool:
    """Return a parameter that is true or false. Raises as :func:`flag`."""
    return truth_of(name, dict(subscription.params).get(name), default=default)


def truth_of(name: str, value: str | None, *, default: bool) -> bool:
    """Return what a text means that says yes or no, the default without one.

    Raises:
        InvalidRequest: it says neither.
    """
    if value is None:
        return default
    if value.lower() in {"true", "1", "yes"}:
        return True
    if value.lower() in {"false", "0", "no"}:
        return False
    raise InvalidRequest(
        f"the parameter {name} is true or false",
        field=f"params {name}",
        value=value,
        remedy="write 'true' or 'false'",
    )


def depth_of(context: StreamContext) -> int:
    """Return how many rows of a book are wanted.

    Raises:
        InvalidRequest: it is no positive whole number.
    """
    text = dict(context.subscription.params).get("depth", str(_DEFAULT_DEPTH))
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise InvalidRequest(
        "the depth of a book is a positive whole number",
        field="params depth",
        value=text,
        remedy=f"write '{_DEFAULT_DEPTH}'",
    )


def stale_after_of(subscription: Subscription, default: float | None) -> float | None:
    """Return after how many seconds of silence a stream is opened anew, None for never.

    Raises:
        InvalidRequest: it is no number of seconds.
    """
    text = dict(subscription.params).get(STALE_AFTER)
    if text is None:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if math.isfinite(seconds) and seconds >= 0:
        return seconds or None
    raise InvalidRequest(
        "how long a stream may be silent is a number of seconds",
        field=f"params {STALE_AFTER}",
        value=text,
        remedy="write '60', or '0' for never",
    )
