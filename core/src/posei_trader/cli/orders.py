"""``posei orders``: what a node's order store knows, also while the node runs."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posei_trader.cli.text import indented, table
from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import OrderSide  # noqa: TC001 - typer reads the annotation

if TYPE_CHECKING:
    from posei_trader.engine.order_history import OrderHistory, StoredHistory

app = typer.Typer(
    help="List, filter and explain the orders of a node.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


class Which(StrEnum):
    """Which orders, by where they are in their life."""

    OPEN = "open"
    IN_DOUBT = "in-doubt"
    CLOSED = "closed"
    ALL = "all"


_Store = Annotated[
    Path, typer.Argument(help="The order store, or the TOML file of the node that has one.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command("list")
def list_orders(
    store: _Store,
    *,
    which: Annotated[Which, typer.Option("--status", help="Where they are.")] = Which.ALL,
    strategy: Annotated[str | None, typer.Option(help="Only of this strategy.")] = None,
    instrument: Annotated[str | None, typer.Option(help="Only of this instrument.")] = None,
    side: Annotated[OrderSide | None, typer.Option(case_sensitive=False)] = None,
    since: Annotated[
        str | None, typer.Option(help="Made at or after, ISO 8601; UTC without a zone.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    json: _Json = False,
) -> None:
    """List orders, oldest first.

    "in-doubt" are those whose fate waits for the venue: sent, or a change or cancel of them sent,
    and not answered as far as the store knows.
    """
    start = _moment(since)
    with _opened(store) as history:
        found = [
            one
            for one in history.orders()
            if _is(one, which)
            and (strategy is None or one.order.strategy_id == strategy)
            and (instrument is None or one.order.instrument_id == instrument)
            and (side is None or one.order.side is side)
            and one.order.terms.ts_init >= start
        ]
    shown = found[-limit:]
    if json:
        document = {"orders": len(found), "shown": [_document(one) for one in shown]}
        typer.echo(jsonlib.dumps(document, indent=2))
        return
    if shown:
        header = ("made", "order", "strategy", "what", "status", "filled", "average")
        typer.echo(table(header, [_row(one) for one in shown]))
    typer.echo(f"{len(shown)} of {len(found)} orders")


@app.command()
def explain(
    store: _Store,
    order: Annotated[
        str, typer.Argument(help="Its client order id, the end of it, or the venue's id.")
    ],
    *,
    json: _Json = False,
) -> None:
    """Tell an order's whole history: what was asked for, what was sent, what came back."""
    with _opened(store) as history:
        found = history.order(order)
    if json:
        typer.echo(jsonlib.dumps(_document(found, whole=True), indent=2))
        return
    from posei_trader.cli.order_steps import summary, told  # noqa: PLC0415 - --help needs none

    typer.echo(str(found.order))
    typer.echo(indented("\n".join(summary(found))))
    typer.echo(table(("UTC", "after", "what"), told(found)))


def _opened(path: Path) -> OrderHistory:
    from posei_trader.engine.order_history import OrderHistory  # noqa: PLC0415 - --help needs none

    if path.suffix != ".toml":
        return OrderHistory(path)
    from posei_trader.config import TradingNodeConfig  # noqa: PLC0415 - only for files

    store_path = TradingNodeConfig.from_toml(path).exec_engine.store_path
    if store_path is None:
        raise InvalidRequest(
            "this node keeps its orders in memory only",
            field="exec_engine.store_path",
            value=None,
            remedy="set store_path in its [exec_engine] section",
        )
    return OrderHistory(store_path)


def _is(one: StoredHistory, which: Which) -> bool:
    match which:
        case Which.ALL:
            return True
        case Which.CLOSED:
            return one.order.is_closed
        case Which.OPEN:
            return not one.order.is_closed
        case Which.IN_DOUBT:
            return not one.order.is_closed and (not one.order.is_open or one.order.is_in_flight)


def _moment(text: str | None) -> int:
    if text is None:
        return 0
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            "this is no moment",
            field="--since",
            value=text,
            remedy="write 2026-01-31 or 2026-01-31T14:30:00+00:00",
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * 1_000_000_000


def _row(one: StoredHistory) -> tuple[str, ...]:
    order = one.order
    price = order.price or order.trigger_price
    at = "" if price is None else f" @ {price}"
    what = f"{order.side} {order.quantity} {order.instrument_id} {order.order_type}{at}"
    return (
        _iso(order.terms.ts_init)[:19].replace("T", " "),
        order.client_order_id,
        order.strategy_id,
        what,
        str(order.status),
        str(order.filled_qty),
        "" if order.avg_px is None else f"{order.avg_px.normalize():f}",
    )


def _document(one: StoredHistory, *, whole: bool = False) -> dict[str, object]:
    order = one.order
    document: dict[str, object] = {
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "strategy_id": order.strategy_id,
        "client_id": one.client_id,
        "instrument_id": order.instrument_id,
        "side": order.side,
        "type": order.order_type,
        "time_in_force": order.time_in_force,
        "quantity": str(order.quantity),
        "price": None if order.price is None else str(order.price),
        "trigger_price": None if order.trigger_price is None else str(order.trigger_price),
        "status": order.status,
        "filled": str(order.filled_qty),
        "average": None if order.avg_px is None else str(order.avg_px),
        "commissions": [str(paid) for paid in order.commissions],
        "reason": order.reason or None,
        "made": _iso(order.terms.ts_init),
    }
    if whole:
        from posei_trader.cli.order_steps import told  # noqa: PLC0415 - only for one order

        document["history"] = [{"time": time, "what": what} for time, _, what in told(one)]
    return document


def _iso(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{rest:09d}Z"
