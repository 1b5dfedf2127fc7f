"""History over a real socket: whole, exact, each record once."""

import asyncio
import csv
import datetime as dt
import gzip

import pytest
from ibapi.common import MarketDataTypeEnum

from posei_ib_sim.market.replay import ReplayFile
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.bar_specs import BAR_SIZES
from posei_trader.errors import (
    InstrumentNotFound,
    InvalidRequest,
    NotConnected,
    RequestTimeout,
    Unsupported,
)
from posei_trader.model.enums import BarAggregation
from posei_trader.model.ticks import QuoteTick, TradeTick

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
EURUSD = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")


def at(text):
    return dt.datetime.fromisoformat(text)


def ns(text):
    return int(at(text).timestamp()) * 10**9


async def test_the_bars_of_the_specification_come_whole_and_say_what_ib_lacks(connect):
    client = await connect(market_data_type=MarketDataTypeEnum.DELAYED_FROZEN, log_level="INFO")
    bars = await client.request_bars(
        bar_specifications=["5-MINUTE-MID", "1-HOUR-LAST", "1-DAY-LAST"],
        start_date_time=at("2023-11-01T09:30"),
        end_date_time=at("2023-11-06T16:30"),
        tz_name="America/New_York",
        contracts=[AAPL, EURUSD],
        use_rth=True,
        timeout=120,
    )
    count = {
        unit: sum(
            1
            for bar in bars
            if bar.bar_type.spec.aggregation is unit and bar.instrument_id == "AAPL.NASDAQ"
        )
        for unit in BarAggregation
    }
    # Four sessions of six and a half hours; hourly bars begin at the open and on each full hour.
    assert (count[BarAggregation.DAY], count[BarAggregation.HOUR]) == (4, 28)
    assert count[BarAggregation.MINUTE] == 4 * 78
    assert [(one.instrument, one.what) for one in bars.skipped] == [
        ("EUR/USD.IDEALPRO", "1-HOUR-LAST"),
        ("EUR/USD.IDEALPRO", "1-DAY-LAST"),
    ]
    assert [bar.ts_init for bar in bars] == sorted(bar.ts_init for bar in bars)
    assert len({(bar.bar_type, bar.ts_event) for bar in bars}) == len(bars)
    first = min(bar.ts_event for bar in bars if bar.bar_type.spec.aggregation != "DAY")
    assert first == ns("2023-11-01T13:30:00+00:00")
    last = max(
        bar.ts_event
        for bar in bars
        if bar.bar_type.spec.aggregation == "MINUTE" and bar.instrument_id == "AAPL.NASDAQ"
    )
    assert last == ns("2023-11-06T20:55:00+00:00")  # an hour later by UTC than before 5 November


@pytest.mark.parametrize("price", ["LAST", "MID", "BID", "ASK"])
async def test_every_bar_specification_is_served(connect, price):
    client = await connect()
    for (step, unit), size in BAR_SIZES.items():
        span = dt.timedelta(days=70) if unit in {"DAY", "WEEK", "MONTH"} else dt.timedelta(hours=6)
        end = at("2023-11-06T20:00:00+00:00")
        bars = await client.request_bars(
            [f"{step}-{unit}-{price}"],
            start_date_time=end - span,
            end_date_time=end,
            contracts=[AAPL],
            check_gaps=False,
        )
        assert bars, size
        assert {str(bar.bar_type.spec) for bar in bars} == {f"{step}-{unit}-{price}"}


async def test_only_what_ib_lacks_is_an_error(connect):
    client = await connect()
    with pytest.raises(Unsupported, match=r"(?s)no trades of CASH.*BID_ASK"):
        await client.request_bars(
            ["1-DAY-LAST"], start_date_time=at("2023-11-01"), contracts=[EURUSD]
        )
    with pytest.raises(Unsupported):
        await client.request_ticks(["TRADES"], start_date_time=at("2023-11-01"), contracts=[EURUSD])


async def test_ticks_of_both_kinds_are_merged_in_time(connect):
    client = await connect()
    ticks = await client.request_ticks(
        tick_types=["TRADES", "BID_ASK"],
        start_date_time=at("2023-11-06T09:30"),
        end_date_time=at("2023-11-06T10:30"),
        tz_name="America/New_York",
        contracts=[AAPL, EURUSD],
        use_rth=True,
    )
    assert [tick.ts_event for tick in ticks] == sorted(tick.ts_event for tick in ticks)
    assert {type(tick) for tick in ticks} == {QuoteTick, TradeTick}
    start, end = ns("2023-11-06T14:30:00+00:00"), ns("2023-11-06T15:30:00+00:00")
    assert all(start <= tick.ts_event < end for tick in ticks)
    trades = [tick for tick in ticks if isinstance(tick, TradeTick)]
    assert len({trade.trade_id for trade in trades}) == len(trades)
    assert [one.what for one in ticks.skipped] == ["TRADES ticks"]
    again = await client.request_ticks(
        tick_type="TRADES",
        start_date_time=at("2023-11-06T10:00"),
        end_date_time=at("2023-11-06T10:30"),
        tz_name="America/New_York",
        instrument_ids=["AAPL.NASDAQ"],
    )
    # Ids included: a second download of a part stores nothing twice.
    half = ns("2023-11-06T15:00:00+00:00")
    assert list(again) == [trade for trade in trades if trade.ts_event >= half]


@pytest.fixture
def minutes(shared_data):
    """A week of real minutes of the March 2024 euro future, stamped when they closed."""
    path = shared_data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    return path, [row for row in rows if row["timestamp_utc"] < "2024-01-09"]


@pytest.mark.real_data
@pytest.mark.slow
async def test_a_week_of_real_minutes_arrives_row_by_row(start_gateway, connect, minutes):
    path, rows = minutes
    gateway = await start_gateway(
        replay=[ReplayFile(path=str(path), contract="6EH4", stamp="close", end="2024-01-09")],
        start="2024-01-09T00:00:00Z",
    )
    client = await connect(gateway)
    bars = await client.request_bars(
        ["1-MINUTE-LAST"],
        start_date_time=at("2024-01-01T00:00:00+00:00"),
        end_date_time=at("2024-01-09T00:00:00+00:00"),
        instrument_ids=["6EH4.CME"],
        use_rth=False,
    )
    minute = 60 * 10**9
    got = {
        bar.ts_event + minute: (
            float(bar.open),
            float(bar.high),
            float(bar.low),
            float(bar.close),
            float(bar.volume),
        )
        for bar in bars
    }
    assert len(got) == len(bars)
    wanted = {
        ns(f"{row['timestamp_utc']}+00:00"): tuple(
            float(row[name]) for name in ("open", "high", "low", "close", "volume")
        )
        for row in rows
    }
    assert got == wanted


async def test_many_days_in_sessions_have_no_hole_where_requests_meet(connect):
    """IB's days are sessions: a request that ends inside one covers less than its days."""
    client = await connect()
    bars = await client.request_bars(
        ["5-MINUTE-LAST"],
        start_date_time=at("2023-10-16T11:00"),
        end_date_time=at("2023-11-10T11:00"),
        tz_name="America/New_York",
        contracts=[AAPL],
    )
    opens = [bar.ts_event for bar in bars]
    # 19 business days: the first from 11:00 to 16:00, 18 whole ones, the last until 11:00.
    assert len(opens) == 60 + 18 * 78 + 18
    assert opens == sorted(set(opens))


async def test_progress_is_told_for_every_answer(connect):
    seen = []
    client = await connect()
    await client.request_bars(
        ["1-MINUTE-LAST"],
        start_date_time=at("2023-11-01T09:30"),
        end_date_time=at("2023-11-03T16:00"),
        tz_name="America/New_York",
        contracts=[AAPL],
        progress=seen.append,
    )
    assert [one.done for one in seen] == [1, 2, 3]
    assert {one.total for one in seen} == {3}


async def test_what_cannot_be_is_refused_before_anything_is_asked(connect):
    client = await connect()
    start = at("2023-11-01")
    with pytest.raises(InvalidRequest, match="STEP-UNIT-PRICE"):
        await client.request_bars(["1-FORTNIGHT-LAST"], start_date_time=start, contracts=[AAPL])
    with pytest.raises(Unsupported, match="no such bars"):
        await client.request_bars(["7-MINUTE-LAST"], start_date_time=start, contracts=[AAPL])
    with pytest.raises(InvalidRequest, match="end must lie after"):
        await client.request_bars(
            ["1-DAY-LAST"],
            start_date_time=start,
            end_date_time=at("2023-10-01"),
            contracts=[AAPL],
        )
    with pytest.raises(InvalidRequest, match="nothing to ask about"):
        await client.request_bars(["1-DAY-LAST"], start_date_time=start)
    with pytest.raises(InvalidRequest, match="no bar specification"):
        await client.request_bars([], start_date_time=start, contracts=[AAPL])
    with pytest.raises(InvalidRequest, match="an IBContract"):
        await client.request_bars(
            ["1-DAY-LAST"], start_date_time=start, contracts=[{"symbol": "AAPL"}]
        )
    with pytest.raises(InvalidRequest, match=r"(?s)kind of ticks.*TRADES, BID_ASK"):
        await client.request_ticks(["LAST"], start_date_time=start, contracts=[AAPL])
    with pytest.raises(InvalidRequest, match="no kind of ticks"):
        await client.request_ticks(start_date_time=start, contracts=[AAPL])
    with pytest.raises(InstrumentNotFound):
        await client.request_instruments(instrument_ids=["NOSUCHTHING.NASDAQ"])


async def test_the_log_level_is_checked(connect):
    with pytest.raises(InvalidRequest, match="unknown log level"):
        await connect(log_level="LOUD")


async def test_an_empty_span_of_a_known_contract_is_an_empty_answer(connect):
    client = await connect()
    bars = await client.request_bars(
        ["1-MINUTE-LAST"],
        start_date_time=at("2023-11-04T12:00:00+00:00"),  # a Saturday
        end_date_time=at("2023-11-04T13:00:00+00:00"),
        contracts=[AAPL],
    )
    assert bars == []
    assert bars.skipped == ()


async def test_an_answer_that_does_not_come_raises_and_is_never_empty(start_gateway, connect):
    gateway = await start_gateway()
    client = await connect(gateway)
    await client.request_instruments(contracts=[AAPL])
    gateway.faults.stall()
    with pytest.raises(RequestTimeout, match="nothing is known"):
        await client.request_bars(
            ["1-DAY-LAST"],
            start_date_time=at("2023-11-01"),
            end_date_time=at("2023-11-03"),
            contracts=[AAPL],
            timeout=0.05,
        )
    gateway.faults.release()


async def test_cancelling_a_request_cancels_it_at_ib(start_gateway, connect):
    gateway = await start_gateway()
    client = await connect(gateway)
    await client.request_instruments(contracts=[AAPL])
    gateway.faults.stall()
    task = asyncio.ensure_future(
        client.request_bars(
            ["1-DAY-LAST"],
            start_date_time=at("2023-11-01"),
            end_date_time=at("2023-11-03"),
            contracts=[AAPL],
        )
    )
    async with asyncio.timeout(5):
        while not client.downloads.pending():  # noqa: ASYNC110  the client's own state is looked at
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.downloads.pending() == ()
    gateway.faults.release()


async def test_the_same_question_at_the_same_time_is_asked_once(connect):
    client = await connect()
    question = {
        "bar_specifications": ["1-DAY-LAST"],
        "start_date_time": at("2023-11-01"),
        "end_date_time": at("2023-11-06"),
        "contracts": [AAPL],
    }
    first, second = await asyncio.gather(
        client.request_bars(**question), client.request_bars(**question)
    )
    assert first == second
    assert len(first) == 3


async def test_a_client_that_is_not_connected_says_so(start_gateway, connect):
    client = await connect()
    await client.disconnect()
    await client.disconnect()
    with pytest.raises(NotConnected):
        await client.request_instruments(contracts=[AAPL])
