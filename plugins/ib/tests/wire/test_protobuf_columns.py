"""Bars read as columns are the bars that IB's own message holds, field by field."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.historical_protobuf import HistoricalData
from posei_trader.adapters.interactive_brokers.wire.protobuf_columns import bar_columns

FIELDS = ("date", "open", "high", "low", "close", "volume", "WAP", "barCount")
texts = st.one_of(
    st.just("1700000000"),
    st.integers(10**9, 10**10 - 1).map(str),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.integers(0, 300).map(lambda length: "7" * length),
)
prices = st.floats(allow_nan=False)
whole_bars = st.tuples(
    texts, prices, prices, prices, prices, texts, texts, st.integers(-(2**31), 2**31 - 1)
)


def answer(bars, req_id=7):
    message = HistoricalData(reqId=req_id)
    for bar in bars:
        added = message.historicalDataBars.add()
        for name, value in zip(FIELDS, bar, strict=True):
            if value is not None:
                setattr(added, name, value)
    return message.SerializeToString()


@given(st.lists(whole_bars, min_size=1, max_size=40))
@example([("1700000000", 1.0, 1.0, 1.0, 1.0, "1", "1", 1)] * 3000)
@example([("\n\n", 1.0, 2.0, 3.0, 4.0, "", "", 0), ("1700000000", 5.0, 6.0, 7.0, 8.0, "", "", 0)])
@example([("12345678\n\n", 1.0, 2.0, 3.0, 4.0, "", "", 0)])
def test_columns_are_the_fields_of_the_bars(bars):
    found = bar_columns(answer(bars))
    assert (found.req_id, found.length) == (7, len(bars))
    dates, *columns = zip(*bars, strict=True)
    assert found.dates == ",".join(dates).encode()
    assert [list(column) for column in found.prices] == [list(column) for column in columns[:4]]
    for name, column in zip(("date", "volume", "WAP"), (dates, *columns[4:6]), strict=True):
        assert found.texts(name) == [text.encode() for text in column]
    assert found.counts() == list(columns[6])


@given(st.lists(whole_bars, min_size=1, max_size=8), st.data())
def test_where_a_bar_lacks_a_field_there_are_no_columns(bars, data):
    place = data.draw(st.integers(0, len(bars) - 1))
    lacking = list(bars[place])
    lacking[data.draw(st.integers(0, 7))] = None
    assert bar_columns(answer([*bars[:place], tuple(lacking), *bars[place + 1 :]])) is None


def test_no_bars_are_no_columns():
    assert bar_columns(answer([])) is None
