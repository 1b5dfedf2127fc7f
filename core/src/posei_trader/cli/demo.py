"""``posei demo``: the whole path on real prices, offline."""

from __future__ import annotations

import asyncio
import datetime as dt
import json as jsonlib
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

import typer

from posei_trader.errors import InvalidRequest

app = typer.Typer(
    help="Trade real prices on a simulated gateway, start to end.",
    rich_markup_mode=None,
)

_HISTORY_FROM: Final = dt.datetime(2009, 1, 1, tzinfo=dt.UTC)
_LIVE_FROM: Final = dt.datetime(2012, 1, 1, tzinfo=dt.UTC)
_VENUES: Final = {"XCME": "CME", "XCBT": "CBOT", "XNYM": "NYMEX", "XNAS": "NASDAQ", "XNYS": "NYSE"}


@app.callback(invoke_without_command=True)
def demo(
    *,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Replay a CSV or Parquet file: bars with timestamp,open,high,low,close,volume, or "
            "ticks with timestamp,bid,ask or timestamp,price,size."
        ),
    ] = None,
    instrument: Annotated[
        str | None, typer.Option(help="What the file holds, for example 6EH4.CME.")
    ] = None,
    live_from: Annotated[
        str | None,
        typer.Option("--from", help="Where history ends and trading begins, ISO 8601."),
    ] = None,
    size: Annotated[str, typer.Option(help="Units held, long or short.")] = "100",
    fast: Annotated[int, typer.Option(min=1, help="Ticks in the fast average.")] = 40,
    slow: Annotated[int, typer.Option(min=2, help="Ticks in the slow average.")] = 160,
    output: Annotated[
        Path | None, typer.Option(help="Directory of the catalog and the chart.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Start a simulated gateway, download history, trade an EMA cross, and check the books."""
    from rich.console import Console  # noqa: PLC0415 - slow to import

    from posei_trader.demo.prices import bundled_stocks, users_file  # noqa: PLC0415 - same
    from posei_trader.demo.session import Plan, run_demo  # noqa: PLC0415 - same
    from posei_trader.demo.span import span_of  # noqa: PLC0415 - same

    target = output or Path("demo-output")
    with tempfile.TemporaryDirectory() as scratch:
        if data is None:
            prices = bundled_stocks(Path(scratch), _HISTORY_FROM.date())
            start, begin, bar = _HISTORY_FROM, _moment(live_from) or _LIVE_FROM, "1-DAY-LAST"
        else:
            prices = [users_file(data, instrument, _VENUES)]
            start, begin = span_of(data)
            begin = _moment(live_from) or begin
            is_pair = "/" in prices[0].instrument_id
            bar = "1-MINUTE-MID" if is_pair else "1-MINUTE-LAST"
        target.mkdir(parents=True, exist_ok=True)
        plan = Plan(prices, begin, start, bar, _size(size), fast, slow, target, data is None)
        verdict = asyncio.run(run_demo(plan, Console(quiet=json)))
    if json:
        books = {
            name: {code: str(amount) for code, amount in book.items()}
            for name, book in verdict.books.items()
        }
        typer.echo(
            jsonlib.dumps(
                {
                    "agree": verdict.agree,
                    "books": books,
                    "orders": len(verdict.orders),
                    "bars": verdict.bars,
                    "chart": str(verdict.picture),
                },
                indent=2,
            )
        )


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            "this is no ISO 8601 time",
            field="from",
            value=text,
            remedy="give something like 2012-01-03 or 2012-01-03T15:30:00Z",
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _size(text: str) -> Decimal:
    try:
        size = Decimal(text)
    except ArithmeticError:
        size = Decimal(0)
    if not size.is_finite() or size <= 0:
        raise InvalidRequest(
            "the size must be a positive number",
            field="size",
            value=text,
            remedy="give something like --size 100",
        )
    return size
