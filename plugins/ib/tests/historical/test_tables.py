"""Arrow tables of history say what the objects say, to the last digit."""

from __future__ import annotations

from types import SimpleNamespace

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.messages import (
    HistoricalBars,
    HistoricalQuote,
    HistoricalTrade,
)
from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
from posei_trader.adapters.interactive_brokers.historical.conversion import (
    Discarded,
    convert_bars,
    convert_quotes,
    convert_trades,
)
from posei_trader.adapters.interactive_brokers.historical.scales import Scale
from posei_trader.adapters.interactive_brokers.historical.tables import (
    bars_table,
    quotes_table,
    trades_table,
)
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence import schemas
from posei_trader.persistence.schemas import CatalogTable

EURUSD = InstrumentId("EUR/USD.IDEALPRO")

# As IB writes them: a decimal text of up to nine digits behind the point.
prices = st.one_of(
    st.integers(-(10**7), 10**9).map(lambda n: n / 10**5),
    st.integers(0, 10**14).map(lambda n: float(f"{n // 10**9}.{n % 10**9:09d}")),
    st.sampled_from([-1.0, 0.0, 1.1, 1.10425, 1.104255, 0.1 + 0.2]),
)
sizes = st.one_of(st.none(), st.sampled_from([0, -(10**9), 10**9]), st.integers(0, 10**16))
seconds = st.integers(0, 5).map(lambda n: 1_700_000_000 + n)


def scale(digits, magnifier, size_digits):
    instrument = SimpleNamespace(price_precision=digits, size_precision=size_digits)
    return Scale(SimpleNamespace(instrument=instrument, magnifier=magnifier))


scales = st.builds(scale, st.integers(0, 9), st.sampled_from([1, 100]), st.integers(0, 9))


@st.composite
def bar_rows(draw):
    lows = draw(prices)
    more = sorted(draw(st.lists(prices, min_size=3, max_size=3)))
    values = sorted([lows, *more])
    if draw(st.booleans()):
        draw(st.randoms()).shuffle(values)
        return values
    low, a, b, high = values
    return [a, high, low, b]


@given(
    st.lists(st.tuples(bar_rows(), sizes), max_size=12),
    st.sampled_from(["1-MINUTE-LAST", "1-HOUR-MID", "1-DAY-LAST", "1-WEEK-BID"]),
    scales,
)
def test_bars_are_the_same_in_both_forms(rows, text, digits):
    spec = BarSpecification.from_str(text)
    is_intraday = spec.nanos is not None and spec.nanos < 86_400 * 10**9
    dates = [
        str(1_700_000_000 + 60 * n) if is_intraday else f"202401{n + 1:02d}"
        for n in range(len(rows))
    ]
    opens, highs, lows, closes = ([prices_[n] for prices_, _ in rows] for n in range(4))
    nothing = [None] * len(rows)
    bars = HistoricalBars(
        dates, opens, highs, lows, closes, [size for _, size in rows], nothing, [0] * len(rows)
    )
    one, other = Discarded(), Discarded()
    bar_type = BarType(EURUSD, spec)
    objects = convert_bars(BarColumns.of(bars, spec), bar_type, digits, one)
    table = bars_table(BarColumns.of(bars, spec), spec, digits, other)
    assert table.schema.equals(schemas.BARS.schema, check_metadata=True)
    assert CatalogTable("bars", bar_type, table).records() == objects
    assert one == other


@given(
    st.lists(st.builds(HistoricalQuote, seconds, prices, prices, sizes, sizes, st.just(0))),
    scales,
)
def test_quotes_are_the_same_in_both_forms(rows, digits):
    one, other = Discarded(), Discarded()
    objects = convert_quotes(rows, EURUSD, digits, one)
    table = quotes_table(rows, digits, other)
    assert table.schema.equals(schemas.QUOTE_TICKS.schema, check_metadata=True)
    assert CatalogTable("quote_ticks", EURUSD, table).records() == objects
    assert one == other


@given(
    st.lists(
        st.builds(
            HistoricalTrade, seconds, prices, sizes, st.integers(0, 3), st.just("X"), st.just("")
        )
    ),
    scales,
)
def test_trades_are_the_same_in_both_forms(rows, digits):
    one, other = Discarded(), Discarded()
    objects = convert_trades(rows, EURUSD, digits, one)
    table = trades_table(rows, digits, other)
    assert table.schema.equals(schemas.TRADE_TICKS.schema, check_metadata=True)
    assert CatalogTable("trade_ticks", EURUSD, table).records() == objects
    assert one == other


def test_a_table_is_whole_without_rows():
    empty = BarColumns.of(HistoricalBars.empty(), BarSpecification.from_str("1-MINUTE-LAST"))
    table = bars_table(
        empty, BarSpecification.from_str("1-MINUTE-LAST"), scale(2, 1, 0), Discarded()
    )
    assert table.num_rows == 0
    assert isinstance(table, pa.Table)
