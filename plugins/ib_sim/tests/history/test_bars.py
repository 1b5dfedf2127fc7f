"""History: bars are aggregates of the ticks that are streamed, cut where venues cut them."""

import datetime as dt
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_ib_sim.contracts import HoursBook
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history import BAR_SIZES, BarBuilder, parse_bar_size, parse_duration
from posei_ib_sim.history.bar_sizes import format_time, parse_moment
from posei_ib_sim.market.events import Quote, Trade

HOURS = HoursBook()
SECOND = 10**9
NEW_YORK = HOURS.zone("US_STOCK")
OPEN = int(dt.datetime(2024, 3, 5, 9, 30, tzinfo=NEW_YORK).timestamp())
CLOSE = int(dt.datetime(2024, 3, 5, 16, 0, tzinfo=NEW_YORK).timestamp())

intraday = st.sampled_from([size for size in BAR_SIZES.values() if 0 < size.seconds <= 3600])
ticks = st.lists(
    st.tuples(st.integers(OPEN, CLOSE - 1), st.integers(1, 10_000), st.integers(1, 500)),
    min_size=1,
    max_size=60,
).map(sorted)


def build(events, size, what="TRADES", *, use_rth=True, template="US_STOCK"):
    builder = BarBuilder(HOURS, template, size, what, use_rth=use_rth)
    bars = [bar for bar in map(builder.add, events) if bar is not None]
    return bars if builder.current is None else [*bars, builder.current]


@settings(max_examples=50)
@given(ticks, intraday)
def test_bars_are_the_aggregate_of_their_ticks(rows, size):
    events = [Trade(second * SECOND, cents / 100, float(lots)) for second, cents, lots in rows]
    expected = defaultdict(list)
    for second, cents, lots in rows:
        # Sizes up to an hour lie on whole multiples since midnight, and begin with the session.
        start = max(OPEN, second - second % size.seconds)
        expected[start].append((cents / 100, lots))
    bars = build(events, size)
    assert [bar.start_ns // SECOND for bar in bars] == sorted(expected)
    for bar in bars:
        prices = [price for price, _ in expected[bar.start_ns // SECOND]]
        volume = sum(lots for _, lots in expected[bar.start_ns // SECOND])
        assert (bar.open, bar.high, bar.low, bar.close) == (
            prices[0],
            max(prices),
            min(prices),
            prices[-1],
        )
        assert (bar.volume, bar.count) == (volume, len(prices))


def test_regular_hours_leave_out_the_rest():
    early = Trade((OPEN - 60) * SECOND, 1.0, 1.0)
    regular = Trade(OPEN * SECOND, 2.0, 1.0)
    size = parse_bar_size("1 min")
    assert [bar.open for bar in build([early, regular], size)] == [2.0]
    assert [bar.open for bar in build([early, regular], size, use_rth=False)] == [1.0, 2.0]


def test_an_evening_in_futures_belongs_to_the_next_day():
    monday_evening = int(dt.datetime(2024, 3, 4, 23, 30, tzinfo=dt.UTC).timestamp())
    bars = build(
        [Trade(monday_evening * SECOND, 5000.0, 1.0)],
        parse_bar_size("1 day"),
        use_rth=False,
        template="CME_INDEX",
    )
    assert bars[0].date == dt.date(2024, 3, 5)


def test_weeks_and_months_are_named_by_their_last_day():
    days = [dt.datetime(2024, 2, 26, 15, tzinfo=dt.UTC) + dt.timedelta(days=n) for n in range(5)]
    events = [Trade(int(day.timestamp()) * SECOND, 10.0 + n, 1.0) for n, day in enumerate(days)]
    (week,) = build(events, parse_bar_size("1 week"))
    assert (week.date, week.open, week.close, week.volume) == (dt.date(2024, 3, 1), 10.0, 14.0, 5.0)
    february, march = build(events, parse_bar_size("1 month"))
    assert (february.date, march.date) == (dt.date(2024, 2, 29), dt.date(2024, 3, 1))


@pytest.mark.parametrize(
    ("what", "expected"),
    [("BID", (10.0, 12.0)), ("ASK", (11.0, 13.0)), ("MIDPOINT", (10.5, 12.5))],
)
def test_quote_bars_follow_their_side_and_have_no_volume(what, expected):
    quotes = [
        Quote(OPEN * SECOND, 10.0, 11.0, 1.0, 1.0),
        Quote((OPEN + 1) * SECOND, 12.0, 13.0, 1.0, 1.0),
    ]
    (bar,) = build(quotes, parse_bar_size("1 min"), what)
    assert (bar.open, bar.close) == expected
    assert (bar.volume, bar.wap, bar.count) == (-1.0, -1.0, -1)


def test_bid_ask_bars_hold_averages_and_extremes():
    quotes = [
        Quote(OPEN * SECOND, 10.0, 11.0, 1.0, 1.0),
        Quote((OPEN + 1) * SECOND, 12.0, 14.0, 1.0, 1.0),
    ]
    (bar,) = build(quotes, parse_bar_size("1 min"), "BID_ASK")
    assert (bar.open, bar.high, bar.low, bar.close) == (11.0, 14.0, 10.0, 12.5)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("20240305 10:00:00 US/Eastern", "2024-03-05T15:00:00"),
        ("20240305  10:00:00", "2024-03-05T15:00:00"),
        ("20240305-15:00:00", "2024-03-05T15:00:00"),
        ("20240305", "2024-03-05T05:00:00"),
        ("20240705 10:00:00", "2024-07-05T14:00:00"),
    ],
)
def test_request_times_are_understood_in_every_form(text, utc):
    wanted = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC).timestamp()
    assert parse_moment(text, NEW_YORK) == int(wanted) * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "yesterday", "20240305 25:00:00", "20240305 10:00:00 Mars/Base", "99991231-23:59:59",
        "00010101", "18991231 23:59:59",
    ],
)  # fmt: skip
def test_other_times_are_refused(text):
    with pytest.raises(RequestRefused, match="321"):
        parse_moment(text, NEW_YORK)


@pytest.mark.parametrize("text", ["", "0 D", "1 X", "D", "-1 D"])
def test_impossible_durations_are_refused(text):
    with pytest.raises(RequestRefused, match="321"):
        parse_duration(text)


def test_times_are_written_as_ib_writes_them():
    assert format_time(OPEN * SECOND, NEW_YORK) == "20240305 09:30:00 US/Eastern"
