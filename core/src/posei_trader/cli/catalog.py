"""``posei catalog``: list, show, check, plot and tidy what a data catalog holds."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
from decimal import Decimal
from pathlib import Path  # noqa: TC003 - typer reads the annotations of commands
from typing import TYPE_CHECKING, Annotated, Final

import typer

from posei_trader.cli.exits import NOT_WELL
from posei_trader.cli.text import table
from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.serialization import encode_json
from posei_trader.persistence.catalog import ParquetDataCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping

app = typer.Typer(
    help="List, show, check, plot and tidy what a data catalog holds.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_Path = Annotated[str, typer.Argument(help="The catalog: a directory or a URI.")]
_Key = Annotated[str, typer.Argument(help="An instrument id, or a bar type for bars.")]
_Start = Annotated[str | None, typer.Option(help="First moment, ISO 8601; UTC without a zone.")]
_End = Annotated[str | None, typer.Option(help="End, ISO 8601, exclusive.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

_PICTURES: Final = {".png", ".svg", ".pdf", ".html"}


def _opened(path: str) -> ParquetDataCatalog:
    catalog = ParquetDataCatalog(path)
    if not catalog.exists():
        raise DataFileError(
            "there is no catalog here",
            field="path",
            value=path,
            remedy="give the directory that ParquetDataCatalog wrote to",
        )
    return catalog


def _need_stream(catalog: ParquetDataCatalog, path: str, kind: str, key: str) -> None:
    """Tell a name that is not stored from a stored one that has nothing in the asked span."""
    if not any((one, str(name)) == (kind, key) for one, name, *_ in catalog.contents()):
        raise InvalidRequest(
            "there is no such stream in the catalog",
            field="kind, key",
            value=f"{kind} {key}",
            remedy=f"choose one that `posei catalog ls {path}` shows",
        )


def _iso(nanos: int) -> str:
    seconds, rest = divmod(nanos, 1_000_000_000)
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{rest:09d}Z" if rest else f"{moment}Z"


@app.command()
def ls(path: _Path, *, json: _Json = False) -> None:
    """List every stream: its kind, its name, its span, its files."""
    catalog = _opened(path)
    rows: list[dict[str, str | int]] = [
        {"kind": kind, "name": str(key), "files": files, "first": _iso(first), "last": _iso(last)}
        for kind, key, files, first, last in catalog.contents()
    ]
    instruments = catalog.instruments()
    if json:
        names = [{"id": i.id, "kind": i.kind} for i in instruments]
        typer.echo(jsonlib.dumps({"instruments": names, "streams": rows}, indent=2))
        return
    typer.echo(f"{len(instruments)} instruments: {', '.join(i.id for i in instruments) or 'none'}")
    if rows:
        header = list(rows[0])
        typer.echo(table(header, [[str(value) for value in row.values()] for row in rows]))


@app.command()
def show(
    path: _Path,
    kind: Annotated[str, typer.Argument(help="bars, quote_ticks, ..., or instruments.")],
    key: _Key,
    *,
    start: _Start = None,
    end: _End = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    json: _Json = False,
) -> None:
    """Show the first rows of a stream, or the definition of an instrument."""
    catalog = _opened(path)
    if kind == "instruments":
        _show_definition(catalog, path, key, json=json)
        return
    rows = catalog.table(kind, key, start, end)
    if not rows.num_rows:
        _need_stream(catalog, path, kind, key)
    shown: list[Mapping[str, object]] = rows.slice(0, limit).to_pylist()
    texts = [{name: _text(value) for name, value in row.items()} for row in shown]
    if json:
        typer.echo(jsonlib.dumps({"rows": rows.num_rows, "shown": texts}, indent=2))
        return
    if texts:
        typer.echo(table(list(texts[0]), [list(row.values()) for row in texts]))
    typer.echo(f"{len(texts)} of {rows.num_rows} rows")


def _text(value: object) -> str:
    # Decimals would write a size of nothing as 0E-9.
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _show_definition(catalog: ParquetDataCatalog, path: str, key: str, *, json: bool) -> None:
    found = catalog.instruments(key)
    if not found:
        raise InvalidRequest(
            "there is no such instrument in the catalog",
            field="key",
            value=key,
            remedy=f"choose one that `posei catalog ls {path}` shows",
        )
    facts: dict[str, object] = jsonlib.loads(encode_json(found[0]))
    if json:
        typer.echo(jsonlib.dumps(facts, indent=2))
        return
    known = [[name, _text(value)] for name, value in facts.items() if value not in (None, {}, [])]
    typer.echo(table(["field", "value"], known))


@app.command()
def check(path: _Path, *, json: _Json = False) -> None:
    """Read everything once; exits with 1 when something is wrong."""
    problems = _opened(path).check()
    if json:
        typer.echo(jsonlib.dumps({"problems": problems}, indent=2))
    else:
        typer.echo("\n".join(problems) or "all is well")
    if problems:
        raise typer.Exit(NOT_WELL)


@app.command()
def gaps(
    path: _Path,
    kind: Annotated[str | None, typer.Argument(help="bars, quote_ticks, trade_ticks.")] = None,
    key: Annotated[str | None, typer.Argument(help="An instrument id, or a bar type.")] = None,
    *,
    start: _Start = None,
    end: _End = None,
    json: _Json = False,
) -> None:
    """List where a stream has nothing although the market was open; all streams by default.

    The hours are those that `posei ib download` stored. A gap is no error: without a trade there is
    no bar of trades.
    """
    catalog = _opened(path)
    stored = [(one, name) for one, name, *_ in catalog.contents()]
    # Of what was downloaded and has no file any more, everything is missing.
    noted = [stream for stream in catalog.coverage.streams() if stream not in set(stored)]
    streams = [
        (one, name)
        for one, name in (*stored, *noted)
        if one != "sessions" and kind in {None, one} and key in {None, str(name)}
    ]
    if not streams:
        raise InvalidRequest(
            "there is no such stream in the catalog",
            field="kind, key",
            value=f"{kind or 'any'} {key or ''}".strip(),
            remedy=f"choose one that `posei catalog ls {path}` shows",
        )
    found: list[dict[str, object]] = []
    unknown: list[dict[str, str]] = []
    for one, name in streams:
        try:
            listed = catalog.gaps(one, name, start, end)
        except InvalidRequest as error:
            unknown.append({"kind": one, "name": str(name), "reason": error.message})
            continue
        found += [
            {
                "kind": one,
                "name": str(name),
                "start": _iso(gap.start_ns),
                "end": _iso(gap.end_ns),
                "missing": gap.missing,
                "whole_session": gap.is_whole_session,
            }
            for gap in listed
        ]
    if json:
        typer.echo(jsonlib.dumps({"gaps": found, "unknown": unknown}, indent=2))
        return
    if found:
        header = list(found[0])
        typer.echo(table(header, [[str(value) for value in row.values()] for row in found]))
    for row in unknown:
        typer.echo(f"unknown: {row['kind']} {row['name']}: {row['reason']}")
    typer.echo(f"{len(found)} gaps in {len(streams) - len(unknown)} streams")


@app.command()
def consolidate(path: _Path, *, json: _Json = False) -> None:
    """Join the files of each stream into one; others may read and write meanwhile."""
    removed = _opened(path).consolidate()
    typer.echo(jsonlib.dumps({"removed": removed}) if json else f"{removed} files joined")


@app.command()
def plot(
    path: _Path,
    bar_type: Annotated[str, typer.Argument(help="A bar type, as `posei catalog ls` shows it.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png, .svg, .pdf or .html.")],
    start: _Start = None,
    end: _End = None,
    json: _Json = False,
) -> None:
    """Draw candlesticks and volume."""
    if output.suffix.lower() not in _PICTURES:
        raise InvalidRequest(
            "a picture is a .png, .svg, .pdf or .html",
            field="output",
            value=str(output),
            remedy=f"write {output.with_suffix('.svg')}",
        )
    catalog = _opened(path)
    bars = catalog.bars([bar_type], start=start, end=end)
    if not bars:
        _need_stream(catalog, path, "bars", bar_type)
        raise InvalidRequest(
            "the catalog has no bars in this span",
            field="start, end",
            value=f"{start or 'the first'} to {end or 'the last'}",
            remedy=f"choose a span that `posei catalog ls {path}` shows",
        )
    from posei_trader.cli.candles import draw_candles  # noqa: PLC0415 - imports matplotlib

    try:
        draw_candles(bars, output)
    except OSError as error:
        raise InvalidRequest(
            f"cannot write the picture: {error.strerror or error}",
            field="output",
            value=str(output),
            remedy="choose a directory that exists, can be written and has room",
        ) from error
    if json:
        drawn = {"bar_type": bar_type, "bars": len(bars), "output": str(output)}
        typer.echo(jsonlib.dumps(drawn, indent=2))
    else:
        typer.echo(f"{len(bars)} bars drawn to {output}")
