"""Requests answered as Arrow tables, or piece by piece; and what is missing in them."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.errors import InvalidRequest, RequestRejected, RequestTimeout
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
EURUSD = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")


def at(text):
    return dt.datetime.fromisoformat(text)


def ns(text):
    return int(at(text).timestamp()) * 10**9


BARS = {
    "bar_specifications": ["5-MINUTE-LAST", "1-DAY-LAST"],
    "start_date_time": at("2023-11-01T09:30"),
    "end_date_time": at("2023-11-06T16:30"),
    "tz_name": "America/New_York",
    "contracts": [AAPL],
}
TICKS = {
    "tick_types": ["TRADES", "BID_ASK"],
    "start_date_time": at("2023-11-06T09:30"),
    "end_date_time": at("2023-11-06T10:00"),
    "tz_name": "America/New_York",
    "contracts": [AAPL],
}


async def test_arrow_tables_go_into_a_catalog_and_are_the_same_bars(connect, tmp_path):
    client = await connect()
    objects = await client.request_bars(**BARS)
    tables = await client.request_bars(**BARS, to="arrow")
    assert [str(one.key.spec) for one in tables] == ["5-MINUTE-LAST", "1-DAY-LAST"]
    records = [bar for one in tables for bar in one.records()]
    assert sorted(records, key=lambda bar: bar.ts_init) == list(objects)
    catalog = ParquetDataCatalog(tmp_path)
    assert catalog.write_data(tables).written == len(objects) == 4 * 78 + 4
    assert catalog.write_data(objects).written == 0
    assert {type(bar) for bar in catalog.bars()} == {Bar}


async def test_ticks_as_arrow_are_the_same_ticks(connect, tmp_path):
    client = await connect()
    objects = await client.request_ticks(**TICKS)
    tables = await client.request_ticks(**TICKS, to="arrow")
    assert [one.kind for one in tables] == ["trade_ticks", "quote_ticks"]
    trades, quotes = (one.records() for one in tables)
    assert trades == [tick for tick in objects if isinstance(tick, TradeTick)]
    assert quotes == [tick for tick in objects if isinstance(tick, QuoteTick)]
    assert ParquetDataCatalog(tmp_path).write_data(tables).written == len(objects) > 500


async def test_an_unknown_form_is_refused(connect):
    client = await connect()
    with pytest.raises(InvalidRequest, match=r"(?s)objects or as Arrow.*to='arrow'"):
        await client.request_bars(**BARS, to="pandas")


async def test_pieces_meet_and_are_the_whole(connect):
    client = await connect()
    wanted = {**BARS, "bar_specifications": ["1-MINUTE-LAST"]}
    whole = await client.request_bars(**wanted)
    pieces = [piece async for piece in client.iter_bars(**wanted)]
    assert len(pieces) == 6  # five days and seven hours, a day a request
    assert pieces[0].start_ns == ns("2023-11-01T09:30-04:00")
    assert pieces[-1].end_ns == ns("2023-11-06T16:30-05:00")
    for earlier, later in itertools.pairwise(pieces):
        assert earlier.end_ns == later.start_ns
    for piece in pieces:
        opened = [bar.ts_event for bar in piece.rows.records()]
        assert all(piece.start_ns <= moment < piece.end_ns for moment in opened)
    assert [bar for piece in pieces for bar in piece.rows.records()] == list(whole)


async def test_pieces_of_daily_bars_have_no_half_days_where_they_meet(connect):
    """A year is the longest request: the cut falls into a session unless somebody looks."""
    client = await connect()
    wanted = {
        **BARS,
        "bar_specifications": ["1-DAY-LAST"],
        "start_date_time": at("2022-08-01T10:00"),
        "end_date_time": at("2023-11-09T12:00"),  # a Thursday, as the cut a year before
        "use_rth": False,  # in winter until 01:00 UTC of the next day
    }
    pieces = [piece async for piece in client.iter_bars(**wanted)]
    assert len(pieces) == 2
    bars = [bar for piece in pieces for bar in piece.rows.records()]
    assert [bar.ts_event for bar in bars] == sorted({bar.ts_event for bar in bars})
    cut = pieces[1].start_ns
    # The two days around the cut, asked for alone.
    near = await client.request_bars(
        ["1-DAY-LAST"],
        start_date_time=dt.datetime.fromtimestamp(cut / 1e9 - 4 * 86_400, dt.UTC),
        end_date_time=dt.datetime.fromtimestamp(cut / 1e9 + 4 * 86_400, dt.UTC),
        contracts=[AAPL],
        use_rth=False,
    )
    assert len(near) >= 4
    assert set(near) <= set(bars)


async def test_pieces_of_ticks_are_the_whole(connect):
    client = await connect()
    whole = await client.request_ticks(**TICKS)
    pieces = [piece async for piece in client.iter_ticks(**TICKS)]
    assert {(piece.rows.kind, piece.start_ns) for piece in pieces} >= {
        ("trade_ticks", ns("2023-11-06T09:30-05:00")),
        ("quote_ticks", ns("2023-11-06T09:30-05:00")),
    }
    ticks = [tick for piece in pieces for tick in piece.rows.records()]
    assert sorted(ticks, key=lambda tick: tick.ts_event) == list(whole)


async def test_who_stops_listening_leaves_nothing_behind(connect):
    client = await connect()
    pieces = client.iter_bars(**{**BARS, "bar_specifications": ["1-MINUTE-LAST"]})
    async for _ in pieces:
        break
    await pieces.aclose()
    assert client.downloads.pending() == ()
    assert len(await client.request_bars(**BARS)) == 4 * 78 + 4


# -- gaps ------------------------------------------------------------------------------------------


async def test_a_whole_answer_has_no_gaps_and_knows_holidays(connect):
    client = await connect()
    bars = await client.request_bars(
        ["30-MINUTE-LAST", "1-HOUR-LAST", "1-DAY-LAST"],
        # Labor Day is within.
        start_date_time=at("2023-09-01T00:00"),
        end_date_time=at("2023-09-09T00:00"),
        tz_name="America/New_York",
        contracts=[AAPL],
    )
    assert len({bar.ts_event // (86_400 * 10**9) for bar in bars}) == 5
    assert (bars.gaps, bars.unchecked) == ((), ())


async def test_what_ib_leaves_out_is_reported(start_gateway, connect, tmp_path):
    """Prices of two hours with a hole of ten minutes, and nothing on the next day."""
    lines = ["timestamp,open,high,low,close,volume"]
    opened = at("2023-11-02T09:30:00-04:00")
    lines += [
        f"{(opened + dt.timedelta(minutes=n)).isoformat()},170,171,169,170,100"
        for n in range(120)
        if not 30 <= n < 40
    ]
    path = tmp_path / "AAPL.csv"
    path.write_text("\n".join(lines))
    gateway = await start_gateway(replay=[str(path)], start="2023-11-04T00:00:00Z")
    client = await connect(gateway)
    wanted = {
        "start_date_time": at("2023-11-02T09:30"),
        "end_date_time": at("2023-11-04T00:00"),
        "tz_name": "America/New_York",
        "contracts": [AAPL],
    }
    bars = await client.request_bars(["1-MINUTE-LAST"], **wanted)
    assert len(bars) == 110
    key = BarType.from_str("AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL")
    found = [
        (gap.key, gap.start_ns, gap.end_ns, gap.missing, gap.is_whole_session) for gap in bars.gaps
    ]
    assert found == [
        (key, ns("2023-11-02T10:00-04:00"), ns("2023-11-02T10:10-04:00"), 10, False),
        (key, ns("2023-11-02T11:30-04:00"), ns("2023-11-02T16:00-04:00"), 270, False),
        (key, ns("2023-11-03T09:30-04:00"), ns("2023-11-03T16:00-04:00"), 390, True),
    ]
    assert {gap.hours for gap in bars.gaps} == {"IB's schedule"}
    ticks = await client.request_ticks("TRADES", **wanted)
    assert [(gap.kind, gap.start_ns, gap.missing) for gap in ticks.gaps] == [
        ("trade_ticks", ns("2023-11-03T09:30-04:00"), 0)
    ]


async def test_gaps_that_nobody_can_tell_are_unknown_and_not_none(start_gateway, connect):
    """The schedule does not come; the bars do."""
    gateway = await start_gateway()
    client = await connect(gateway)
    await client.request_instruments(contracts=[AAPL])
    gateway.faults.omit("HistoricalSchedule")
    bars = await client.request_bars(
        ["1-DAY-LAST"],
        start_date_time=at("2023-11-01"),
        end_date_time=at("2023-11-06"),
        contracts=[AAPL],
        timeout=0.3,
    )
    assert len(bars) == 3
    assert bars.gaps == ()
    (unchecked,) = bars.unchecked
    assert (unchecked.kind, str(unchecked.key)) == ("bars", "AAPL.NASDAQ-1-DAY-LAST-EXTERNAL")
    assert "did not answer" in unchecked.reason
    bars = await client.request_bars(
        ["1-DAY-LAST"],
        start_date_time=at("2023-11-01"),
        end_date_time=at("2023-11-03"),
        contracts=[AAPL],
        check_gaps=False,
    )
    assert (bars.gaps, bars.unchecked) == ((), ())


async def test_a_span_before_ibs_history_raises_instead_of_being_empty(connect):
    client = await connect()
    with pytest.raises(RequestRejected, match=r"(?s)begins later.*after 2005-01-03"):
        await client.request_bars(
            ["1-DAY-LAST"],
            start_date_time=at("1990-01-01"),
            end_date_time=at("1990-01-02"),
            contracts=[AAPL],
        )
    with pytest.raises(RequestTimeout):
        await client.request_bars(
            ["1-DAY-LAST"],
            start_date_time=at("2023-11-01"),
            end_date_time=at("2023-11-02"),
            contracts=[AAPL],
            timeout=1e-9,
        )
