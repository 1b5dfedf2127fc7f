"""What the demo prints at its end."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from posei_trader.model.orders import Order
    from posei_trader.model.positions import Position

_MOST = 8


def orders_table(orders: Sequence[Order]) -> Table:
    """Return the newest orders."""
    table = _table(f"orders: {len(orders)}, the newest of them", "id", "instrument", "side")
    for name in ("quantity", "filled", "average", "status"):
        table.add_column(name, justify="right" if name != "status" else "left")
    for order in orders[-_MOST:]:
        average = order.avg_px
        table.add_row(
            order.client_order_id,
            order.instrument_id,
            order.side,
            str(order.quantity),
            str(order.filled_qty),
            "" if average is None else f"{average:.4f}",
            order.status,
        )
    return table


def fills_table(orders: Sequence[Order]) -> Table:
    """Return the newest fills."""
    fills = sorted(
        ((fill, order) for order in orders for fill in order.fills), key=lambda f: f[0].ts_event
    )
    table = _table(f"fills: {len(fills)}, the newest of them", "time (UTC)", "instrument", "side")
    for name in ("quantity", "price", "commission"):
        table.add_column(name, justify="right")
    for fill, order in fills[-_MOST:]:
        moment = dt.datetime.fromtimestamp(fill.ts_event / 1e9, dt.UTC)
        table.add_row(
            moment.strftime("%Y-%m-%d %H:%M:%S"),
            order.instrument_id,
            order.side,
            str(fill.quantity),
            str(fill.price),
            "" if fill.commission is None else str(fill.commission.rounded()),
        )
    return table


def positions_table(positions: Sequence[Position]) -> Table:
    """Return every position with what it earned."""
    table = _table("positions", "instrument", "side")
    for name in ("quantity", "commission", "profit, net"):
        table.add_column(name, justify="right")
    for position in positions:
        table.add_row(
            position.instrument_id,
            position.side,
            str(position.quantity),
            ", ".join(str(money.rounded()) for money in position.commissions),
            str(position.realized_pnl.rounded()),
        )
    return table


def books_table(books: Mapping[str, Mapping[str, Decimal]]) -> Table:
    """Return profit and loss by currency, as each book shows it."""
    table = _table("profit and loss", "book")
    codes = sorted({code for book in books.values() for code in book})
    for code in codes:
        table.add_column(code, justify="right")
    for name, book in books.items():
        table.add_row(name, *(f"{book.get(code, 0):,.2f}" for code in codes))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        table.add_column(column)
    return table
