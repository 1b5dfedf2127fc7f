"""From the bytes of an answer to bars: exact, in order, each once, in whatever columns."""

from __future__ import annotations

from array import array
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.messages import HistoricalBars, SizeColumn
from posei_trader.adapters.interactive_brokers.historical.bar_times import open_seconds, times_of
from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
from posei_trader.adapters.interactive_brokers.historical.conversion import (
    Discarded,
    convert_bars,
    joined_bars,
)
from posei_trader.adapters.interactive_brokers.historical.scales import RawPrices, Scale
from posei_trader.adapters.interactive_brokers.historical.tables import bars_table
from posei_trader.adapters.interactive_brokers.wire.bar_dates import dates_of
from posei_trader.adapters.interactive_brokers.wire.fast_text import FastText
from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.persistence.schemas import CatalogTable

MINUTES = BarType.from_str("EUR/USD.IDEALPRO-1-MINUTE-LAST")
SPEC = BarSpecification.from_str("1-MINUTE-LAST")
START = 1_700_000_000

# As IB writes them: decimal texts, with as many digits as it takes.
prices = st.one_of(
    st.decimals(0, 10**4, places=2),
    st.decimals(0, 10**4, places=5),
    st.decimals(0, 10**3, places=9),
    st.integers(0, 10**5).map(Decimal),
)
volumes = st.one_of(
    st.integers(-1, 10**9).map(Decimal), st.decimals(0, 10**6, places=9), st.just(Decimal(0))
)


@st.composite
def written_bars(draw):
    low, a, b, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    return (a, high, low, b), draw(volumes)


class LastBars:
    """Keep what was decoded."""

    def __getattr__(self, name):
        return lambda *arguments: None

    def historical_bars(self, req_id, bars, is_complete):
        self.bars = bars


@settings(max_examples=200, deadline=None)
@given(st.lists(written_bars(), max_size=20), st.integers(0, 9), st.integers(0, 9))
def test_bars_have_exactly_the_numbers_that_were_written(rows, digits, size_digits):
    fields = ["10000", "", "", str(len(rows))]
    for number, (values, volume) in enumerate(rows):
        fields += [str(START + 60 * number), *(f"{value:f}" for value in values), f"{volume:f}"]
        fields += [f"{values[0]:f}", "7"]
    sink = LastBars()
    FastText(178, sink).table()[17](b"".join(field.encode() + b"\0" for field in fields))
    instrument = SimpleNamespace(price_precision=digits, size_precision=size_digits)
    scale = Scale(SimpleNamespace(instrument=instrument, magnifier=1))
    found = convert_bars(BarColumns.of(sink.bars, SPEC), MINUTES, scale, Discarded())
    assert len(found) == len(rows)
    for number, (bar, (values, volume)) in enumerate(zip(found, rows, strict=True)):
        raws = (bar.open_raw, bar.high_raw, bar.low_raw, bar.close_raw)
        assert raws == tuple(int(value * 10**9) for value in values)
        assert bar.volume_raw == max(0, int(volume * 10**9))
        needed = max((-value.normalize().as_tuple().exponent for value in values), default=0)
        assert bar.price_precision == max(digits, needed)
        assert (bar.ts_event, bar.ts_init) == (
            (START + 60 * number) * 10**9,
            (START + 60 * number + 60) * 10**9,
        )
    table = bars_table(BarColumns.of(sink.bars, SPEC), SPEC, scale, Discarded())
    assert CatalogTable("bars", MINUTES, table).records() == found


@pytest.mark.parametrize("count", ["1.5", "x", "1e400"])
def test_a_number_of_trades_that_is_not_whole_is_malformed(count):
    sink = LastBars()
    fields = ["10000", "", "", "1", str(START), "1", "1", "1", "1", "5", "1", count]
    with pytest.raises(ValueError, match="invalid literal"):
        FastText(178, sink).table()[17](b"".join(field.encode() + b"\0" for field in fields))
    assert "bars" not in vars(sink)


def answer(minutes, mark, *, as_arrays):
    """Return an answer whose prices tell which answer they are of."""
    count = len(minutes)
    dates = [START + 60 * minute for minute in minutes]
    if not as_arrays:
        columns = [[float(mark)] * count for _ in range(4)]
        nothing = [None] * count
        return HistoricalBars(list(map(str, dates)), *columns, nothing, nothing, [1] * count)
    columns = [array("d", [mark] * count) for _ in range(4)]
    waps = array("d", [mark] * count)
    ones = array("d", [1] * count)
    dates = dates_of(array("d", dates))  # now and then without gaps, as IB's are
    return HistoricalBars(dates, *columns, SizeColumn(ones), waps, ones)


minutes_of_a_part = st.one_of(
    st.lists(st.integers(0, 30), max_size=8),
    st.tuples(st.integers(0, 22), st.integers(1, 9)).map(lambda run: [*range(run[0], sum(run))]),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(minutes_of_a_part, st.booleans()), min_size=1, max_size=4),
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted),
)
def test_parts_are_joined_in_order_each_bar_once_of_the_last_part_and_clipped(parts, span):
    expected = {}
    for mark, (minutes, _) in enumerate(parts):
        expected |= dict.fromkeys(minutes, float(mark))
    first, end = ((START + 60 * minute) * 10**9 for minute in span)
    joined = BarColumns.joined(
        [
            BarColumns.of(answer(minutes, mark, as_arrays=as_arrays), SPEC)
            for mark, (minutes, as_arrays) in enumerate(parts)
        ]
    ).clipped(first, end)
    kept = sorted(minute for minute in expected if span[0] <= minute < span[1])
    assert list(joined.opened) == [START + 60 * minute for minute in kept]
    assert [int(date) for date in joined.dates] == [START + 60 * minute for minute in kept]
    for column in (joined.opens, joined.highs, joined.lows, joined.closes):
        assert list(column) == [expected[minute] for minute in kept]
    assert len(joined.volumes) == len(kept)


@settings(deadline=None)
@given(st.lists(minutes_of_a_part.filter(lambda part: len({*part}) == len(part)), min_size=1))
def test_bars_made_answer_by_answer_are_those_made_of_all_at_once(parts):
    instrument = SimpleNamespace(price_precision=2, size_precision=0)
    scale = Scale(SimpleNamespace(instrument=instrument, magnifier=1))
    raw, one, other = RawPrices(scale), Discarded(), Discarded()
    columns = [
        BarColumns.of(answer(minutes, 1.005 * number, as_arrays=True), SPEC)
        for number, minutes in enumerate(parts, 1)
    ]
    made = [
        convert_bars(part, MINUTES, scale, one, raw)
        for part in (each.in_order() for each in columns)
    ]
    whole = BarColumns.joined(columns)
    assert joined_bars(made) == convert_bars(whole, MINUTES, scale, other)


@pytest.mark.parametrize("as_arrays", [True, False])
def test_a_bar_that_contradicts_itself_is_left_out_and_named(as_arrays):
    bars = answer([0, 1, 2], 5, as_arrays=as_arrays)
    bars.highs[1] = 4.0
    instrument = SimpleNamespace(price_precision=2, size_precision=0)
    scale = Scale(SimpleNamespace(instrument=instrument, magnifier=1))
    one, other = Discarded(), Discarded()
    objects = convert_bars(BarColumns.of(bars, SPEC), MINUTES, scale, one)
    table = bars_table(BarColumns.of(bars, SPEC), SPEC, scale, other)
    assert [bar.ts_event for bar in objects] == [START * 10**9, (START + 120) * 10**9]
    assert CatalogTable("bars", MINUTES, table).records() == objects
    assert one.bars == other.bars == 1
    assert str(START + 60) in one.example
    assert one == other


@given(st.integers(1, 20), st.sets(st.integers(0, 19)), st.sampled_from(["1-MINUTE", "5-MINUTE"]))
def test_times_are_the_same_with_gaps_and_without(count, missing, size):
    spec = BarSpecification.from_str(f"{size}-LAST")
    length = spec.nanos // 10**9
    seconds = [START + length * row for row in range(count) if row not in missing]
    for dates in (dates_of(array("d", seconds)), list(map(str, seconds))):
        opened, closed = times_of(open_seconds(dates, spec), dates, spec)
        assert opened == [second * 10**9 for second in seconds]
        assert closed == [(second + length) * 10**9 for second in seconds]


def test_a_volume_beyond_64_bits_is_a_bar_but_no_row_and_says_so():
    months = BarType.from_str("AAPL.NASDAQ-1-MONTH-LAST")
    bars = HistoricalBars(["20081031"], [3.0], [3.0], [3.0], [3.0], [20 * 10**18], [3.0], [1])
    instrument = SimpleNamespace(price_precision=2, size_precision=0)
    scale = Scale(SimpleNamespace(instrument=instrument, magnifier=1))
    columns = BarColumns.of(bars, months.spec)
    (bar,) = convert_bars(columns, months, scale, Discarded())
    assert str(bar.volume) == "20000000000"
    with pytest.raises(InvalidRequest, match="does not fit 64 bits") as caught:
        bars_table(columns, months.spec, scale, Discarded())
    assert caught.value.value == 20_000_000_000
    assert "shorter bars" in caught.value.remedy
