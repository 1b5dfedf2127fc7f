from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import Bar, BarSpecification, BarType
from posei_trader.model.enums import AggregationSource, BarAggregation, PriceType
from posei_trader.model.identifiers import InstrumentId

specs = st.builds(
    BarSpecification,
    step=st.integers(min_value=1, max_value=10_000),
    aggregation=st.sampled_from(BarAggregation),
    price_type=st.sampled_from(PriceType),
)
ids = st.sampled_from(
    [
        InstrumentId(t)
        for t in ("AAPL.XNAS", "EUR/USD.IDEALPRO", "BF-B.NYSE", "^SPX.CBOE", "A-1-B.X")
    ]
)
bar_types = st.builds(BarType, ids, specs, st.sampled_from(AggregationSource))


@given(specs)
def test_the_text_of_a_specification_parses_back(spec):
    assert BarSpecification.from_str(str(spec)) == spec


@given(bar_types)
def test_the_text_of_a_bar_type_parses_back_also_with_hyphens_in_the_symbol(bar_type):
    assert BarType.from_str(str(bar_type)) == bar_type
    assert len({bar_type, BarType.from_str(str(bar_type))}) == 1


def test_the_source_may_be_left_out():
    assert BarType.from_str("AAPL.XNAS-1-MINUTE-LAST").aggregation_source is (
        AggregationSource.EXTERNAL
    )
    assert BarType.from_str("AAPL.XNAS-1-MINUTE-LAST-INTERNAL").is_internal


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1-SECOND-LAST", 1), ("5-MINUTE-MID", 300), ("4-HOUR-BID", 14_400), ("1-DAY-LAST", 86_400),
     ("1-WEEK-ASK", 604_800), ("1-MONTH-LAST", None), ("100-TICK-LAST", None)],
)  # fmt: skip
def test_a_specification_knows_its_length(text, seconds):
    nanos = BarSpecification.from_str(text).nanos
    assert nanos == (None if seconds is None else seconds * 10**9)
    assert BarSpecification.from_str(text.lower()) == BarSpecification.from_str(text)


@pytest.mark.parametrize("bad", ["", "MINUTE-LAST", "0-MINUTE-LAST", "1-FORTNIGHT-LAST", "1-DAY",
                                 "-1-DAY-LAST", "1-DAY-TYPICAL", "1.5-DAY-LAST", "x"])  # fmt: skip
def test_a_bad_specification_is_refused_and_the_choices_are_named(bad):
    with pytest.raises(InvalidRequest):
        BarSpecification.from_str(bad)
    with pytest.raises(InvalidRequest):
        BarType.from_str(bad)


def test_the_refusal_names_the_units():
    with pytest.raises(InvalidRequest, match="MINUTE") as caught:
        BarSpecification.from_str("1-FORTNIGHT-LAST")
    assert caught.value.value == "1-FORTNIGHT-LAST"


def test_a_bar_makes_prices_when_asked():
    bar_type = BarType.from_str("AAPL.XNAS-1-MINUTE-LAST-EXTERNAL")
    bar = Bar(bar_type, 100_500_000_000, 101 * 10**9, 99 * 10**9, 10**11, 5 * 10**9, 2, 0, 60, 120)
    assert [str(p) for p in (bar.open, bar.high, bar.low, bar.close)] == [
        "100.50", "101.00", "99.00", "100.00",
    ]  # fmt: skip
    assert str(bar.volume) == "5"
    assert bar.instrument_id == "AAPL.XNAS"
    assert str(bar) == "AAPL.XNAS-1-MINUTE-LAST-EXTERNAL,100.50,101.00,99.00,100.00,5,60"
    assert BarAggregation.MINUTE.is_time
    assert not BarAggregation.TICK.is_time


def test_specifications_are_ordered_by_their_unit_then_their_step():
    texts = ["1-MONTH-BID", "5-MINUTE-LAST", "1-HOUR-LAST", "1-SECOND-LAST", "1-MINUTE-LAST"]
    specs = [BarSpecification.from_str(text) for text in texts]
    assert [str(spec) for spec in sorted(specs)] == [
        "1-SECOND-LAST", "1-MINUTE-LAST", "5-MINUTE-LAST", "1-HOUR-LAST", "1-MONTH-BID",
    ]  # fmt: skip
    with pytest.raises(TypeError):
        _ = specs[0] < 1
