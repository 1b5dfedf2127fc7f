"""How a span is cut into requests that IB accepts."""

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.historical.bar_specs import (
    BAR_SIZES,
    CALENDAR_BARS,
    bar_size,
    what_to_show,
)
from posei_trader.adapters.interactive_brokers.historical.bar_times import floor_to_period
from posei_trader.adapters.interactive_brokers.historical.segmentation import (
    LONGEST_SECONDS,
    duration_text,
    open_ended,
    segments,
)
from posei_trader.errors import InvalidRequest, Unsupported
from posei_trader.model.bars import BarSpecification
from posei_trader.model.enums import BarAggregation, PriceType

SECOND = 10**9
UNIT_SECONDS = {"S": 1, "D": 86_400, "W": 7 * 86_400, "M": 28 * 86_400, "Y": 365 * 86_400}

specs = st.sampled_from([BarSpecification(step, unit, PriceType.LAST) for step, unit in BAR_SIZES])


def moment(text):
    return int(dt.datetime.fromisoformat(text).timestamp()) * SECOND


def length(duration):
    count, unit = duration.split()
    return int(count) * UNIT_SECONDS[unit]


@given(specs, st.integers(1_000_000_000, 1_700_000_000), st.integers(1, 40 * 86_400))
def test_neighbours_meet_exactly_and_cover_the_span(spec, start_s, seconds):
    """No moment is lost to rounding, and no request is longer than IB allows."""
    seconds = min(seconds, 200 * LONGEST_SECONDS[bar_size(spec)])
    start, end = start_s * SECOND, (start_s + seconds) * SECOND
    parts = segments(start, end, spec)
    assert parts[0].end_ns == end
    assert parts[-1].start_ns == start
    for newer, older in itertools.pairwise(parts):
        assert newer.start_ns == older.end_ns
    for part in parts:
        covered = length(part.duration) * SECOND
        assert covered >= part.end_ns - part.start_ns > 0
        if part.duration.endswith("S"):
            assert covered <= max(86_400, 30) * SECOND


@given(
    st.sampled_from(["1-SECOND-LAST", "5-SECOND-BID", "30-SECOND-MID"]),
    st.integers(1_000_000_000, 1_700_000_000),
    st.lists(st.integers(1, 60_000), min_size=3, max_size=20),
)
def test_what_is_busy_is_asked_for_once_and_with_as_few_requests_as_it_takes(text, start_s, steps):
    spec = BarSpecification.from_str(text)
    moments = [(start_s + passed) * SECOND for passed in itertools.accumulate(steps)]
    busy = list(itertools.pairwise(moments))[::2]
    start, end = moments[0] - SECOND, moments[-1] - SECOND
    parts = segments(start, end, spec, None, busy)
    for newer, older in itertools.pairwise(parts):
        assert newer.start_ns >= older.end_ns
    left = [[max(begin, start), min(close, end)] for begin, close in busy if begin < end]
    for part in parts:
        assert part.end_ns == left[-1][1]  # it begins where something is missing
        while left and left[-1][1] > part.start_ns:
            left[-1][1] = max(left[-1][0], part.start_ns)
            if left[-1][0] == left[-1][1]:
                left.pop()
    assert not left
    assert len(parts) <= len(segments(start, end, spec))


@given(
    st.sampled_from(["1-DAY-LAST", "1-WEEK-MID", "1-MONTH-ASK"]),
    st.integers(1_000_000_000, 1_700_000_000),
    st.integers(300 * 86_400, 4_000 * 86_400),
)
def test_calendar_bars_are_cut_between_bars_and_asked_for_past_the_cut(text, start_s, seconds):
    """A day that goes on after the cut would come as half of a bar."""
    spec = BarSpecification.from_str(text)
    start, end = start_s * SECOND, (start_s + seconds) * SECOND
    parts = segments(start, end, spec)
    assert parts[0].ask_until_ns == end
    for older in parts[1:]:
        cut = dt.datetime.fromtimestamp(older.end_ns // SECOND, dt.UTC)
        assert (cut.hour, cut.minute, cut.second) == (0, 0, 0)
        assert cut.weekday() == 0 or spec.aggregation is not BarAggregation.WEEK
        assert cut.day == 1 or spec.aggregation is not BarAggregation.MONTH
        assert 0 < older.ask_until_ns - older.end_ns <= 3 * 86_400 * SECOND
    for part in parts:
        assert part.ask_until_ns - part.start_ns <= 365 * 86_400 * SECOND
        assert length(part.duration) * SECOND >= part.ask_until_ns - part.start_ns


@pytest.mark.parametrize(
    ("days", "spec", "durations"),
    [
        (10, "30-MINUTE-LAST", ["10 D"]),
        (40, "1-HOUR-LAST", ["4 W", "13 D"]),
        (400, "1-DAY-LAST", ["1 Y", "39 D"]),
        (1.5, "5-MINUTE-LAST", ["2 D"]),
        (1, "1-MINUTE-LAST", ["86400 S"]),
        (3, "1-MINUTE-LAST", ["86400 S"] * 3),
        (20, "1-DAY-LAST", ["21 D"]),
        (10 / 86_400, "5-SECOND-LAST", ["30 S"]),
        (1 / 24, "1-SECOND-LAST", ["1800 S"] * 2),
        (7, "1-WEEK-LAST", ["3 W"]),
        (60, "1-MONTH-LAST", ["3 M"]),
    ],
)
def test_durations_are_ibs_and_never_too_short(days, spec, durations):
    """The spans that other adapters round away."""
    end = moment("2024-03-05T21:00:00+00:00")
    start = end - round(days * 86_400) * SECOND
    parts = segments(start, end, BarSpecification.from_str(spec))
    assert [part.duration for part in parts] == durations


def test_the_window_of_the_specification_crosses_the_end_of_summer_time_whole():
    start, end = moment("2023-11-01T13:30:00+00:00"), moment("2023-11-06T21:30:00+00:00")
    (only,) = segments(start, end, BarSpecification.from_str("1-HOUR-LAST"))
    assert (only.duration, only.start_ns, only.end_ns) == ("6 D", start, end)


@given(specs, st.integers(1_000_000_000, 1_700_000_000), st.integers(1, 80 * 86_400))
def test_every_bar_lies_whole_within_the_request_that_it_is_taken_from(spec, start_s, seconds):
    """Where IB's request ends inside a bar, or begins there, a part of the bar comes."""
    seconds = min(seconds, 50 * LONGEST_SECONDS[bar_size(spec)])
    start, end = start_s * SECOND, (start_s + seconds) * SECOND
    parts = segments(start, end, spec, limit_ns=end + 40 * 86_400 * SECOND)
    for part in parts:
        begins = part.ask_until_ns - length(part.duration) * SECOND
        assert begins <= floor_to_period(part.start_ns, spec)
        if spec.aggregation not in CALENDAR_BARS:
            # The last bar of a part may open just before its end: by the clock, or anywhere.
            by_the_clock = 1_800 * SECOND % spec.nanos == 0
            opens = -(-part.end_ns // spec.nanos) * spec.nanos - spec.nanos
            last = opens if by_the_clock else part.end_ns - SECOND
            assert part.ask_until_ns >= last + spec.nanos
            assert not by_the_clock or part is parts[-1] or part.start_ns % spec.nanos == 0


@pytest.mark.parametrize("text", ["1-DAY-LAST", "1-WEEK-LAST", "1-MONTH-LAST"])
def test_spans_of_any_year_have_an_end(text):
    start = int(dt.datetime(203, 11, 10, tzinfo=dt.UTC).timestamp()) * SECOND
    parts = segments(start, start + 400 * 86_400 * SECOND, BarSpecification.from_str(text))
    assert (parts[-1].start_ns, len(parts)) == (start, 2)


def test_an_empty_span_is_refused():
    with pytest.raises(InvalidRequest, match="the end must lie after the start"):
        segments(5 * SECOND, 5 * SECOND, BarSpecification.from_str("1-DAY-LAST"))


def test_bars_that_ib_lacks_are_refused_with_those_it_has():
    with pytest.raises(Unsupported, match=r"(?s)no such bars.*1-SECOND.*1-MONTH"):
        segments(0, SECOND, BarSpecification.from_str("7-MINUTE-LAST"))


def test_a_continuous_future_is_asked_up_to_now_in_one_request():
    now = moment("2024-03-05T21:00:00+00:00")
    spec = BarSpecification.from_str("1-HOUR-LAST")
    part = open_ended(now - 5 * 86_400 * SECOND, now, spec)
    assert (part.end_ns, part.duration) == (0, "5 D")
    with pytest.raises(InvalidRequest, match="continuous future") as refused:
        open_ended(now - 100 * 86_400 * SECOND, now, spec)
    assert "100 days of 1-HOUR-LAST" in str(refused.value)
    assert "ask for 28 days at most" in refused.value.remedy


@pytest.mark.parametrize(
    ("text", "since", "duration"),
    [
        ("1-DAY-LAST", "2023-03-05T21:00:00", "1 Y"),  # a leap year has 366 days
        ("1-MINUTE-LAST", "2024-03-04T20:59:58", "86400 S"),  # time went on since it was computed
        ("5-SECOND-LAST", "2024-03-05T19:59:59", "3600 S"),
        ("1-WEEK-LAST", "2023-03-05T21:00:00", "1 Y"),
    ],
)
def test_the_longest_span_of_a_continuous_future_is_not_refused_for_a_moment(text, since, duration):
    now = moment("2024-03-05T21:00:00+00:00")
    spec = BarSpecification.from_str(text)
    assert open_ended(moment(f"{since}+00:00"), now, spec).duration == duration


def test_a_week_that_one_request_cannot_reach_whole_is_left_out():
    now = moment("2024-03-07T21:00:00+00:00")
    part = open_ended(now - 365 * 86_400 * SECOND, now, BarSpecification.from_str("1-WEEK-LAST"))
    assert part.start_ns == moment("2023-03-13T00:00:00+00:00")


@pytest.mark.parametrize(
    ("price_type", "sec_type", "name"),
    [
        (PriceType.LAST, "STK", "TRADES"),
        (PriceType.BID, "STK", "BID"),
        (PriceType.ASK, "CASH", "ASK"),
        (PriceType.MID, "CASH", "MIDPOINT"),
        (PriceType.LAST, "CRYPTO", "AGGTRADES"),
        (PriceType.LAST, "IND", "TRADES"),
    ],
)
def test_prices_have_ibs_names(price_type, sec_type, name):
    assert what_to_show(price_type, sec_type) == name


@pytest.mark.parametrize(
    ("price_type", "sec_type"),
    [(PriceType.LAST, "CASH"), (PriceType.LAST, "CFD"), (PriceType.BID, "IND")],
)
def test_what_ib_lacks_is_refused_with_an_alternative(price_type, sec_type):
    with pytest.raises(Unsupported) as caught:
        what_to_show(price_type, sec_type)
    assert caught.value.remedy


def test_every_bar_specification_of_the_specification_is_served():
    names = [
        *(f"{n}-SECOND" for n in (1, 5, 10, 15, 30)),
        *(f"{n}-MINUTE" for n in (1, 2, 3, 5, 10, 15, 20, 30)),
        *(f"{n}-HOUR" for n in (1, 2, 3, 4, 8)),
        "1-DAY",
        "1-WEEK",
        "1-MONTH",
    ]
    for name in names:
        assert bar_size(BarSpecification.from_str(f"{name}-LAST")) in LONGEST_SECONDS
    assert len(names) == len(BAR_SIZES) == len(LONGEST_SECONDS)


@given(specs, st.integers(1, 400 * 86_400))
def test_a_duration_is_never_shorter_than_what_it_is_for(spec, seconds):
    assert length(duration_text(seconds, spec)) >= seconds
