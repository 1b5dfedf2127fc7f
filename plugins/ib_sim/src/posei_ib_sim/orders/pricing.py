"""Triggers and the prices at which each order type is willing to trade."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.contracts.market_rules import increment_at
from posei_ib_sim.market.events import MarketEvent, Quote
from posei_ib_sim.orders.validation import normal_order_type

if TYPE_CHECKING:
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.orders.matching import Liquidity
    from posei_ib_sim.orders.state import SimOrder

__all__ = ["Terms", "arm", "is_triggered", "terms", "to_tick", "waits_for_trigger"]

_TRIGGERED_TYPES: Final = frozenset({"STP", "STP LMT", "MIT", "LIT", "TRAIL", "TRAIL LIMIT"})
_CLOSING_TYPES: Final = frozenset({"MOC", "LOC"})

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
    """Move a trailing stop and tell whether the event sets the order off.

    Trades set off orders of venues that print them, quotes those of others: buys by the ask,
    sells by the bid, as IB's default trigger method does for forex.
    """
    price = _trigger_price(order, board, event)
    stop = order.stop_price
    if price is None or stop is None:
        return False
    kind = normal_order_type(order.request.orderType)
    rises = order.is_buy != (kind in {"MIT", "LIT"})
    hit = price >= stop if rises else price <= stop
    if not hit and kind.startswith("TRAIL"):
        moved = _trail_stop(order, price)
        if moved is not None:
            order.stop_price = min(stop, moved) if order.is_buy else max(stop, moved)
    return hit


def terms(order: SimOrder, liquidity: Liquidity, board: Board) -> Terms:
    """Return whether and at which limit an order is willing to trade."""
    request = order.request
    kind = normal_order_type(request.orderType)
    if kind in _CLOSING_TYPES:
        return False, None
    if kind in {"MKT", "STP", "MIT", "TRAIL"}:
        return True, None
    if kind == "MTL":
        return True, order.limit_price
    if kind == "TRAIL LIMIT":
        return True, _trail_limit(order)
    if kind in {"VOL", "PEG BENCH", "PEG BEST"}:
        return order.limit_price is not None, order.limit_price
    if kind in {"LMT", "STP LMT", "LIT"}:
        return True, _optional(request.lmtPrice)
    return _pegged(order, kind, liquidity, board)


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


def _trigger_price(order: SimOrder, board: Board, event: MarketEvent) -> Decimal | None:
    by_quote = order.request.triggerMethod in {1, 4} or not board.contract.has_trades
    if not isinstance(event, Quote):
        return None if by_quote else price_decimal(event.price)
    if not by_quote and order.request.triggerMethod != 8:
        return None
    if order.request.triggerMethod == 8:
        return price_decimal(event.mid)
    price = event.ask if order.is_buy else event.bid
    return price_decimal(price) if price > 0 else None


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
