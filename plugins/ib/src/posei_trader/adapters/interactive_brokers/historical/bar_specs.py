"""Which bars IB has: its names for sizes and prices, and what it has for which contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.errors import Unsupported
from posei_trader.model.enums import BarAggregation, PriceType

if TYPE_CHECKING:
    from posei_trader.model.bars import BarSpecification

_A = BarAggregation

BAR_SIZES: Final[dict[tuple[int, BarAggregation], str]] = {
    (1, _A.SECOND): "1 secs",
    (5, _A.SECOND): "5 secs",
    (10, _A.SECOND): "10 secs",
    (15, _A.SECOND): "15 secs",
    (30, _A.SECOND): "30 secs",
    (1, _A.MINUTE): "1 min",
    (2, _A.MINUTE): "2 mins",
    (3, _A.MINUTE): "3 mins",
    (5, _A.MINUTE): "5 mins",
    (10, _A.MINUTE): "10 mins",
    (15, _A.MINUTE): "15 mins",
    (20, _A.MINUTE): "20 mins",
    (30, _A.MINUTE): "30 mins",
    (1, _A.HOUR): "1 hour",
    (2, _A.HOUR): "2 hours",
    (3, _A.HOUR): "3 hours",
    (4, _A.HOUR): "4 hours",
    (8, _A.HOUR): "8 hours",
    (1, _A.DAY): "1 day",
    (1, _A.WEEK): "1 week",
    (1, _A.MONTH): "1 month",
}
"""IB's names of the bar sizes it has."""

CALENDAR_BARS: Final = frozenset({_A.DAY, _A.WEEK, _A.MONTH})
"""Bars that IB stamps with a date instead of a moment."""

_WHAT_TO_SHOW: Final[dict[PriceType, str]] = {
    PriceType.LAST: "TRADES",
    PriceType.BID: "BID",
    PriceType.ASK: "ASK",
    PriceType.MID: "MIDPOINT",
}

NO_TRADES: Final = frozenset({"CASH", "CFD"})
"""Contracts without a tape: IB has quotes of them only."""

NO_QUOTES: Final = frozenset({"IND"})
"""Contracts that nobody quotes: IB has values of them only."""


def bar_size(spec: BarSpecification) -> str:
    """Return IB's name of a bar size.

    Raises:
        Unsupported: IB has no such bars; names those it has.
    """
    size = BAR_SIZES.get((spec.step, spec.aggregation))
    if size is None:
        choices = ", ".join(f"{step}-{unit}" for step, unit in BAR_SIZES)
        raise Unsupported(
            "Interactive Brokers has no such bars",
            field="bar specification",
            value=str(spec),
            remedy=f"ask for one of {choices}; or let the data engine build them (INTERNAL)",
        )
    return size


def what_to_show(price_type: PriceType, sec_type: str) -> str:
    """Return IB's name of the price that bars are made of.

    Raises:
        Unsupported: IB has no such price for this type of contract; names the alternative.
    """
    check_has(price_type, sec_type)
    if price_type is PriceType.LAST and sec_type == "CRYPTO":
        return "AGGTRADES"
    return _WHAT_TO_SHOW[price_type]


def check_has(price_type: PriceType, sec_type: str) -> None:
    """Check that IB has a price of this kind for a type of contract.

    Raises:
        Unsupported: it has not; names the alternative.
    """
    if price_type is PriceType.LAST and sec_type in NO_TRADES:
        raise Unsupported(
            f"Interactive Brokers has no trades of {sec_type} contracts",
            field="price type",
            value=price_type,
            remedy="ask for MID, BID or ASK bars, or BID_ASK ticks",
        )
    if price_type is not PriceType.LAST and sec_type in NO_QUOTES:
        raise Unsupported(
            f"Interactive Brokers has no quotes of {sec_type} contracts",
            field="price type",
            value=price_type,
            remedy="ask for LAST bars",
        )
