"""IB's order parameters that no order model has, to be carried in an order's tags."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import TagValue
from posei_trader.adapters.interactive_brokers.order_conditions import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
    check_time,
)
from posei_trader.adapters.interactive_brokers.orders.tables import SPECIAL_ORDER_TYPES
from posei_trader.errors import InvalidRequest

__all__ = [
    "ExecutionCondition",
    "IBOrderTags",
    "MarginCondition",
    "OrderCondition",
    "PercentChangeCondition",
    "PriceCondition",
    "SoftDollarTier",
    "TimeCondition",
    "VolumeCondition",
]

_PREFIX: Final = "IBOrderTags:"
_UP_TO_MID: Final = "competeAgainstBestOffset"
_INFINITY: Final = "Infinity"


class SoftDollarTier(msgspec.Struct, frozen=True, kw_only=True):
    """Who gets the soft dollars of an order."""

    name: str
    val: str
    displayName: str = ""


class IBOrderTags(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """IB's order parameters under IB's names; what is left at its default is not sent.

    ``str(tags)`` is the tag to put on an order: ``IBOrderTags:{"allOrNone":true}``. Times are
    ``YYYYMMDD HH:MM:SS zone`` or, in UTC, ``YYYYMMDD-HH:MM:SS``.

    Attributes:
        competeAgainstBestOffset: `math.inf` competes up to the midpoint.
        ocaGroup: Orders of one name cancel each other.
        ocaType: 1 cancel all with block, 2 reduce with block, 3 reduce without block; 0 leaves it
            to IB.
        conditions: What to wait for; a list or plain dicts with a ``type`` are accepted.
        conditionsCancelOrder: Cancel the order when the conditions come true, not submit it.
        NonGuaranteed: Let the legs of a combination be filled separately.
        orderComboLegs: A limit for each leg of a combination, in the order of the instrument's
            legs; the order's own price has to be what they come to.
        orderType: A type of IB's that our model has none for, such as ``"REL"`` or ``"VOL"``: put
            it on a market order, or on a limit order whose price is its cap.
        auxPrice: The offset of such a type.

    Raises:
        InvalidRequest: a value is impossible, or a time is not in IB's form.
    """

    # one cancels all
    ocaGroup: str = ""
    ocaType: int = 0
    # when it works
    activeStartTime: str = ""
    activeStopTime: str = ""
    goodAfterTime: str = ""
    outsideRth: bool = False
    includeOvernight: bool = False
    allowPreOpen: bool = False
    ignoreOpenAuction: bool = False
    duration: int | None = None
    # conditions
    conditions: tuple[OrderCondition, ...] = ()
    conditionsCancelOrder: bool = False
    conditionsIgnoreRth: bool = False
    conditionsIncludeOvernight: bool = False
    # how it is filled
    allOrNone: bool = False
    blockOrder: bool = False
    sweepToFill: bool = False
    hidden: bool = False
    notHeld: bool = False
    minQty: int | None = None
    minTradeQty: int | None = None
    minCompeteSize: int | None = None
    competeAgainstBestOffset: float | None = None
    midOffsetAtWhole: float | None = None
    midOffsetAtHalf: float | None = None
    discretionaryAmt: float = 0.0
    discretionaryUpToLimitPrice: bool = False
    percentOffset: float | None = None
    overridePercentageConstraints: bool = False
    usePriceMgmtAlgo: bool | None = None
    imbalanceOnly: bool = False
    postOnly: bool = False
    postToAts: int | None = None
    randomizePrice: bool = False
    randomizeSize: bool = False
    seekPriceImprovement: bool | None = None
    routeMarketableToBbo: bool | None = None
    optOutSmartRouting: bool = False
    dontUseAutoPriceForHedge: bool = False
    # algorithms and routing
    algoStrategy: str = ""
    algoParams: tuple[TagValue, ...] = ()
    algoId: str = ""
    softDollarTier: SoftDollarTier | None = None
    smartComboRoutingParams: tuple[TagValue, ...] = ()
    orderMiscOptions: tuple[TagValue, ...] = ()
    NonGuaranteed: bool = False
    orderComboLegs: tuple[float, ...] = ()
    # IB's own order types: auctions, volatility, pegs, scales
    orderType: str = ""
    auxPrice: float | None = None
    auctionStrategy: int = 0
    startingPrice: float | None = None
    stockRefPrice: float | None = None
    delta: float | None = None
    stockRangeLower: float | None = None
    stockRangeUpper: float | None = None
    volatility: float | None = None
    volatilityType: int | None = None
    continuousUpdate: bool = False
    referencePriceType: int | None = None
    deltaNeutralOrderType: str = ""
    deltaNeutralAuxPrice: float | None = None
    deltaNeutralConId: int = 0
    deltaNeutralSettlingFirm: str = ""
    deltaNeutralClearingAccount: str = ""
    deltaNeutralClearingIntent: str = ""
    deltaNeutralOpenClose: str = ""
    deltaNeutralShortSale: bool = False
    deltaNeutralShortSaleSlot: int = 0
    deltaNeutralDesignatedLocation: str = ""
    referenceContractId: int = 0
    peggedChangeAmount: float = 0.0
    isPeggedChangeAmountDecrease: bool = False
    referenceChangeAmount: float = 0.0
    referenceExchangeId: str = ""
    scaleInitLevelSize: int | None = None
    scaleSubsLevelSize: int | None = None
    scalePriceIncrement: float | None = None
    scalePriceAdjustValue: float | None = None
    scalePriceAdjustInterval: int | None = None
    scaleProfitOffset: float | None = None
    scaleAutoReset: bool = False
    scaleInitPosition: int | None = None
    scaleInitFillQty: int | None = None
    scaleRandomPercent: bool = False
    scaleTable: str = ""
    hedgeType: str = ""
    hedgeParam: str = ""
    hedgeMaxSize: int | None = None
    adjustedOrderType: str = ""
    triggerPrice: float | None = None
    adjustedStopPrice: float | None = None
    adjustedStopLimitPrice: float | None = None
    adjustedTrailingAmount: float | None = None
    adjustableTrailingUnit: int = 0
    # clearing, advisors, regulation
    faGroup: str = ""
    faMethod: str = ""
    faPercentage: str = ""
    modelCode: str = ""
    openClose: str = ""
    origin: int = 0
    rule80A: str = ""
    shortSaleSlot: int = 0
    designatedLocation: str = ""
    exemptCode: int = -1
    settlingFirm: str = ""
    clearingAccount: str = ""
    clearingIntent: str = ""
    customerAccount: str = ""
    professionalCustomer: bool = False
    bondAccruedInterest: str = ""
    extOperator: str = ""
    manualOrderTime: str = ""
    manualOrderIndicator: int | None = None
    mifid2DecisionMaker: str = ""
    mifid2DecisionAlgo: str = ""
    mifid2ExecutionTrader: str = ""
    mifid2ExecutionAlgo: str = ""
    advancedErrorOverride: str = ""
    autoCancelParent: bool = False
    isOmsContainer: bool = False
    solicited: bool = False
    # asking instead of trading
    whatIf: bool = False
    whatIfType: int | None = None

    def __post_init__(self) -> None:
        for name in _SEQUENCES:
            force = getattr(self, name)
            if not isinstance(force, tuple) or any(isinstance(item, dict) for item in force):
                msgspec.structs.force_setattr(self, name, _converted(name, force))
        for name in _TIMES:
            if getattr(self, name):
                check_time(f"IBOrderTags.{name}", getattr(self, name))
        for name, kinds in _TYPES:
            _check_type(name, getattr(self, name), kinds)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise InvalidRequest(
                    f"{name} has no such value",
                    field=f"IBOrderTags.{name}",
                    value=getattr(self, name),
                    remedy=f"give one of {', '.join(map(repr, allowed))}",
                )

    @property
    def value(self) -> str:
        """Return the text to put into an order's tags."""
        fields: object = self
        if self.competeAgainstBestOffset == math.inf:  # which JSON has no number for
            fields = {**msgspec.to_builtins(self), _UP_TO_MID: _INFINITY}
        return f"{_PREFIX}{msgspec.json.encode(fields).decode()}"

    def __str__(self) -> str:
        return self.value

    @staticmethod
    def is_tag(text: str) -> bool:
        """Return whether an order's tag is one of these."""
        return text.startswith(_PREFIX)

    @classmethod
    def parse(cls, text: str) -> IBOrderTags:
        """Read the text form.

        Raises:
            InvalidRequest: it is not one, or a field is unknown or has the wrong type.
        """
        try:
            fields = msgspec.json.decode(text.removeprefix(_PREFIX), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise _unreadable(text, str(error)) from error
        unknown = sorted(set(fields) - set(cls.__struct_fields__))
        if unknown or not text.startswith(_PREFIX):
            raise _unreadable(text, f"no such field: {', '.join(unknown) or 'IBOrderTags'}")
        if fields.get(_UP_TO_MID) == _INFINITY:
            fields[_UP_TO_MID] = math.inf
        try:
            return msgspec.convert(fields, cls)
        except msgspec.ValidationError as error:
            raise _unreadable(text, str(error)) from error

    def set_fields(self) -> dict[str, object]:
        """Return what differs from IB's defaults, by name, in IB's order of fields."""
        return {
            name: value for name, default in _DEFAULTS if (value := getattr(self, name)) != default
        }


_DEFAULTS: Final = tuple(
    (field.name, field.default) for field in msgspec.structs.fields(IBOrderTags)
)
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
}
_TYPES: Final = tuple(
    (name, _KINDS[kind.removesuffix(" | None")])
    for name, kind in IBOrderTags.__annotations__.items()
    if kind.removesuffix(" | None") in _KINDS
)
_SEQUENCES: Final[dict[str, Any]] = {
    "conditions": tuple[OrderCondition, ...],
    "orderComboLegs": tuple[float, ...],
    "algoParams": tuple[TagValue, ...],
    "smartComboRoutingParams": tuple[TagValue, ...],
    "orderMiscOptions": tuple[TagValue, ...],
}
_TIMES: Final = ("activeStartTime", "activeStopTime", "goodAfterTime", "manualOrderTime")
_CHOICES: Final[dict[str, tuple[object, ...]]] = {
    "ocaType": (0, 1, 2, 3),
    "orderType": ("", *SPECIAL_ORDER_TYPES),
    "auctionStrategy": (0, 1, 2, 3),
    "shortSaleSlot": (0, 1, 2),
    "origin": (0, 1),
    "openClose": ("", "O", "C"),
    "hedgeType": ("", "D", "B", "F", "P"),
    "clearingIntent": ("", "IB", "Away", "PTA"),
    "volatilityType": (None, 1, 2),
    "referencePriceType": (None, 0, 1, 2),
}


def _converted(name: str, items: object) -> object:
    if isinstance(items, dict):
        items = [{"tag": tag, "value": str(value)} for tag, value in items.items()]
    try:
        return msgspec.convert(items, _SEQUENCES[name], from_attributes=True)
    except msgspec.ValidationError as error:
        raise InvalidRequest(
            f"{name} cannot be read",
            field=f"IBOrderTags.{name}",
            value=items,
            remedy=str(error),
        ) from error


def _check_type(name: str, value: object, kinds: tuple[type, ...]) -> None:
    """Refuse another type, and numbers that no order can have: JSON would write nothing for them.

    IB means "up to the midpoint" by an infinite offset against the best.
    """
    is_number = not isinstance(value, float) or math.isfinite(value)
    is_kind = isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))
    if value is None or (is_kind and is_number):
        return
    if name == _UP_TO_MID and value == math.inf:
        return
    raise InvalidRequest(
        f"{name} has no such value",
        field=f"IBOrderTags.{name}",
        value=value,
        remedy=f"give a {kinds[0].__name__}" + (" that is a number" if float in kinds else ""),
    )


def _unreadable(text: str, reason: str) -> InvalidRequest:
    return InvalidRequest(
        "the order tag cannot be read as IBOrderTags",
        field="order tags",
        value=text,
        remedy=f"{reason}; build it with IBOrderTags(...).value",
    )
