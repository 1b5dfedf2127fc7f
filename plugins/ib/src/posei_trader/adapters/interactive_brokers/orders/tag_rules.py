"""Terms of IB's that mean nothing alone: without what they belong to, IB would not heed them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.orders.tables import SPECIAL_ORDER_TYPES
from posei_trader.adapters.interactive_brokers.orders.tags import read_tags
from posei_trader.model.enums import TimeInForce

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import OrderTerms

__all__ = ["tag_complaints"]

_COMPANIONS: Final[dict[str, str]] = {
    **dict.fromkeys(("algoParams",), "algoStrategy"),
    **dict.fromkeys(("hedgeParam", "hedgeMaxSize"), "hedgeType"),
    **dict.fromkeys(("discretionaryUpToLimitPrice", "auxPrice"), "orderType"),
    **dict.fromkeys(
        ("conditionsCancelOrder", "conditionsIgnoreRth", "conditionsIncludeOvernight"),
        "conditions",
    ),
    **dict.fromkeys(
        (
            "deltaNeutralAuxPrice",
            "deltaNeutralConId",
            "deltaNeutralSettlingFirm",
            "deltaNeutralClearingAccount",
            "deltaNeutralClearingIntent",
            "deltaNeutralOpenClose",
            "deltaNeutralShortSale",
            "deltaNeutralShortSaleSlot",
            "deltaNeutralDesignatedLocation",
        ),
        "deltaNeutralOrderType",
    ),
    **dict.fromkeys(
        (
            "scaleSubsLevelSize",
            "scalePriceAdjustValue",
            "scalePriceAdjustInterval",
            "scaleProfitOffset",
            "scaleAutoReset",
            "scaleInitPosition",
            "scaleInitFillQty",
            "scaleRandomPercent",
        ),
        "scalePriceIncrement",
    ),
    **dict.fromkeys(
        (
            "triggerPrice",
            "adjustedStopPrice",
            "adjustedStopLimitPrice",
            "adjustedTrailingAmount",
            "adjustableTrailingUnit",
        ),
        "adjustedOrderType",
    ),
}
"""Terms that need another one."""

_BEST: Final = frozenset({"PEG BEST"})
_BENCH: Final = frozenset({"PEG BENCH"})
_OF_TYPES: Final[dict[str, frozenset[str]]] = {
    "percentOffset": frozenset({"REL", "PASSV REL"}),
    **dict.fromkeys(("minCompeteSize", "competeAgainstBestOffset"), _BEST),
    **dict.fromkeys(("midOffsetAtWhole", "midOffsetAtHalf"), _BEST | {"PEG MID"}),
    **dict.fromkeys(
        (
            "volatility",
            "volatilityType",
            "continuousUpdate",
            "referencePriceType",
            "deltaNeutralOrderType",
        ),
        frozenset({"VOL"}),
    ),
    **dict.fromkeys(
        (
            "referenceContractId",
            "peggedChangeAmount",
            "isPeggedChangeAmountDecrease",
            "referenceChangeAmount",
            "referenceExchangeId",
        ),
        _BENCH,
    ),
    "delta": frozenset({"PEG STK"}),
    "auctionStrategy": frozenset({"BOX TOP"}),
    "startingPrice": _BENCH | {"PEG STK", "BOX TOP"},
    **dict.fromkeys(
        ("stockRefPrice", "stockRangeLower", "stockRangeUpper"), _BENCH | {"PEG STK", "VOL"}
    ),
}
"""Terms of certain order types of IB's."""

_OF_COMBINATIONS: Final = ("NonGuaranteed", "orderComboLegs", "smartComboRoutingParams")

_Complaint = tuple[str, object, str, str]


def tag_complaints(
    terms: OrderTerms, _instrument: Instrument, sec_type: str, _now_ns: int
) -> Iterator[_Complaint]:
    """Yield what IB would not heed, as (field, value, why, remedy).

    Raises:
        InvalidRequest: a tag cannot be read.
    """
    if not terms.tags:
        return
    given = read_tags(terms.tags).set_fields()
    kind = str(given.get("orderType", ""))
    if kind:
        yield from _type(terms, kind)
    for name, value in given.items():
        companion, types = _COMPANIONS.get(name), _OF_TYPES.get(name)
        if companion is not None and companion not in given:
            why = f"heeds {name} only together with {companion}"
            yield (f"IBOrderTags.{name}", value, why, f"give {companion} too, or leave {name} out")
        if types is not None and kind not in types:
            wanted = " or ".join(f"orderType={one!r}" for one in sorted(types))
            why = f"heeds {name} only for the order types that it belongs to"
            yield f"IBOrderTags.{name}", value, why, f"give {wanted} too, or leave {name} out"
        if name in _OF_COMBINATIONS and sec_type != "BAG":
            why = f"heeds {name} only for combinations"
            yield f"IBOrderTags.{name}", value, why, "trade the spread, or leave it out"


def _type(terms: OrderTerms, kind: str) -> Iterator[_Complaint]:
    bases = SPECIAL_ORDER_TYPES[kind]
    if terms.order_type not in bases:
        names = " or ".join(sorted(base.value for base in bases))
        why = f"has no {terms.order_type} order of the type {kind}"
        yield "IBOrderTags.orderType", kind, why, f"make it a {names} order"
    if terms.time_in_force is TimeInForce.AT_THE_CLOSE:
        why = "takes only plain market and limit orders at the close"
        yield "IBOrderTags.orderType", kind, why, "leave it out, or use another time in force"
