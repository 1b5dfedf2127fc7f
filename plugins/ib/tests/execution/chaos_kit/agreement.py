"""Whether node, store and venue agree on every order, fill, position and cash balance."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import LiveClock
from posei_trader.engine.execution import ExecutionEngine
from posei_trader.engine.risk import RiskEngine
from posei_trader.engine.sqlite_store import SqliteOrderStore
from posei_trader.model.enums import OrderStatus
from posei_trader.model.identifiers import TraderId

if TYPE_CHECKING:
    from pathlib import Path

    from chaos_kit.node import Node
    from posei_trader.model.orders import Order

CASH = Decimal(1_000_000)

_ENDS = {
    "Filled": {OrderStatus.FILLED},
    "Cancelled": {OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED},
    "ApiCancelled": {OrderStatus.CANCELED},
    "Inactive": {OrderStatus.REJECTED, OrderStatus.CANCELED},
}
_SYMBOLS = {"AAPL.NASDAQ": "AAPL", "EUR/USD.IDEALPRO": "EUR.USD"}


_HELD = {"PendingSubmit": {OrderStatus.REJECTED, OrderStatus.DENIED}}


def check(node: Node, folder: Path, lives: int) -> None:
    """Fail where they do not agree.

    Args:
        node: The last life of the node.
        folder: Where its stores are.
        lives: How many there were. One that was killed with a list half sent cannot withdraw what
            waits at TWS and is listed nowhere.
    """
    truth = node.gateway.truth
    orders = node.cache.orders()
    _check_fills(orders, truth)
    _check_orders(orders, truth, _ENDS if lives == 1 else {**_ENDS, **_HELD})
    _check_positions(node, truth)
    _check_cash(orders, truth)
    _check_store(node, folder)
    impossible = {
        name: count
        for name, count in node.engine.counters.snapshot().items()
        if name in {"events_that_cannot_be", "events_of_unknown_orders", "reports_not_understood"}
    }
    assert not impossible, impossible
    assert node.connection.health().handler_errors == 0


def _check_orders(orders: list[Order], truth, known_ends) -> None:
    references = Counter(one.request.orderRef for one in truth.orders if one.request.orderRef)
    twice = {name: count for name, count in references.items() if count > 1}
    assert not twice, f"sent twice: {twice}"
    ours = {str(order.client_order_id): order for order in orders}
    by_venue_id = {str(order.venue_order_id): order for order in orders if order.venue_order_id}
    invented = [name for name in ours if name.startswith("POS-")]
    assert not invented, f"positions without executions: {invented}"
    for venue in truth.orders:
        order = ours.get(venue.request.orderRef) or by_venue_id.get(str(venue.perm_id))
        if order is None and not venue.request.orderRef and not venue.fills:
            continue  # entered by hand, and gone before it traded
        assert order is not None, f"nobody knows {venue.request.orderRef!r} {venue.perm_id}"
        filled = sum((fill.quantity for fill in venue.fills), Decimal(0))
        assert order.filled_qty.as_decimal() == filled, (order, venue.status, filled)
        is_taken_back = venue.status == "Filled" and not filled
        ends = (
            {OrderStatus.FILLED, OrderStatus.CANCELED}
            if is_taken_back
            else known_ends[venue.status]
        )
        assert order.status in ends, (order, venue.status)
    known = {one.request.orderRef for one in truth.orders}
    for name, order in ours.items():
        if name not in known and not name.startswith("EXT-"):
            assert order.status in {OrderStatus.DENIED, OrderStatus.REJECTED}, order
            assert order.filled_qty.raw == 0, order


def _check_fills(orders: list[Order], truth) -> None:
    ours = {
        fill.trade_id.rpartition(".")[0]: (fill.quantity.as_decimal(), fill.price.as_decimal())
        for order in orders
        for fill in order.fills
        if fill.quantity.raw
    }
    theirs = {
        fill.exec_id.rpartition(".")[0]: (fill.quantity, fill.price) for fill in truth.executions
    }
    differ = {
        name: (ours.get(name), theirs.get(name))
        for name in {*ours, *theirs}
        if ours.get(name) != theirs.get(name)
    }
    assert not differ, f"executions as we and as the venue know them: {differ}"


def _check_positions(node: Node, truth) -> None:
    held: dict[str, Decimal] = {}
    for position in node.cache.positions_open():
        symbol = _SYMBOLS[position.instrument_id]
        held[symbol] = held.get(symbol, Decimal(0)) + position.signed_qty
    assert {symbol: size for symbol, size in held.items() if size} == dict(truth.positions())


def _check_cash(orders: list[Order], truth) -> None:
    cash = {"USD": CASH}
    for order in orders:
        base = "EUR" if order.instrument_id.startswith("EUR/") else None
        for fill in order.fills:
            signed = fill.quantity.as_decimal() * order.side.sign
            cash["USD"] -= signed * fill.price.as_decimal()
            if base is not None:
                cash[base] = cash.get(base, Decimal(0)) + signed
            if fill.quantity.raw:
                assert fill.commission is not None, (order, fill)
                code = fill.commission.currency.code
                cash[code] = cash.get(code, Decimal(0)) - fill.commission.as_decimal()
    theirs = {code: amount for code, amount in truth.cash().items() if amount}
    assert {code: amount for code, amount in cash.items() if amount} == theirs


def _check_store(node: Node, folder: Path) -> None:
    """What a kill would leave now restores the very same orders."""
    copy = node.store.remains(folder / "final.db")
    cache, clock = Cache(), LiveClock()
    store = SqliteOrderStore(copy)
    engine = ExecutionEngine(
        TraderId("TRADER-001"), MessageBus(), cache, clock, RiskEngine(cache, clock), store=store
    )
    try:
        engine.load()
    finally:
        store.close()
    kept = {order.client_order_id: _picture(order) for order in cache.orders()}
    now = {
        order.client_order_id: _picture(order)
        for order in node.cache.orders()
        if order.status is not OrderStatus.DENIED or order.client_order_id in kept
    }
    assert kept == now
    assert _held(cache) == _held(node.cache)


def _picture(order: Order):
    return (order.status, order.filled_qty, order.quantity, order.price, tuple(order.fills))


def _held(cache: Cache):
    return {one.id: one.signed_qty for one in cache.positions_open()}
