"""Bars made of columns are the bars that the live builder makes of the same events."""

import datetime as dt
import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from posei_ib_sim.contracts.hours import HoursBook
from posei_ib_sim.gateway import SimulatedIBGatewayConfig
from posei_ib_sim.history import BAR_SIZES, BarBuilder, HistoryService, parse_duration
from posei_ib_sim.history.bulk import BulkBuilder, OutsideSessions
from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
from posei_ib_sim.market.columns import TickColumns
from posei_ib_sim.market.events import Quote, Trade
from posei_ib_sim.market.tape import BarTape, MergedTape, TickTape
from posei_ib_sim.simulation import Simulation

SECOND = 10**9
DAY = 86_400 * SECOND
HOURS = HoursBook()
KINDS = ["TRADES", "MIDPOINT", "BID", "ASK", "BID_ASK"]
# Each with a weekend, most with a change to or from summer time, one with a lunch break.
WEEKS = {
    "AAPL": "2024-03-06", "SAP": "2024-03-27", "EUR.USD": "2024-11-01", "BTC.USD": "2024-03-08",
    "ESM4": "2024-03-07", "SPX": "2024-11-01", "HSIM4": "2024-03-27",
}  # fmt: skip


class Nobody:
    """A sink of order reports."""

    def __getattr__(self, name):
        return lambda *_: None


@pytest.fixture(scope="module")
def simulation():
    config = SimulatedIBGatewayConfig(speed="step", start="2024-05-01T15:00:00")
    return Simulation(config, Nobody())


def at(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


def one_by_one(events, template, size, what, *, use_rth):
    builder = BarBuilder(HOURS, template, size, what, use_rth=use_rth)
    bars = [bar for bar in map(builder.add, events) if bar is not None]
    return (bars if builder.current is None else [*bars, builder.current]), builder


def in_bulk(tape, span, template, size, what, *, use_rth):
    bulk = BulkBuilder(HOURS, template, size, what, use_rth=use_rth)
    for ticks in tape.blocks(*span, bulk.wanted):
        bulk.add(ticks)
    builder = BarBuilder(HOURS, template, size, what, use_rth=use_rth)
    return bulk.finish(builder).bars(), builder


def same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.start_ns, one.date, one.count) == (other.start_ns, other.date, other.count)
        for name in ("open", "high", "low", "close", "volume", "wap"):
            assert math.isclose(getattr(one, name), getattr(other, name), rel_tol=1e-12), name


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    name=st.sampled_from(sorted(WEEKS)),
    begin=st.integers(0, 3 * 86_400),
    length=st.integers(1, 3 * 86_400),
    size=st.sampled_from(sorted(BAR_SIZES)),
    what=st.sampled_from(KINDS),
    use_rth=st.booleans(),
)
def test_synthetic_bars_are_the_same_both_ways(
    simulation, name, begin, length, size, what, use_rth
):
    contract = simulation.contracts.named(name)
    tape = simulation.tape_for(contract)
    start = at(WEEKS[name]) + begin * SECOND
    span = (start, start + length * SECOND)
    setting = (contract.hours, BAR_SIZES[size], what)
    slow, live = one_by_one(tape.events(*span), *setting, use_rth=use_rth)
    fast, resumed = in_bulk(tape, span, *setting, use_rth=use_rth)
    same(fast, slow)
    if not slow:
        return
    # And both builders go on alike.
    further = list(tape.events(span[1], span[1] + 4 * 3600 * SECOND))
    for event in further:
        assert (live.add(event) is None) == (resumed.add(event) is None)
    same([resumed.current], [live.current])
    assert resumed.until_ns == live.until_ns


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("size", ["1 day", "1 week", "1 month"])
def test_long_bars_are_the_same_both_ways(simulation, what, size):
    contract = simulation.contracts.named("AAPL")
    tape = simulation.tape_for(contract)
    span = (at("2024-02-19"), at("2024-03-05T16:00:00"))
    setting = (contract.hours, BAR_SIZES[size], what)
    slow, _ = one_by_one(tape.events(*span), *setting, use_rth=True)
    fast, _ = in_bulk(tape, span, *setting, use_rth=True)
    same(fast, slow)


def replayed(quotes, trades, bars):
    expander = BarExpander(seed=1, con_id=1, tick=0.01, trades=True, lot=100.0)
    minute = 60 * SECOND
    base = [
        BaseBar(s * SECOND, s * SECOND + minute, 10.0, 10.0 + n / 100, 9.5, 9.75, float(n))
        for n, s in enumerate(bars)
    ]
    return MergedTape([
        TickTape([Quote(s * SECOND, 10.0 + n / 100, 11.0, 1.0, 1.0) for n, s in enumerate(quotes)]),
        TickTape([Trade(s * SECOND, 10.0 + n / 100, 5.0) for n, s in enumerate(trades)]),
        BarTape(base, expander),
    ])  # fmt: skip


OPEN = at("2024-03-05T14:30:00") // SECOND
seconds = st.lists(
    st.integers(OPEN, OPEN + 6 * 3600), min_size=1, max_size=40, unique=True
).map(sorted)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(seconds, seconds, seconds, st.sampled_from(KINDS), st.sampled_from(["5 secs", "1 min"]))
def test_merged_files_are_the_same_both_ways(quotes, trades, bars, what, size):
    tape = replayed(quotes, trades, [second - second % 60 for second in bars][:1])
    span = (OPEN * SECOND, (OPEN + 7 * 3600) * SECOND)
    assert [e for ticks in tape.columns(*span) for e in ticks.events()] == list(tape.events(*span))
    setting = ("US_STOCK", BAR_SIZES[size], what)
    slow, _ = one_by_one(tape.events(*span), *setting, use_rth=False)
    fast, _ = in_bulk(tape, span, *setting, use_rth=False)
    same(fast, slow)


def test_ticks_outside_all_sessions_are_left_to_the_builder_of_single_events():
    night = at("2024-03-05T07:00:00")
    tape = TickTape([Trade(night, 10.0, 1.0), Trade(OPEN * SECOND, 11.0, 1.0)])
    size = BAR_SIZES["1 hour"]
    bulk = BulkBuilder(HOURS, "US_STOCK", size, "TRADES", use_rth=False)
    with pytest.raises(OutsideSessions):
        bulk.add(TickColumns.of(list(tape.events(0, night + DAY))))

    class Contract:
        con_id, hours = 1, "US_STOCK"

    service = HistoryService(HOURS, lambda: night + DAY, lambda _: tape)
    bars, _ = service.bars(Contract, night, night + DAY, size, "TRADES", use_rth=False)
    assert [bar.open for bar in bars] == [10.0, 11.0]
    bars, _ = service.bars(Contract, night, night + DAY, size, "TRADES", use_rth=True)
    assert [bar.open for bar in bars] == [11.0]


@pytest.mark.parametrize("duration", ["900 Y", "99999 M", "9999999999 W", "99999999999 D"])
def test_no_duration_reaches_further_back_than_the_data(simulation, duration):
    contract = simulation.contracts.named("AAPL")
    history = simulation.history
    start, end = history.range_of(contract, None, parse_duration(duration), use_rth=True)
    assert start == history.head(contract, "TRADES", use_rth=True)
    assert end == simulation.clock.now_ns + 1
    early, also = history.range_of(
        contract, at("1999-01-01"), parse_duration(duration), use_rth=True
    )
    assert early == also
