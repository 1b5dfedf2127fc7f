"""``posei demo``: the whole path on real prices, offline."""

from __future__ import annotations

import asyncio
import datetime as dt
import json as jsonlib
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer

from posei_trader.cli.terminated import until_terminated
from posei_trader.errors import InvalidRequest

app = typer.Typer(
    help="Trade real prices on a simulated gateway, start to end.",
    rich_markup_mode=None,
    add_completion=False,
)


class _Moments(NamedTuple):
    first: dt.datetime
    split: dt.datetime
    last: dt.datetime


_BUNDLED: Final = _Moments(
    dt.datetime(2009, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2012, 1, 1, tzinfo=dt.UTC),
    dt.datetime(2013, 3, 1, tzinfo=dt.UTC),
)
"""What is taken of the bundled prices: three years of history, fourteen months of trading."""

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
    from posei_trader.demo.span import Span, span_of  # noqa: PLC0415 - same

    if fast >= slow:
        raise InvalidRequest(
            "the fast average must be shorter than the slow one",
            field="fast, slow",
            value=(fast, slow),
            remedy="give something like --fast 40 --slow 160",
        )
    target = _directory(output or Path("demo-output"))
    units, moment = _size(size), _moment(live_from)
    with tempfile.TemporaryDirectory() as scratch:
        if data is None:
            prices = bundled_stocks(Path(scratch), _BUNDLED.first.date())
            span, bar = Span(*_BUNDLED), "1-DAY-LAST"
        else:
            prices = [users_file(data, instrument, _VENUES)]
            span = span_of(data)
            bar = "1-MINUTE-MID" if "/" in prices[0].instrument_id else "1-MINUTE-LAST"
        begin = _within(moment or span.split, span.first, span.last)
        plan = Plan(prices, begin, span.first, bar, units, fast, slow, target, data is None)
        verdict = asyncio.run(until_terminated(run_demo(plan, Console(quiet=json))))
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


def _within(moment: dt.datetime, first: dt.datetime, last: dt.datetime) -> dt.datetime:
    if first < moment < last:
        return moment
    raise InvalidRequest(
        "trading must begin within the data, with some history before it",
        field="from",
        value=moment.isoformat(),
        remedy=f"give a moment after {first.isoformat()} and before {last.isoformat()}",
    )


def _directory(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise InvalidRequest(
            "the output must be a directory",
            field="output",
            value=str(path),
            remedy="give a directory; it is made when it does not exist",
        )
    return path


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
