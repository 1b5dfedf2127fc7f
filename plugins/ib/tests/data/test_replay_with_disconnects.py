"""Real minutes with and without disconnects: a strategy sees the same, once each, in order."""

from __future__ import annotations

import csv
import gzip

import pytest

from posei_ib_sim.gateway import ReplayFile
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.model.bars import BarType
from posei_trader.model.enums import TradeFlag
from posei_trader.model.identifiers import InstrumentId
from posei_trader.trading.actor import Actor

EURO = InstrumentId("6EH4.CME")
MINUTE = 60
UNPACED = PacingLimits(identical_s=0.001, burst=1_000, small_bar_requests=100_000)
NS = 10**9


class Witness(Actor):
    """Writes down what it is given."""

    def __init__(self, bar_types=(), *, trades=False, quotes=False):
        super().__init__()
        self.wanted, self.wants_trades, self.wants_quotes = bar_types, trades, quotes
        self.bars, self.trades, self.quotes, self.gaps = {}, [], [], []

    def on_start(self):
        for bar_type in self.wanted:
            self.bars[bar_type] = []
            self.subscribe_bars(bar_type)
        if self.wants_trades:
            self.subscribe_trade_ticks(EURO)
        if self.wants_quotes:
            self.subscribe_quote_ticks(EURO, params={"batch_quotes": "false"})

    def on_bar(self, bar):
        self.bars[bar.bar_type].append(bar)

    def on_trade_tick(self, tick):
        self.trades.append(tick)

    def on_quote_tick(self, tick):
        self.quotes.append(tick)

    def on_data_gap(self, gap):
        self.gaps.append(gap)


def bar_type(spec):
    return BarType.from_str(f"{EURO}-{spec}-EXTERNAL")


def told(bar):
    return (
        bar.ts_event,
        bar.open_raw,
        bar.high_raw,
        bar.low_raw,
        bar.close_raw,
        bar.volume_raw,
    )


def traded(tick):
    return tick.ts_event, tick.price_raw, tick.size_raw


def quoted(tick):
    return tick.ts_event, tick.bid_raw, tick.ask_raw, tick.bid_size_raw, tick.ask_size_raw


@pytest.fixture
def replay(shared_data, open_desk, start_gateway):
    """Replay a span of real minutes of the euro future to a witness, with or without trouble."""
    path = shared_data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"

    async def run(witness, start, end, hours, trouble=None, **settings):
        gateway = await start_gateway(
            replay=[
                ReplayFile(path=str(path), contract="6EH4", stamp="close", start=start, end=end)
            ],
            start=f"{start}Z",
        )
        desk = await open_desk(
            [witness],
            gateway,
            load_ids=frozenset({EURO}),
            use_regular_trading_hours=False,
            limits=UNPACED,
            **settings,
        )
        minute = 0
        for until, happen in (trouble or {}).items():
            await desk.run((until - minute) * MINUTE)
            minute = until
            await happen(desk)
            # What is fetched comes in real time, while simulated time runs ahead of it.
            await desk.run(20)
            await desk.until(lambda: not desk.connection.health().requests)
        await desk.run((hours * 60 - minute) * MINUTE)
        desk.check()
        return desk

    return run


async def lose_the_socket(desk):
    """The gateway goes; seventeen minutes pass before it is back."""
    reconnects = desk.connection.health().reconnects
    desk.gateway.faults.restart(0.3)
    await desk.until(lambda: not desk.connection.is_connected)
    await desk.gateway.advance(17 * MINUTE)
    await desk.until(lambda: desk.connection.health().reconnects > reconnects)
    await desk.until(lambda: desk.connection.is_connected)
    await desk.synced()


async def lose_the_servers(desk):
    desk.gateway.faults.connectivity_lost()
    await desk.synced()


async def find_the_servers_without_data(desk):
    desk.gateway.faults.connectivity_restored(data_maintained=False)
    await desk.synced()


async def find_the_servers_with_data(desk):
    desk.gateway.faults.connectivity_restored(data_maintained=True)
    await desk.synced()


THREE_DISCONNECTS = {
    200: lose_the_socket,
    500: lose_the_servers,
    545: find_the_servers_without_data,
    900: lose_the_servers,
    922: find_the_servers_with_data,
}


@pytest.mark.real_data
async def test_a_day_of_real_minutes_with_three_disconnects_gives_the_same_bars(
    replay, shared_data
):
    minutes = bar_type("1-MINUTE-LAST")
    calm, shaken = Witness([minutes]), Witness([minutes])
    await replay(calm, "2024-01-03T00:00:00", "2024-01-04T00:00:00", 21.4)
    await replay(shaken, "2024-01-03T00:00:00", "2024-01-04T00:00:00", 21, THREE_DISCONNECTS)
    bars = shaken.bars[minutes]
    moments = [bar.ts_event for bar in bars]
    assert moments == sorted(set(moments))
    assert [told(bar) for bar in bars] == [told(bar) for bar in calm.bars[minutes]][: len(bars)]
    assert len(bars) > 1_200
    missed = [bar for bar in bars if bar.is_backfilled]
    assert 17 + 45 + 22 - 3 <= len(missed) <= 17 + 45 + 22 + 6
    assert shaken.gaps == []
    assert not any(bar.is_backfilled for bar in calm.bars[minutes])
    # The file itself is the judge of both.
    path = shared_data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["timestamp_utc"] >= "2024-01-03"]
    closes = [round(float(row["close"]) * NS) for row in rows]
    first = next(index for index in range(10) if closes[index] == bars[0].close_raw)
    assert [bar.close_raw for bar in bars] == closes[first : first + len(bars)]


SHORT_DISCONNECTS = {
    20: lose_the_socket,
    50: lose_the_servers,
    58: find_the_servers_without_data,
    75: lose_the_servers,
    81: find_the_servers_with_data,
}


@pytest.mark.real_data
async def test_ticks_and_small_bars_come_through_three_disconnects_each_once_and_in_order(replay):
    fives, seconds = bar_type("5-SECOND-LAST"), bar_type("1-SECOND-LAST")
    mids = bar_type("5-SECOND-MID")
    span = "2024-01-03T13:00:00", "2024-01-03T16:00:00"
    witnesses = [Witness([fives, seconds, mids], trades=True, quotes=True) for _ in range(2)]
    calm, shaken = witnesses
    terms = {"backfill_ticks_limit": 1_800}
    await replay(calm, *span, 2.35, **terms)
    await replay(shaken, *span, 2.0, SHORT_DISCONNECTS, **terms)
    assert shaken.gaps == []
    for kind in (fives, seconds, mids):
        got, wanted = shaken.bars[kind], calm.bars[kind]
        assert [told(bar) for bar in got] == [told(bar) for bar in wanted][: len(got)]
        assert 20 < sum(bar.is_backfilled for bar in got) < len(got) - 200
        assert got[-1].ts_event > wanted[-1].ts_event - 3 * MINUTE * NS
    assert [traded(tick) for tick in shaken.trades] == [traded(t) for t in calm.trades][
        : len(shaken.trades)
    ]
    assert [quoted(tick) for tick in shaken.quotes] == [quoted(t) for t in calm.quotes][
        : len(shaken.quotes)
    ]
    assert len({tick.trade_id for tick in shaken.trades}) == len(shaken.trades)
    missed = [tick for tick in shaken.trades if tick.flags & TradeFlag.BACKFILLED]
    assert 50 < len(missed) < len(shaken.trades) - 200
    assert sum(tick.is_backfilled for tick in shaken.quotes) > 50
    assert not any(tick.is_backfilled for tick in calm.quotes)


@pytest.mark.real_data
async def test_without_back_filling_each_gap_is_announced_and_nothing_is_marked(replay):
    minutes = bar_type("1-MINUTE-LAST")
    witness = Witness([minutes], trades=True)
    span = "2024-01-03T13:00:00", "2024-01-03T16:00:00"
    await replay(witness, *span, 2.0, SHORT_DISCONNECTS, backfill=False)
    assert not any(bar.is_backfilled for bar in witness.bars[minutes])
    assert not any(tick.flags & TradeFlag.BACKFILLED for tick in witness.trades)
    moments = [bar.ts_event // NS for bar in witness.bars[minutes]]
    assert moments == sorted(set(moments))
    begin = 1_704_286_800
    for kind in ("TRADE_TICKS", "BARS"):
        gaps = [gap for gap in witness.gaps if gap.subscription.kind == kind]
        # Each outage lies in what was announced; nothing else was.
        for start, end in ((20, 37), (50 + 17, 58 + 17), (75 + 17, 81 + 17)):
            inside = [
                gap
                for gap in gaps
                if gap.start_ns < (begin + end * MINUTE) * NS
                and gap.end_ns > (begin + start * MINUTE) * NS
            ]
            assert inside, (kind, start)
            assert max(gap.end_ns for gap in inside) >= (begin + (end - 2) * MINUTE) * NS
    for gap in witness.gaps:
        inside = [m for m in moments if gap.start_ns // NS < m < gap.end_ns // NS - MINUTE]
        assert gap.subscription.kind != "BARS" or inside == []
