"""IB's words for order types, times in force, triggers, sides and states, and ours."""

from __future__ import annotations

from typing import Final

from posei_trader.model.enums import (
    LiquiditySide,
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TriggerType,
)

_T = OrderType
_F = TimeInForce

ORDER_TYPES: Final[dict[OrderType, str]] = {
    _T.MARKET: "MKT",
    _T.LIMIT: "LMT",
    _T.STOP_MARKET: "STP",
    _T.STOP_LIMIT: "STP LMT",
    _T.MARKET_TO_LIMIT: "MTL",
    _T.MARKET_IF_TOUCHED: "MIT",
    _T.LIMIT_IF_TOUCHED: "LIT",
    _T.TRAILING_STOP_MARKET: "TRAIL",
    _T.TRAILING_STOP_LIMIT: "TRAIL LIMIT",
}
"""Our order types as IB spells them."""

CLOSING_ORDER_TYPES: Final[dict[OrderType, str]] = {_T.MARKET: "MOC", _T.LIMIT: "LOC"}
"""At the close, IB wants another order type instead of another time in force."""

_PLAIN: Final = frozenset({_T.MARKET, _T.LIMIT})
_MARKET: Final = frozenset({_T.MARKET})

SPECIAL_ORDER_TYPES: Final[dict[str, frozenset[OrderType]]] = {
    **dict.fromkeys(
        ("REL", "PASSV REL", "MIDPRICE", "PEG MKT", "PEG MID", "PEG BEST", "PEG BENCH", "PEG STK"),
        _PLAIN,
    ),
    **dict.fromkeys(("VOL", "MKT PRT", "BOX TOP", "SNAP MKT", "SNAP MID", "SNAP PRIM"), _MARKET),
    "STP PRT": frozenset({_T.STOP_MARKET}),
}
"""IB's order types that we have none for, and which of ours they refine: a limit is their cap."""

ORDER_TYPES_OF_IB: Final[dict[str, OrderType]] = {
    **{name: kind for kind, name in ORDER_TYPES.items()},
    "MOC": _T.MARKET,
    "LOC": _T.LIMIT,
    "STPLMT": _T.STOP_LIMIT,
    "TRAILLMT": _T.TRAILING_STOP_LIMIT,
    "TRAILLIMIT": _T.TRAILING_STOP_LIMIT,
    "MIDPRICE": _T.LIMIT,
    "REL": _T.LIMIT,
    "PEG MKT": _T.LIMIT,
    "PEG MID": _T.LIMIT,
    "PEG BEST": _T.LIMIT,
    "MKT PRT": _T.MARKET,
    "STP PRT": _T.STOP_MARKET,
}
"""IB's order types as the nearest of ours: for orders that were placed elsewhere."""

TIMES_IN_FORCE: Final[dict[TimeInForce, str]] = {
    _F.DAY: "DAY",
    _F.GTC: "GTC",
    _F.IOC: "IOC",
    _F.FOK: "FOK",
    _F.GTD: "GTD",
    _F.AT_THE_OPEN: "OPG",
    _F.AT_THE_CLOSE: "DAY",
}
"""Our times in force as IB spells them; at the close the order type says it."""

TIMES_IN_FORCE_OF_IB: Final[dict[str, TimeInForce]] = {
    "DAY": _F.DAY,
    "GTC": _F.GTC,
    "IOC": _F.IOC,
    "FOK": _F.FOK,
    "GTD": _F.GTD,
    "OPG": _F.AT_THE_OPEN,
    "DTC": _F.DAY,
    "AUC": _F.AT_THE_OPEN,
    "Minutes": _F.GTD,
    "": _F.DAY,
}
"""IB's times in force as ours."""

TRIGGER_METHODS: Final[dict[TriggerType, int]] = {
    TriggerType.DEFAULT: 0,
    TriggerType.DOUBLE_BID_ASK: 1,
    TriggerType.LAST_PRICE: 2,
    TriggerType.DOUBLE_LAST: 3,
    TriggerType.BID_ASK: 4,
    TriggerType.LAST_OR_BID_ASK: 7,
    TriggerType.MID_POINT: 8,
}
"""IB's numbers of the ways to trigger."""

TRIGGERED_TYPES: Final = frozenset(
    {
        _T.STOP_MARKET,
        _T.STOP_LIMIT,
        _T.MARKET_IF_TOUCHED,
        _T.LIMIT_IF_TOUCHED,
        _T.TRAILING_STOP_MARKET,
        _T.TRAILING_STOP_LIMIT,
    }
)
"""Order types that wait for a price before they work."""

EXECUTION_SIDES: Final[dict[str, OrderSide]] = {
    "BOT": OrderSide.BUY,
    "SLD": OrderSide.SELL,
    "BUY": OrderSide.BUY,
    "SELL": OrderSide.SELL,
    "SSHORT": OrderSide.SELL,
    "SLONG": OrderSide.SELL,
}
"""What IB calls the side of an execution or of an order."""

LIQUIDITY: Final[dict[int, LiquiditySide]] = {
    1: LiquiditySide.MAKER,
    2: LiquiditySide.TAKER,
    3: LiquiditySide.TAKER,
}
"""IB's `lastLiquidity`: 1 added, 2 removed, 3 routed out (which takes elsewhere)."""

ORDER_STATUSES: Final[dict[str, OrderStatus]] = {
    "ApiPending": OrderStatus.SUBMITTED,
    "PendingSubmit": OrderStatus.SUBMITTED,
    "PreSubmitted": OrderStatus.ACCEPTED,
    "Submitted": OrderStatus.ACCEPTED,
    "PendingCancel": OrderStatus.PENDING_CANCEL,
    "ApiCancelled": OrderStatus.CANCELED,
    "Cancelled": OrderStatus.CANCELED,
    "Filled": OrderStatus.FILLED,
    "Inactive": OrderStatus.REJECTED,
}
"""IB's order states as ours. A partly filled order stays `Submitted`."""
