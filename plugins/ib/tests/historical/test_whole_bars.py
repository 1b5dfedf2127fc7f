"""No bar is a part of one: where requests begin, end and meet, IB sends what is inside of them."""

from __future__ import annotations

import collections
import datetime as dt

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
GOLD = IBContract(secType="CONTFUT", symbol="GC", exchange="COMEX")


def at(text):
    return dt.datetime.fromisoformat(text)


def day_of(moment_ns):
    return dt.datetime.fromtimestamp(moment_ns // 10**9, dt.UTC).date()


PERIODS = {
    "1-WEEK-LAST": lambda day: day - dt.timedelta(days=day.weekday()),
    "1-MONTH-LAST": lambda day: day.replace(day=1),
}


def summed(days, begin_of):
    """Return volumes by the day on which a longer bar begins."""
    volumes = collections.Counter()
    for bar in days:
        volumes[begin_of(day_of(bar.ts_event))] += bar.volume_raw
    return dict(volumes)


async def four_ways(client, folder, spec, **asked):
    """Return the bars as a request, as tables, piece by piece and as a download bring them."""
    asked = {"contracts": [AAPL], **asked}
    yield await client.request_bars([spec], **asked)
    tables = ParquetDataCatalog(folder / "tables")
    tables.write_data(await client.request_bars([spec], to="arrow", **asked))
    yield tables.bars()
    pieces = ParquetDataCatalog(folder / "pieces")
    async for piece in client.iter_bars([spec], **asked):
        pieces.write_data([piece.rows])
    yield pieces.bars()
    download = ParquetDataCatalog(folder / "download")
    report = await client.download(download, bar_specifications=[spec], **asked)
    assert report.is_whole
    assert download.check() == []
    yield download.bars()


@pytest.mark.parametrize("spec", PERIODS)
@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020-07-06", "2023-10-30"),  # several requests
        ("2022-10-31", "2023-10-30"),  # begins in the last week and month of a year's request
        ("2022-10-19", "2023-10-18T17:30"),  # begins and ends in the midst
    ],
)
async def test_weeks_and_months_are_the_sums_of_their_days(connect, tmp_path, spec, start, end):
    client = await connect()
    days = await client.request_bars(
        ["1-DAY-LAST"],
        start_date_time=at("2020-01-01"),
        end_date_time=at("2023-11-18"),
        contracts=[AAPL],
    )
    sums = summed(days, PERIODS[spec])
    span = {"start_date_time": at(start), "end_date_time": at(end)}
    async for bars in four_ways(client, tmp_path, spec, **span):
        first = PERIODS[spec](at(start).date())
        wanted = {
            day: volume
            for day, volume in sums.items()
            if first <= day and dt.datetime.combine(day, dt.time()) < at(end)
        }
        assert {day_of(bar.ts_event): bar.volume_raw for bar in bars} == wanted


@pytest.mark.parametrize(
    ("spec", "start", "end"),
    [
        ("1-HOUR-LAST", "2023-09-01T13:30", "2023-11-06T17:30"),
        ("4-HOUR-LAST", "2023-09-01T13:30", "2023-11-06T17:30"),
        ("5-MINUTE-LAST", "2023-10-20T13:30", "2023-11-06T17:32:30"),
        ("1-DAY-LAST", "2022-09-01", "2023-11-06T17:30"),
    ],
)
async def test_an_end_inside_a_bar_brings_the_bar_whole(connect, tmp_path, spec, start, end):
    client = await connect()
    asked = {"contracts": [AAPL], "start_date_time": at(start)}
    later = await client.request_bars([spec], end_date_time=at("2023-11-08T21:00"), **asked)
    until = int(at(end).replace(tzinfo=dt.UTC).timestamp()) * 10**9
    wanted = [bar for bar in later if bar.ts_event < until]
    minutes = await client.request_bars(
        ["1-MINUTE-LAST"],
        contracts=[AAPL],
        start_date_time=at("2023-11-06T14:30"),
        end_date_time=at("2023-11-06T21:00"),
    )
    span = wanted[-1].ts_event, later[len(wanted)].ts_event
    inside = [bar for bar in minutes if span[0] <= bar.ts_event < span[1]]
    assert wanted[-1].volume_raw == sum(bar.volume_raw for bar in inside)
    async for bars in four_ways(client, tmp_path, spec, **asked, end_date_time=at(end)):
        assert list(bars) == wanted


async def test_a_nightly_download_of_long_bars_stores_none_that_goes_on(
    start_gateway, connect, tmp_path
):
    gateway = await start_gateway(start="2023-11-06T20:10:00Z")
    client = await connect(gateway)
    specs = ["1-HOUR-LAST", "2-HOUR-LAST", "3-HOUR-LAST", "4-HOUR-LAST", "8-HOUR-LAST"]
    asked = {"bar_specifications": specs, "contracts": [AAPL]}
    catalog = ParquetDataCatalog(tmp_path)
    await client.download(catalog, start_date_time=at("2023-10-02"), **asked)
    early = catalog.bars()
    await gateway.advance(2 * 86_400)
    report = await client.download(catalog, **asked)  # goes on where it was
    assert report.is_whole
    assert catalog.check() == []
    whole = await client.request_bars(
        specs,
        contracts=[AAPL],
        start_date_time=at("2023-10-02"),
        end_date_time=at("2023-11-07T21:00"),
    )
    stored = catalog.bars(end="2023-11-07T21:00")
    assert sorted(stored, key=str) == sorted(whole, key=str)
    assert set(early) <= set(stored)
    hours = BarType.from_str("AAPL.NASDAQ-1-HOUR-LAST-EXTERNAL")
    newest = max(bar.ts_event for bar in early if bar.bar_type == hours)
    assert newest == int(at("2023-11-06T19:00+00:00").timestamp()) * 10**9


async def test_what_lies_ahead_or_has_not_ended_is_no_gap(start_gateway, connect):
    client = await connect(await start_gateway(start="2023-11-20T15:00:30Z"))
    for spec in ("1-MINUTE-LAST", "1-HOUR-LAST", "1-DAY-LAST"):
        bars = await client.request_bars(
            [spec],
            contracts=[AAPL],
            start_date_time=at("2023-11-16"),
            end_date_time=at("2023-11-22"),
        )
        assert bars
        assert bars.gaps == ()


async def test_the_last_days_are_those_of_the_venue_in_the_first_request_too(connect):
    client = await connect()
    days = await client.request_bars(["1-DAY-LAST"], contracts=[AAPL], duration="5 D")
    assert [str(day_of(bar.ts_event)) for bar in days][-2:] == ["2023-11-17", "2023-11-20"]


async def test_the_longest_span_of_a_continuous_future_is_served(connect):
    client = await connect()
    for spec, duration in (("1-DAY-LAST", "1 Y"), ("1-MINUTE-LAST", "1 D"), ("1-WEEK-LAST", "1 Y")):
        assert await client.request_bars([spec], contracts=[GOLD], duration=duration)


async def test_a_year_of_three_digits_is_refused_at_once(connect):
    client = await connect()
    with pytest.raises(InvalidRequest, match="so long ago") as refused:
        await client.request_bars(
            ["1-WEEK-LAST"], contracts=[AAPL], start_date_time=at("0203-11-10")
        )
    assert refused.value.field == "start_date_time"
