"""What an order can wait for: IB's six kinds of conditions."""

from __future__ import annotations

import math
import re
from typing import Final

import msgspec

from posei_trader.errors import InvalidRequest

__all__ = [
    "ExecutionCondition",
    "MarginCondition",
    "OrderCondition",
    "PercentChangeCondition",
    "PriceCondition",
    "TimeCondition",
    "VolumeCondition",
    "check_time",
]

_TIME: Final = re.compile(r"\d{8}([ -]\d{2}:\d{2}:\d{2}( ?[A-Za-z][\w/+-]*)?)?")
_TRIGGER_METHODS: Final = (0, 1, 2, 3, 4, 7, 8)


class _Condition(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What all conditions share.

    Attributes:
        conjunction: How it joins the next one: ``and`` or ``or``.
        isMore: True waits for the value to rise to the limit, False for it to fall.
    """

    conjunction: str = "and"
    isMore: bool = True

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidRequest(
                    f"{name} is no number",
                    field=f"{type(self).__name__}.{name}",
                    value=value,
                    remedy="give a finite number",
                )
        if self.conjunction not in {"and", "or"}:
            raise InvalidRequest(
                "conditions are joined by 'and' or 'or'",
                field=f"{type(self).__name__}.conjunction",
                value=self.conjunction,
                remedy="give 'and' or 'or'",
            )


class PriceCondition(_Condition, frozen=True, kw_only=True, tag="price"):
    """Wait for a price of a contract.

    Attributes:
        triggerMethod: 0 default, 1 double bid/ask, 2 last, 3 double last, 4 bid/ask,
            7 last or bid/ask, 8 midpoint.
    """

    conId: int
    exchange: str
    price: float
    triggerMethod: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.triggerMethod not in _TRIGGER_METHODS:
            raise InvalidRequest(
                "there is no such trigger method",
                field="PriceCondition.triggerMethod",
                value=self.triggerMethod,
                remedy=f"give one of {', '.join(map(str, _TRIGGER_METHODS))}",
            )


class TimeCondition(_Condition, frozen=True, kw_only=True, tag="time"):
    """Wait for a moment: ``YYYYMMDD HH:MM:SS zone``."""

    time: str

    def __post_init__(self) -> None:
        super().__post_init__()
        check_time("TimeCondition.time", self.time)


class MarginCondition(_Condition, frozen=True, kw_only=True, tag="margin"):
    """Wait for the account's margin cushion, in percent."""

    percent: int


class ExecutionCondition(_Condition, frozen=True, kw_only=True, tag="execution"):
    """Wait for a trade of ours in another contract."""

    symbol: str
    secType: str
    exchange: str


class VolumeCondition(_Condition, frozen=True, kw_only=True, tag="volume"):
    """Wait for the day's volume of a contract."""

    conId: int
    exchange: str
    volume: int


class PercentChangeCondition(_Condition, frozen=True, kw_only=True, tag="percent_change"):
    """Wait for a contract's change since the last close, in percent."""

    conId: int
    exchange: str
    changePercent: float


OrderCondition = (
    PriceCondition
    | TimeCondition
    | MarginCondition
    | ExecutionCondition
    | VolumeCondition
    | PercentChangeCondition
)
"""Any condition of an order."""


def check_time(field: str, text: str) -> None:
    """Check the form of one of IB's times.

    Raises:
        InvalidRequest: it is another one.
    """
    if not isinstance(text, str) or not _TIME.fullmatch(text):
        raise InvalidRequest(
            "not a time in IB's form",
            field=field,
            value=text,
            remedy="give '20240315 09:30:00 US/Eastern', or '20240315-14:30:00' for UTC",
        )
