"""Triggers and the prices at which each order type is willing to trade."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.contracts.market_rules import increment_at
from posei_ib_sim.orders.triggers import method_of, trigger_prices
from posei_ib_sim.orders.validation import normal_order_type

if TYPE_CHECKING:
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.market.events import MarketEvent
    from posei_ib_sim.orders.matching import Liquidity
    from posei_ib_sim.orders.state import SimOrder

__all__ = [
    "Terms",
    "adjust_stop",
    "arm",
    "is_triggered",
    "resting_limit",
    "terms",
    "to_tick",
    "waits_for_trigger",
]

_TRIGGERED_TYPES: Final = frozenset({"STP", "STP LMT", "MIT", "LIT", "TRAIL", "TRAIL LIMIT"})
_CLOSING_TYPES: Final = frozenset({"MOC", "LOC"})
# IB writes 1 for percent; some clients send 100, as the trader workstation shows it.
_PERCENT: Final = frozenset({1, 100})

Terms = tuple[bool, Decimal | None]
"""Whether the order trades at all now, and at which limit (`None`: at any price)."""


def waits_for_trigger(order: SimOrder) -> bool:
    """Tell whether an order is a stop, touch or trailing one that has not gone off."""
    return not order.triggered and normal_order_type(order.request.orderType) in _TRIGGERED_TYPES


def arm(order: SimOrder, board: Board) -> None:
    """Set the first trigger price of a new or modified order."""
    request = order.request
    kind = normal_order_type(request.orderType)
    if kind in {"STP", "STP LMT", "MIT", "LIT"}:
        order.stop_price = _optional(request.auxPrice)
    elif kind.startswith("TRAIL"):
        given = _optional(request.trailStopPrice)
        order.stop_price = given if given is not None else _trail_stop(order, _mark(board))
        if kind == "TRAIL LIMIT":
            order.limit_price = _optional(request.lmtPrice)


def is_triggered(order: SimOrder, board: Board, event: MarketEvent) -> bool:
    """Move a trailing stop and tell whether the event sets the order off."""
    stop = order.stop_price
    if stop is None:
        return False
    kind = normal_order_type(order.request.orderType)
    rises = order.is_buy != (kind in {"MIT", "LIT"})
    method = method_of(order.request.triggerMethod, board.contract)
    prices = trigger_prices(method, board, event, rises=rises)
    if not prices:
        return False
    hit = min(prices) >= stop if rises else max(prices) <= stop
    if not hit and kind.startswith("TRAIL"):
        moved = _trail_stop(order, prices[0])
        if moved is not None:
            order.stop_price = min(stop, moved) if order.is_buy else max(stop, moved)
    return hit


def adjust_stop(order: SimOrder, board: Board, event: MarketEvent) -> bool:
    """Turn an adjustable stop into what it becomes at its trigger; tell whether it did so now.

    The trigger lies on the winning side: above the market for a stop that sells.
    """
    request = order.request
    wanted = _optional(request.triggerPrice)
    if request.adjustedOrderType in {"", "None"} or wanted is None:
        return False
    rises = not order.is_buy
    method = method_of(request.triggerMethod, board.contract)
    prices = trigger_prices(method, board, event, rises=rises)
    if not prices or not (min(prices) >= wanted if rises else max(prices) <= wanted):
        return False
    changes: dict[str, object] = {
        "orderType": request.adjustedOrderType,
        "adjustedOrderType": "",
        "auxPrice": request.adjustedStopPrice,
        "lmtPrice": request.adjustedStopLimitPrice,
    }
    if normal_order_type(request.adjustedOrderType).startswith("TRAIL"):
        percent = request.adjustableTrailingUnit in _PERCENT
        amount = request.adjustedTrailingAmount
        changes |= {
            "trailStopPrice": request.adjustedStopPrice,
            "auxPrice": None if percent else amount,
            "trailingPercent": amount if percent else None,
        }
    order.request = msgspec.structs.replace(request, **changes)
    arm(order, board)
    return True


def terms(order: SimOrder, liquidity: Liquidity, board: Board) -> Terms:
    """Return whether and at which limit an order is willing to trade."""
    request = order.request
    kind = normal_order_type(request.orderType)
    if kind in _CLOSING_TYPES:
        return False, None
    if order.algo is not None:
        return _patient(order, liquidity, board)
    if order.ladder is not None:
        return order.ladder.limit is not None, order.ladder.limit
    if kind in {"MKT", "STP", "MIT", "TRAIL"}:
        return True, None
    if kind == "MTL":
        return True, order.limit_price
    if kind == "TRAIL LIMIT":
        return True, _trail_limit(order)
    if kind in {"VOL", "PEG BENCH", "PEG BEST"}:
        return order.limit_price is not None, order.limit_price
    if kind in {"LMT", "STP LMT", "LIT"}:
        return True, _with_discretion(order)
    return _pegged(order, kind, liquidity, board)


def resting_limit(order: SimOrder, limit: Decimal) -> Decimal:
    """Return where a limit rests: without its discretionary amount, which only takes."""
    own = _optional(order.request.lmtPrice)
    return own if order.request.discretionaryAmt and own is not None else limit


def _with_discretion(order: SimOrder) -> Decimal | None:
    limit = _optional(order.request.lmtPrice)
    more = _optional(order.request.discretionaryAmt)
    if limit is None or not more:
        return limit
    return limit + more if order.is_buy else limit - more


def _patient(order: SimOrder, liquidity: Liquidity, board: Board) -> Terms:
    """Return the price of an algorithm's slice: within the order's limit, as patient as it is."""
    patience = "take" if order.algo is None else order.algo.patience
    cap = _optional(order.request.lmtPrice)
    price = None
    if patience == "middle":
        price = liquidity.middle()
    elif patience == "join":
        price = liquidity.opposite(buy=not order.is_buy)
    elif patience == "last" and board.last is not None:
        price = price_decimal(board.last)
    if price is None:
        return patience == "take", cap
    price = to_tick(order, price, board)
    if cap is not None:
        price = min(price, cap) if order.is_buy else max(price, cap)
    return True, price


def _pegged(order: SimOrder, kind: str, liquidity: Liquidity, board: Board) -> Terms:
    cap = _optional(order.request.lmtPrice)
    cap = cap or None
    if kind in {"MIDPRICE", "PEG MID"}:
        price = liquidity.middle()
    else:
        own = liquidity.opposite(buy=not order.is_buy if kind == "REL" else order.is_buy)
        offset = _optional(order.request.auxPrice) or Decimal(0)
        sign = 1 if order.is_buy else -1
        shift = offset * sign if kind == "REL" else -offset * sign
        price = None if own is None else own + shift
    if price is None:
        return False, None
    price = to_tick(order, price, board)
    if cap is not None:
        price = min(price, cap) if order.is_buy else max(price, cap)
    return True, price


def to_tick(order: SimOrder, price: Decimal, board: Board) -> Decimal:
    """Round a price to the contract's increment, down for a buy and up for a sell."""
    step = increment_at(board.contract.market_rule, price)
    rounding = ROUND_FLOOR if order.is_buy else ROUND_CEILING
    return (price / step).to_integral_value(rounding) * step


def _trail_stop(order: SimOrder, price: Decimal | None) -> Decimal | None:
    if price is None:
        return None
    request = order.request
    if request.trailingPercent is not None:
        distance = price * price_decimal(request.trailingPercent) / 100
    else:
        distance = _optional(request.auxPrice) or Decimal(0)
    stop = price + distance if order.is_buy else price - distance
    step = increment_at(order.contract.market_rule, stop)
    rounding = ROUND_CEILING if order.is_buy else ROUND_FLOOR
    return (stop / step).to_integral_value(rounding) * step


def _trail_limit(order: SimOrder) -> Decimal | None:
    stop, offset = order.stop_price, _optional(order.request.lmtPriceOffset)
    if stop is None or offset is None:
        return order.limit_price
    return stop + offset if order.is_buy else stop - offset


def _mark(board: Board) -> Decimal:
    return price_decimal(board.mark)


def _optional(price: float | None) -> Decimal | None:
    return None if price is None else price_decimal(price)
