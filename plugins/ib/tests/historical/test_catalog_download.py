"""Downloads into a catalog: whole, once, verified, and going on where they were."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace

import msgspec
import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.catalog_download import (
    _is_part_of_all_hours,
)
from posei_trader.adapters.interactive_brokers.historical.completeness import complete_until
from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream
from posei_trader.errors import (
    DataFileError,
    InvalidRequest,
    MarketDataNotPermitted,
    RequestRejected,
    Unsupported,
)
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
MSFT = IBContract(secType="STK", symbol="MSFT", exchange="SMART", primaryExchange="NASDAQ")
EURUSD = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")
MINUTES = BarType.from_str("AAPL.NASDAQ-5-MINUTE-LAST-EXTERNAL")


def at(text):
    return dt.datetime.fromisoformat(text)


def ns(text):
    return int(at(text).timestamp()) * 10**9


SPAN = {
    "start_date_time": at("2023-10-16T09:30"),
    "end_date_time": at("2023-11-10T16:00"),
    "tz_name": "America/New_York",
}


async def test_a_download_stores_what_a_request_returns_and_nothing_twice(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    seen = []
    report = await client.download(
        catalog,
        bar_specifications=["5-MINUTE-LAST", "1-DAY-LAST"],
        contracts=[AAPL, EURUSD],
        progress=seen.append,
        **SPAN,
    )
    assert report.is_whole
    assert [one.what for one in report.skipped] == ["5-MINUTE-LAST", "1-DAY-LAST"]
    wanted = await client.request_bars(["5-MINUTE-LAST", "1-DAY-LAST"], contracts=[AAPL], **SPAN)
    assert len(wanted) == 20 * 78 + 20
    assert sorted(catalog.bars(), key=str) == sorted(wanted, key=str)
    assert report.written == len(wanted)
    assert [one.gaps for one in report.streams] == [(), ()]
    assert {one.id for one in catalog.instruments()} == {"AAPL.NASDAQ", "EUR/USD.IDEALPRO"}
    assert len(catalog.sessions("AAPL.NASDAQ", regular=True)) == 20
    assert catalog.gaps("bars", MINUTES) == []
    assert catalog.check() == []
    # One file for each stream, however many requests it took.
    assert len(list((tmp_path / "bars").rglob("*.parquet"))) == 2
    assert [one.fraction for one in seen] == sorted(one.fraction for one in seen)
    assert seen[-1].fraction == 1.0
    assert (seen[-1].streams_done, seen[-1].records) == (2, len(wanted))

    again = await client.download(
        catalog, bar_specifications=["5-MINUTE-LAST", "1-DAY-LAST"], contracts=[AAPL], **SPAN
    )
    assert (again.written, sum(one.fetched for one in again.streams)) == (0, 0)
    assert [one.rows for one in again.streams] == [20 * 78, 20]
    more = await client.download(
        catalog,
        bar_specifications=["5-MINUTE-LAST"],
        contracts=[AAPL],
        **{**SPAN, "end_date_time": at("2023-11-13T16:00")},
    )
    assert (more.written, more.streams[0].rows) == (78, 21 * 78)


async def test_what_is_not_complete_is_left_for_the_next_time(start_gateway, connect, tmp_path):
    gateway = await start_gateway(start="2023-11-20T15:12:30Z")
    client = await connect(gateway)
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["5-MINUTE-LAST", "1-DAY-LAST"], "contracts": [AAPL]}
    await client.download(catalog, duration="5 D", **wanted)
    last = max(bar.ts_event for bar in catalog.bars([MINUTES]))
    assert last == ns("2023-11-20T15:05:00+00:00")
    days = catalog.bars(["AAPL.NASDAQ-1-DAY-LAST"])
    assert max(bar.ts_event for bar in days) == ns("2023-11-17T00:00:00+00:00")
    await gateway.advance(600)
    report = await client.download(catalog, **wanted)  # without a start: goes on
    assert [one.written for one in report.streams] == [2, 0]
    assert max(bar.ts_event for bar in catalog.bars([MINUTES])) == last + 2 * 300 * 10**9
    # What was stored early is what it would be later.
    whole = await client.request_bars(["5-MINUTE-LAST"], contracts=[AAPL], duration="4 D")
    stored = catalog.bars([MINUTES], start=whole[0].ts_event)
    assert stored == [bar for bar in whole if bar.ts_event <= stored[-1].ts_event]


@pytest.mark.parametrize(
    ("text", "now", "end"),
    [
        ("1-MINUTE-LAST", "2024-03-05T15:00:59", "2024-03-05T15:00:00"),
        ("30-MINUTE-LAST", "2024-03-05T15:15:00", "2024-03-05T15:00:00"),
        ("1-HOUR-LAST", "2024-03-05T15:15:30", "2024-03-05T14:15:00"),
        ("4-HOUR-LAST", "2024-03-05T15:15:00", "2024-03-05T11:15:00"),
        ("1-DAY-LAST", "2024-03-05T23:00:00", "2024-03-05T00:00:00"),
        ("1-DAY-LAST", "2024-03-06T01:30:00", "2024-03-05T00:00:00"),
        ("1-WEEK-LAST", "2024-03-09T12:00:00", "2024-03-04T00:00:00"),
        ("1-MONTH-LAST", "2024-03-09T12:00:00", "2024-03-01T00:00:00"),
        (None, "2024-03-05T15:00:59", "2024-03-05T15:00:57"),
    ],
)
def test_only_what_cannot_change_any_more_is_complete(text, now, end):
    spec = None if text is None else BarSpecification.from_str(text)
    assert complete_until(spec, ns(f"{now}+00:00")) == ns(f"{end}+00:00")


async def test_ticks_are_stored_and_asked_for_once(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {
        "tick_types": ["TRADES", "BID_ASK"],
        "start_date_time": at("2023-11-06T09:30"),
        "end_date_time": at("2023-11-06T10:30"),
        "tz_name": "America/New_York",
        "contracts": [AAPL],
    }
    report = await client.download(catalog, **wanted)
    ticks = await client.request_ticks(**wanted)
    stored = [*catalog.trade_ticks(), *catalog.quote_ticks()]
    assert sorted(stored, key=str) == sorted(ticks, key=str)
    assert report.written == len(ticks) > 1_000
    assert (await client.download(catalog, **wanted)).written == 0


async def test_a_stream_that_fails_harms_no_other(start_gateway, connect, tmp_path):
    """One contract without permission, one beyond IB's history, one good."""
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    report = await client.download(
        catalog,
        bar_specifications=["1-DAY-LAST"],
        contracts=[AAPL],
        start_date_time=at("1990-01-01"),
        end_date_time=at("1990-02-01"),
    )
    (failed,) = report.streams
    assert isinstance(failed.error, RequestRejected)
    assert "begins later" in failed.error.message
    assert not report.is_whole
    # A span that begins before IB's history is cut, and the report says where.
    report = await client.download(
        catalog,
        bar_specifications=["1-MONTH-LAST"],
        contracts=[AAPL],
        start_date_time=at("2000-01-01"),
        end_date_time=at("2006-01-01"),
    )
    assert report.is_whole
    assert report.streams[0].start_ns == ns("2005-01-03T14:30:00+00:00")
    assert report.streams[0].rows == 12


async def test_without_permission_nothing_is_stored_and_the_rest_goes_on(intercepted, tmp_path):
    gateway, client = intercepted
    gateway.refuse("MSFT", 354, "Requested market data is not subscribed.")
    catalog = ParquetDataCatalog(tmp_path)
    report = await client.download(
        catalog,
        bar_specifications=["1-HOUR-LAST"],
        contracts=[MSFT, AAPL],
        start_date_time=at("2023-11-01"),
        end_date_time=at("2023-11-03"),
    )
    refused, good = report.streams
    assert isinstance(refused.error, MarketDataNotPermitted)
    assert (refused.written, good.error) == (0, None)
    assert good.written == 2 * 7
    assert {bar.instrument_id for bar in catalog.bars()} == {"AAPL.NASDAQ"}


async def test_a_lost_connection_is_waited_for(start_gateway, connect, tmp_path):
    gateway = await start_gateway()
    client = await connect(gateway)
    catalog = ParquetDataCatalog(tmp_path)
    cut = []

    def progress(state):
        if not cut and state.fraction > 0.2:
            cut.append(state.fraction)
            gateway.faults.drop()

    report = await client.download(
        catalog, bar_specifications=["1-MINUTE-LAST"], contracts=[AAPL], progress=progress, **SPAN
    )
    assert cut
    assert report.is_whole
    assert report.streams[0].rows == 20 * 390
    assert catalog.gaps("bars", "AAPL.NASDAQ-1-MINUTE-LAST") == []


@pytest.mark.parametrize("first", [True, False])
async def test_bars_that_begin_elsewhere_in_other_hours_are_not_mixed(connect, tmp_path, first):
    """A session opens at 14:30, which is within a bar of twenty minutes or more than thirty."""
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    specs = ["20-MINUTE-LAST", "1-HOUR-LAST", "4-HOUR-LAST", "1-DAY-LAST"]
    wanted = {"bar_specifications": specs, "contracts": [AAPL], **SPAN}
    assert (await client.download(catalog, **wanted, use_rth=first)).is_whole
    stored = catalog.bars()
    report = await client.download(catalog, **wanted, use_rth=not first)
    for stream in report.streams:
        assert isinstance(stream.error, InvalidRequest)
        assert "other trading hours" in stream.error.message
    assert catalog.bars() == stored
    assert (await client.download(catalog, **wanted, use_rth=first)).is_whole


@pytest.mark.parametrize(
    ("begins", "all_begin", "kept_apart"),
    [
        ("0930", "0400", {"20-MINUTE", "1-HOUR"}),
        ("0915", "0400", {"10-MINUTE", "20-MINUTE", "30-MINUTE", "1-HOUR"}),
        ("0400", "0400", {"20-MINUTE", "1-HOUR"}),
        ("0915", "0915", {"20-MINUTE", "1-HOUR"}),  # as all hours do
        ("0915", None, {"20-MINUTE", "1-HOUR"}),  # the venue lists no others
    ],
)
async def test_hours_are_kept_apart_at_sizes_at_which_their_bars_differ(
    connect, begins, all_begin, kept_apart
):
    client = await connect()
    [instrument] = await client.request_instruments(contracts=[AAPL])

    def listed(first):
        days = (6, 7) if first else ()
        return ";".join(f"202311{day:02d}:{first}-202311{day:02d}:1600" for day in days)

    hours = {"liquidHours": listed(begins), "tradingHours": listed(all_begin)}
    details = {**instrument.info["details"], **hours}
    venue = msgspec.structs.replace(instrument, info={**instrument.info, "details": details})
    sizes = ("15-SECOND", "1-MINUTE", "10-MINUTE", "15-MINUTE", "20-MINUTE", "30-MINUTE", "1-HOUR")
    apart = set()
    for size in sizes:
        bar_type = BarType(instrument.id, BarSpecification.from_str(f"{size}-LAST"))
        stream = HistoryStream(SimpleNamespace(instrument=venue), bar_type)
        if not _is_part_of_all_hours(stream):
            apart.add(size)
    assert apart == kept_apart


async def test_all_hours_have_the_regular_ones_in_them(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["30-MINUTE-LAST"], "contracts": [AAPL], **SPAN}
    assert (await client.download(catalog, **wanted, use_rth=False)).is_whole
    assert (await client.download(catalog, **wanted)).streams[0].fetched == 0


async def test_a_day_of_all_hours_hides_none_of_the_regular_ones(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["30-MINUTE-LAST"], "contracts": [AAPL]}
    assert (await client.download(catalog, **wanted, **SPAN)).streams[0].fetched == 20 * 13
    day = {"start_date_time": at("2023-11-06"), "end_date_time": at("2023-11-07")}
    await client.download(catalog, **wanted, **day, use_rth=False)
    assert (await client.download(catalog, **wanted, **SPAN)).streams[0].fetched == 0
    # Without a start it goes on from where the regular hours begin.
    report = await client.download(catalog, **wanted, end_date_time=SPAN["end_date_time"])
    assert report.streams[0].start_ns == ns("2023-10-16T09:30:00-04:00")
    assert report.streams[0].fetched == 0


async def test_what_cannot_be_is_refused_before_anything_is_stored(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path / "catalog")
    with pytest.raises(Unsupported, match="no trades of CASH"):
        await client.download(
            catalog, bar_specifications=["1-DAY-LAST"], contracts=[EURUSD], **SPAN
        )
    with pytest.raises(InvalidRequest, match="end must lie after"):
        await client.download(
            catalog,
            bar_specifications=["1-DAY-LAST"],
            contracts=[AAPL],
            start_date_time=at("2023-11-02"),
            end_date_time=at("2023-11-01"),
        )
    assert not catalog.exists()
    report = await client.download(catalog, bar_specifications=["1-DAY-LAST"], contracts=[AAPL])
    assert "say where to start" in (report.streams[0].error.remedy or "")


async def test_a_place_that_cannot_be_written_ends_the_download_and_not_the_client(
    connect, tmp_path
):
    client = await connect()
    (tmp_path / "file").write_text("in the way")
    wanted = {"bar_specifications": ["1-DAY-LAST"], "contracts": [AAPL], **SPAN}
    with pytest.raises(DataFileError, match="cannot write"):
        await client.download(ParquetDataCatalog(tmp_path / "file" / "below"), **wanted)
    assert client.downloads.pending() == ()
    assert len(await client.request_bars(["1-DAY-LAST"], contracts=[AAPL], **SPAN)) == 20


async def test_a_kill_between_two_steps_costs_nothing(connect, tmp_path):
    """Rows that were stored and not noted as whole are fetched again and stored once."""
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["5-MINUTE-LAST"], "contracts": [AAPL], **SPAN}
    await client.download(catalog, **wanted)
    whole = catalog.bars()
    for note in tmp_path.rglob("*.span"):
        note.unlink()
    report = await client.download(catalog, **wanted)
    assert report.is_whole
    assert (report.written, report.streams[0].fetched) == (0, 20 * 78)
    assert catalog.bars() == whole


async def test_a_stored_piece_that_differs_is_told(connect, tmp_path):
    """IB has revised a bar between the kill and the next run."""
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["5-MINUTE-LAST"], "contracts": [AAPL], **SPAN}
    bars = await client.request_bars(["5-MINUTE-LAST"], contracts=[AAPL], **SPAN)
    first = bars[0]
    old = msgspec.structs.replace(first, volume_raw=first.volume_raw + 10**9)
    catalog.write_data([old])
    report = await client.download(catalog, **wanted)
    assert not report.is_whole
    assert "revised" in report.streams[0].problems[0]
    assert "begin at the moment of another one" in catalog.check()[0]


async def test_cancelling_a_download_leaves_whole_pieces(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    enough = asyncio.Event()

    def progress(state):
        if state.fraction > 0.2:
            enough.set()

    task = asyncio.ensure_future(
        client.download(
            catalog,
            bar_specifications=["1-MINUTE-LAST"],
            contracts=[AAPL],
            progress=progress,
            **SPAN,
        )
    )
    async with asyncio.timeout(60):
        await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.downloads.pending() == ()
    assert catalog.check() == []


async def test_what_was_lost_is_fetched_again_by_the_same_download(connect, tmp_path):
    """A data file was removed; the notes of what is known whole were not."""
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {
        "bar_specifications": ["5-MINUTE-LAST", "1-DAY-LAST"],
        "contracts": [AAPL],
        "start_date_time": at("2023-10-16T12:00"),
        "end_date_time": at("2023-10-17T20:00"),
        "tz_name": "America/New_York",
    }
    await client.download(catalog, **wanted)
    whole = catalog.bars()
    for path in tmp_path.glob("bars/**/*.parquet"):
        path.unlink()
    told = catalog.check()
    assert len(told) == 2
    assert all("are there: download this span again" in problem for problem in told)
    report = await client.download(catalog, **wanted)
    assert report.is_whole
    assert report.written == len(whole)
    assert catalog.bars() == whole
    assert catalog.check() == []
    assert (await client.download(catalog, **wanted)).written == 0


async def test_regular_hours_beside_all_hours_are_fetched_once(connect, tmp_path):
    client = await connect()
    catalog = ParquetDataCatalog(tmp_path)
    wanted = {"bar_specifications": ["30-MINUTE-LAST"], "contracts": [AAPL], **SPAN}
    early = {**wanted, "end_date_time": at("2023-10-20T16:00")}
    await client.download(catalog, **early, use_rth=False)
    assert (await client.download(catalog, **wanted)).written == 15 * 13
    again = await client.download(catalog, **wanted)
    assert (again.written, again.streams[0].fetched) == (0, 0)
