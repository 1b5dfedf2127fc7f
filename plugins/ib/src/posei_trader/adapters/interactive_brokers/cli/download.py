"""``posei ib download``: instruments, bars and ticks into a catalog, resumable at any moment."""

# typer reads the annotations of commands at run time: no postponed evaluation.

import asyncio
import datetime as dt
import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer

from posei_trader.adapters.interactive_brokers.cli.contracts import Host, Json, Port
from posei_trader.adapters.interactive_brokers.cli.download_text import as_data, report_text
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.cli.exits import NOT_WELL
from posei_trader.cli.terminated import until_terminated
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posei_trader.adapters.interactive_brokers.historical.download_report import (
        DownloadProgress,
        DownloadReport,
    )

__all__ = ["download"]

# Away from the ids that people give their strategies, and from that of `posei ib contract`.
_CLIENT_ID: Final = 9752
_CONNECT_S: Final = 15.0


def download(
    ids: Annotated[
        list[str] | None, typer.Argument(help="Instrument ids, such as AAPL.NASDAQ.")
    ] = None,
    *,
    catalog: Annotated[str, typer.Option(help="The catalog: a directory or a URI.")] = "catalog",
    bars: Annotated[
        list[str] | None, typer.Option(help="Bars, such as 1-MINUTE-LAST; may be repeated.")
    ] = None,
    ticks: Annotated[
        list[str] | None, typer.Option(help="Ticks: TRADES or BID_ASK; may be repeated.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(help="First moment, ISO 8601; without it, goes on where the catalog ends."),
    ] = None,
    end: Annotated[str | None, typer.Option(help="End, ISO 8601, exclusive; now if left out.")] = (
        None
    ),
    duration: Annotated[
        str | None, typer.Option(help="Instead of a start: '5 D', '2 W', '1 Y' before the end.")
    ] = None,
    tz: Annotated[str, typer.Option(help="The zone of times without one.")] = "UTC",
    contract: Annotated[
        list[str] | None,
        typer.Option(help='An IBContract as JSON: \'{"secType": "STK", "symbol": "AAPL", ...}\'.'),
    ] = None,
    all_hours: Annotated[
        bool, typer.Option("--all-hours", help="Not only regular trading hours.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Seconds for each answer of IB.")] = 120.0,
    host: Host = "127.0.0.1",
    port: Port = 7497,
    client_id: Annotated[int, typer.Option(help="The API client id to use.")] = _CLIENT_ID,
    as_json: Json = False,
    progress: Annotated[
        bool | None, typer.Option("--progress/--no-progress", help="Show a bar; on a terminal.")
    ] = None,
) -> None:
    """Download history into a catalog: only what is not there yet.

    It can be killed and run again at any moment. Exits with 0 when all is stored and verified
    (gaps are told, and are no error), with 1 when the verification found something, else with the
    code of the first error.
    """
    names = [InstrumentId(one) for one in ids or ()]
    contracts = [_contract(text) for text in contract or ()]
    if not names and not contracts:
        raise InvalidRequest(
            "nothing to download",
            field="ids",
            value=None,
            remedy="name an instrument: posei ib download AAPL.NASDAQ --bars 1-DAY-LAST "
            "--duration '1 Y'",
        )
    # Arrow is loaded here, and not for every other command of the group.
    from posei_trader.adapters.interactive_brokers.historical.client import (  # noqa: PLC0415
        HistoricInteractiveBrokersClient,
    )
    from posei_trader.persistence.catalog import ParquetDataCatalog  # noqa: PLC0415

    store = ParquetDataCatalog(catalog)
    first, last = _moment(start, "start"), _moment(end, "end")

    async def work(show: "Callable[[DownloadProgress], None] | None") -> "DownloadReport | int":
        async with HistoricInteractiveBrokersClient(
            host,
            port,
            client_id,
            log_level="WARNING",
            connection_timeout=_CONNECT_S,
            max_connection_attempts=1,
            # Later it is worth waiting: IB's gateways restart every night.
            max_reconnection_attempts=0,
        ) as client:
            if not bars and not ticks:
                found = await client.request_instruments(contracts, names)
                store.write_data(found)
                return len(found)
            return await client.download(
                store,
                bar_specifications=bars or (),
                tick_types=ticks or (),
                start_date_time=first,
                end_date_time=last,
                duration=duration,
                tz_name=tz,
                contracts=contracts,
                instrument_ids=names,
                use_rth=not all_hours,
                timeout=timeout,
                progress=show,
            )

    is_shown = sys.stderr.isatty() if progress is None else progress
    with _bar(is_shown=is_shown) as show:
        done = asyncio.run(until_terminated(work(show)))
    _tell(done, store.path, as_json=as_json)


def _tell(done: "DownloadReport | int", path: str, *, as_json: bool) -> None:
    if isinstance(done, int):
        print(json.dumps({"catalog": path, "instruments": done}, indent=2))
        return
    print(json.dumps(as_data(done, path), indent=2) if as_json else report_text(done, path))
    for error in done.errors:
        raise typer.Exit(error.exit_code)
    if not done.is_whole:
        raise typer.Exit(NOT_WELL)


def _contract(text: str) -> IBContract:
    try:
        fields = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise InvalidRequest(
            f"a contract is a JSON object: {error}",
            field="contract",
            value=text,
            remedy='write \'{"secType": "STK", "symbol": "AAPL", "exchange": "SMART"}\'',
        ) from error
    return IBContract.from_mapping(fields)


def _moment(text: str | None, field: str) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest(
            f"{field} is no ISO 8601 time",
            field=field,
            value=text,
            remedy="give something like 2024-01-02T09:30",
        ) from error


@contextmanager
def _bar(*, is_shown: bool) -> "Iterator[Callable[[DownloadProgress], None] | None]":
    """Show a progress bar on the standard error stream, with rate and expected end."""
    if not is_shown:
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is seen
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn  # noqa: PLC0415

    with Progress(
        TextColumn("{task.fields[streams]}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[eta]}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=1.0, streams="connecting", rate="", eta="")

        def show(state: "DownloadProgress") -> None:
            eta = "" if state.eta_s is None else f"{_clock(state.eta_s)} left"
            bar.update(
                task,
                completed=state.fraction,
                streams=f"{state.streams_done}/{state.streams} streams",
                rate=f"{state.records:,} records, {state.records_per_s:,.0f}/s",
                eta=eta,
            )

        yield show


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
