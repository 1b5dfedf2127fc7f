"""Where fetched items meet live ones: each once, in order, whatever the second they share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.data.seams import BarSeam, TickSeam, last_second
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import InstrumentId, TradeId
from posei_trader.model.ticks import QuoteTick, TradeTick

AAPL = InstrumentId("AAPL.NASDAQ")
MINUTES = BarType.from_str("AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL")
NS = 10**9


def trade(second, price, name="x", flags=TradeFlag.NONE):
    side = AggressorSide.NO_AGGRESSOR
    return TradeTick(AAPL, price, NS, 2, 0, side, TradeId(name), second * NS, 1, flags)


def quote(second, bid):
    return QuoteTick(AAPL, bid, bid + 1, NS, NS, 2, 0, second * NS, 1)


def bar(minute, close=100, **terms):
    return Bar(MINUTES, 100, 200, 50, close, 1, 2, 0, minute * 60 * NS, 1, **terms)


tapes = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), max_size=30).map(
    lambda rows: sorted(rows, key=lambda row: row[0])
)


@pytest.mark.parametrize("make", [trade, quote])
@given(tape=tapes, cuts=st.tuples(st.integers(0, 30), st.integers(0, 30)))
def test_what_was_missed_is_found_whatever_the_tape_and_the_moments(make, tape, cuts):
    lost, back = sorted(min(cut, len(tape)) for cut in cuts)
    delivered = [make(*row) for row in tape[:lost]]
    held = [make(*row) for row in tape[back:]]
    _, tail = last_second(delivered, [])
    seam = TickSeam(lambda: tail, lambda _: None)
    # History answers whole seconds: from that of the last tick to that of the first live one.
    first = tail[-1].ts_event if tail else 0
    last = held[0].ts_event if held else 10 * NS
    fetched = [make(*row) for row in tape if first <= row[0] * NS <= last]
    missed, still_new = seam.join(fetched, held)
    assert missed == [make(*row) for row in tape[lost:back]]
    assert still_new == held


def test_ticks_that_history_tells_otherwise_are_neither_lost_nor_doubled():
    """The stream joined two prints of a second that history tells apart."""
    seam = TickSeam(lambda: [trade(1, 10)], lambda _: None)
    fetched = [trade(1, 10), trade(2, 11), trade(3, 12), trade(3, 13), trade(3, 14)]
    held = [trade(3, 13), trade(3, 99)]
    missed, new = seam.join(fetched, held)
    assert [tick.price_raw for tick in missed] == [11, 12, 14]
    assert new == held


def test_a_trade_is_known_by_its_marks_too():
    seam = TickSeam(lambda: [trade(1, 10, flags=TradeFlag.UNREPORTED)], lambda _: None)
    fetched = [trade(1, 10), trade(1, 10, flags=TradeFlag.UNREPORTED)]
    missed, _ = seam.join(fetched, [])
    assert missed == [trade(1, 10)]


def test_marks_are_set_and_others_kept():
    seam = TickSeam(list, lambda _: None)
    marked = seam.marked(trade(1, 10, flags=TradeFlag.UNREPORTED), 77)
    assert marked.flags == TradeFlag.UNREPORTED | TradeFlag.BACKFILLED
    assert marked.ts_init == 77
    assert seam.marked(quote(1, 10), 77).is_backfilled
    bars = BarSeam(60 * NS, lambda: None, lambda _: None, is_first_partial=False)
    assert bars.marked(bar(1), 77).is_backfilled


@given(
    last=st.integers(-1, 20),
    first=st.one_of(st.none(), st.integers(0, 25)),
    known=st.sets(st.integers(0, 25)),
    is_partial=st.booleans(),
)
def test_bars_are_joined_by_when_they_opened(last, first, known, is_partial):
    if first is not None and first <= last:
        first = last + 1
    opened = None if last < 0 else last * 60 * NS
    seam = BarSeam(60 * NS, lambda: opened, lambda _: None, is_first_partial=is_partial)
    held = [] if first is None else [bar(first, 1), bar(first + 1, 1)]
    missed, new = seam.join([bar(minute, 2) for minute in sorted(known)], held)
    minutes = [one.ts_event // (60 * NS) for one in (*missed, *new)]
    until = 26 if first is None else first
    assert minutes == sorted(
        {m for m in known if last < m < until}
        | ({first, first + 1} - {None} if first is not None else set())
    )
    if first is not None:
        # A bar that the stream may have begun late is taken from history, where that has it.
        expected = 2 if is_partial and first in known else 1
        assert [b.close_raw for b in (*missed, *new) if b.ts_event == first * 60 * NS] == [expected]
