"""Gaps: what is missing where a market was open, and nothing else."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.ticks import QuoteTick
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.gap_listing import ALL_HOURS, REGULAR
from posei_trader.persistence.gaps import Gap, bar_gaps, tick_gaps
from posei_trader.persistence.sessions import Session, SessionRow, joined

SECOND = 10**9
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
T0 = 1_704_150_000 * SECOND


def at(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


def session(open_, close):
    return Session(at(open_), at(close), at(f"{close[:10]}T00:00"))


# Two days of New York's regular hours in winter.
MONDAY = session("2024-01-08T14:30", "2024-01-08T21:00")
TUESDAY = session("2024-01-09T14:30", "2024-01-09T21:00")
DAYS = [MONDAY, TUESDAY]


def spec(text):
    return BarSpecification.from_str(text)


def hourly(day):
    return [at(f"{day}T14:30"), *(at(f"{day}T{hour}:00") for hour in range(15, 21))]


def test_hours_begin_at_the_open_and_then_at_each_full_hour():
    opens = [*hourly("2024-01-08"), *hourly("2024-01-09")]
    assert bar_gaps(opens, spec("1-HOUR-LAST"), DAYS, at("2024-01-08"), at("2024-01-10")) == []
    del opens[3:5]  # 17:00 and 18:00 on Monday
    assert bar_gaps(opens, spec("1-HOUR-LAST"), DAYS, at("2024-01-08"), at("2024-01-10")) == [
        Gap(at("2024-01-08T17:00"), at("2024-01-08T19:00"), 2, False)
    ]


def test_in_zones_of_half_hours_bars_begin_at_half_past_for_others():
    """Mumbai: from a quarter past nine on, and then at each full hour of the local clock."""
    days = [session(f"2024-01-{day}T03:45", f"2024-01-{day}T10:00") for day in (10, 11)]
    opens = [
        at(f"2024-01-{day}T{time}")
        for day in (10, 11)
        for time in ("03:45", "04:30", "05:30", "06:30", "07:30", "08:30", "09:30")
    ]
    span = at("2024-01-10"), at("2024-01-12")
    assert bar_gaps(opens, spec("1-HOUR-LAST"), days, *span) == []
    del opens[4:7]
    assert bar_gaps(opens, spec("1-HOUR-LAST"), days, *span) == [
        Gap(at("2024-01-10T07:30"), at("2024-01-10T10:00"), 3, False)
    ]
    assert len(bar_gaps([], spec("1-HOUR-LAST"), days, *span)) == 2


def test_where_bars_begin_is_not_learned_from_those_of_the_open():
    opens = [MONDAY.open_ns, at("2024-01-08T16:00"), TUESDAY.open_ns]
    found = bar_gaps(opens, spec("1-HOUR-LAST"), DAYS, at("2024-01-08"), at("2024-01-09"))
    assert found == [
        Gap(at("2024-01-08T15:00"), at("2024-01-08T16:00"), 1, False),
        Gap(at("2024-01-08T17:00"), at("2024-01-08T21:00"), 4, False),
    ]


@pytest.mark.parametrize("minutes", [10, 20, 30, 60])
def test_bars_may_go_on_from_an_open_at_a_quarter_past(minutes):
    day = session("2024-01-10T03:45", "2024-01-10T10:00")
    opens = list(range(day.open_ns, day.close_ns, minutes * MINUTE))
    size = spec(f"{minutes}-MINUTE-LAST" if minutes < 60 else "1-HOUR-LAST")
    assert bar_gaps(opens, size, [day], day.open_ns, day.close_ns) == []
    missing = opens.pop(3)
    assert bar_gaps(opens, size, [day], day.open_ns, day.close_ns) == [
        Gap(missing, missing + minutes * MINUTE, 1, False)
    ]


def test_a_session_without_a_bar_is_marked_as_a_whole():
    gaps = bar_gaps(
        hourly("2024-01-08"), spec("1-HOUR-LAST"), DAYS, at("2024-01-08"), at("2024-01-10")
    )
    assert gaps == [Gap(TUESDAY.open_ns, TUESDAY.close_ns, 7, True)]


def test_outside_of_the_span_nothing_is_missing():
    minutes = range(at("2024-01-08T15:00"), at("2024-01-08T16:00"), MINUTE)
    wanted = spec("1-MINUTE-LAST")
    assert bar_gaps(minutes, wanted, DAYS, at("2024-01-08T15:00"), at("2024-01-08T16:00")) == []
    assert bar_gaps(minutes, wanted, DAYS, at("2024-01-08T15:00"), at("2024-01-08T16:02")) == [
        Gap(at("2024-01-08T16:00"), at("2024-01-08T16:02"), 2, False)
    ]
    assert bar_gaps([], wanted, DAYS, at("2024-01-13"), at("2024-01-14")) == []


@pytest.mark.parametrize(
    ("opens", "gaps"),
    [
        # Whatever the grid is, these cover the session.
        (["2024-01-08T12:00", "2024-01-08T16:00", "2024-01-08T20:00"], []),
        (["2024-01-08T14:30", "2024-01-08T16:00", "2024-01-08T20:00"], []),
        (
            ["2024-01-08T12:00", "2024-01-08T20:00"],
            [Gap(at("2024-01-08T16:00"), at("2024-01-08T20:00"), 1, False)],
        ),
        ([], [Gap(MONDAY.open_ns, MONDAY.close_ns, 2, True)]),
    ],
)
def test_of_long_intraday_bars_every_moment_has_to_lie_in_one(opens, gaps):
    found = bar_gaps(
        [at(one) for one in opens], spec("4-HOUR-MID"), [MONDAY], at("2024-01-08"), at("2024-01-09")
    )
    assert found == gaps


@pytest.mark.parametrize(
    ("unit", "opens", "gaps"),
    [
        ("DAY", ["2024-01-08", "2024-01-09"], []),
        ("DAY", ["2024-01-08"], [Gap(at("2024-01-09"), at("2024-01-10"), 1, True)]),
        ("DAY", [], [Gap(at("2024-01-08"), at("2024-01-10"), 2, True)]),
        ("WEEK", ["2024-01-08"], []),
        ("WEEK", [], [Gap(at("2024-01-08"), at("2024-01-15"), 1, True)]),
        ("MONTH", ["2024-01-01"], []),
        ("MONTH", [], [Gap(at("2024-01-01"), at("2024-02-01"), 1, True)]),
    ],
)
def test_days_weeks_and_months_are_expected_where_they_have_a_session(unit, opens, gaps):
    found = bar_gaps(
        [at(one) for one in opens], spec(f"1-{unit}-LAST"), DAYS, at("2024-01-06"), at("2024-01-11")
    )
    assert found == gaps


def test_an_evening_session_belongs_to_the_day_that_the_venue_says():
    sunday_evening = Session(at("2024-01-07T23:00"), at("2024-01-08T22:00"), at("2024-01-08"))
    day = spec("1-DAY-LAST")
    span = at("2024-01-07T23:00"), at("2024-01-08T22:00")
    assert bar_gaps([at("2024-01-08")], day, [sunday_evening], *span) == []
    assert len(bar_gaps([at("2024-01-07")], day, [sunday_evening], *span)) == 1


def test_ticks_are_missing_where_a_session_has_none():
    assert tick_gaps([at("2024-01-08T14:31")], DAYS, at("2024-01-08"), at("2024-01-10")) == [
        Gap(TUESDAY.open_ns, TUESDAY.close_ns, 0, True)
    ]
    moment = at("2024-01-09T20:59")
    assert tick_gaps([moment], DAYS, at("2024-01-09"), moment) == [
        Gap(TUESDAY.open_ns, moment, 0, True)
    ]


@given(
    st.sets(st.integers(0, 389)),
    st.integers(-30, 420),
    st.integers(1, 450),
)
def test_the_missing_minutes_are_exactly_those_that_are_not_there(present, first, length):
    """Against the definition, minute by minute."""
    start, end = MONDAY.open_ns + first * MINUTE, MONDAY.open_ns + (first + length) * MINUTE
    opens = [MONDAY.open_ns + minute * MINUTE for minute in sorted(present)]
    gaps = bar_gaps(opens, spec("1-MINUTE-LAST"), [MONDAY], start, end)
    missing = {n for n in range(390) if n not in present and first <= n < first + length}
    listed = [
        n
        for gap in gaps
        for n in range(
            (gap.start_ns - MONDAY.open_ns) // MINUTE, (gap.end_ns - MONDAY.open_ns) // MINUTE
        )
    ]
    assert listed == sorted(missing)
    assert sum(gap.missing for gap in gaps) == len(missing)
    assert all(a.end_ns < b.start_ns for a, b in itertools.pairwise(gaps))


def test_sessions_are_joined_where_they_overlap():
    early = session("2024-01-08T09:00", "2024-01-08T15:00")
    assert joined([TUESDAY, MONDAY, early, MONDAY]) == [
        Session(early.open_ns, MONDAY.close_ns, early.day),
        TUESDAY,
    ]


def test_the_catalog_lists_gaps_by_the_hours_stored_in_it(tmp_path, make_bar, make_session):
    catalog = ParquetDataCatalog(tmp_path)
    bars = [make_bar(minute) for minute in (0, 1, 4, 5)]
    catalog.write_data(bars)
    key = bars[0].bar_type
    with pytest.raises(InvalidRequest, match=r"(?s)not known when.*posei ib download"):
        catalog.gaps("bars", key)
    rows = [make_session(0, 8), make_session(2, 4, regular=True)]
    assert catalog.write_sessions(key.instrument_id, rows).written == 2
    assert catalog.write_sessions(key.instrument_id, rows).written == 0
    two_holes = [
        Gap(T0 + 2 * MINUTE, T0 + 4 * MINUTE, 2, False),
        Gap(T0 + 6 * MINUTE, T0 + 8 * MINUTE, 2, False),
    ]
    assert catalog.gaps("bars", key) == two_holes
    assert catalog.gaps("bars", str(key), start=T0 + 5 * MINUTE) == two_holes[1:]
    assert catalog.sessions(key.instrument_id) == [rows[0].session]
    assert catalog.sessions(key.instrument_id, regular=True) == [rows[1].session]
    assert catalog.sessions(key.instrument_id, end=T0) == []
    # What was downloaded says where to look and which hours count.
    catalog.coverage.add("bars", key, T0 - HOUR, T0 + 7 * MINUTE, ALL_HOURS)
    assert catalog.gaps("bars", key)[1] == Gap(T0 + 6 * MINUTE, T0 + 7 * MINUTE, 1, False)


def test_of_a_download_of_regular_hours_only_those_can_be_missing(tmp_path, make_bar, make_session):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([make_bar(2)])
    key = make_bar(2).bar_type
    catalog.write_sessions(
        key.instrument_id, [make_session(0, 8), make_session(2, 4, regular=True)]
    )
    catalog.coverage.add("bars", key, T0, T0 + 8 * MINUTE, REGULAR)
    assert catalog.gaps("bars", key) == [Gap(T0 + 3 * MINUTE, T0 + 4 * MINUTE, 1, False)]


def test_spans_of_regular_and_of_all_hours_are_each_compared_with_their_own(
    tmp_path, make_bar, make_session
):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([make_bar(2), make_bar(62)])
    key = make_bar(2).bar_type
    hours = [make_session(0, 4), make_session(2, 4, regular=True)]
    hours += [make_session(60, 64), make_session(61, 63, regular=True)]
    catalog.write_sessions(key.instrument_id, hours)
    catalog.coverage.add("bars", key, T0 + HOUR, T0 + 2 * HOUR, REGULAR)
    catalog.coverage.add("bars", key, T0, T0 + 62 * MINUTE, ALL_HOURS)
    assert catalog.gaps("bars", key) == [
        Gap(T0, T0 + 2 * MINUTE, 2, False),
        Gap(T0 + 3 * MINUTE, T0 + 4 * MINUTE, 1, False),
        Gap(T0 + 60 * MINUTE, T0 + 62 * MINUTE, 2, True),
    ]
    catalog.coverage.add("bars", key, T0 + 2 * HOUR, T0 + 3 * HOUR, REGULAR)
    catalog.write_sessions(key.instrument_id, [make_session(130, 131, regular=True)])
    assert catalog.gaps("bars", key)[-1] == Gap(T0 + 130 * MINUTE, T0 + 131 * MINUTE, 1, True)


def test_a_stream_without_rows_has_only_gaps(tmp_path, instrument_id, make_session):
    catalog = ParquetDataCatalog(tmp_path)
    given_ = [make_session(0, 8).session]
    assert catalog.gaps("quote_ticks", instrument_id, sessions=given_) == []  # never asked for
    catalog.coverage.add("quote_ticks", instrument_id, T0, T0 + HOUR, ALL_HOURS)
    assert catalog.gaps("quote_ticks", instrument_id, sessions=given_) == [
        Gap(T0, T0 + 8 * MINUTE, 0, True)
    ]
    catalog.write_data([QuoteTick(instrument_id, 1, 2, 3, 4, 5, 0, T0, T0)])
    assert catalog.gaps("quote_ticks", instrument_id, sessions=given_) == []


@pytest.fixture
def weekly():
    return BarType.from_str("EUR/USD.IDEALPRO-1-WEEK-LAST-EXTERNAL")


@pytest.fixture
def weeks(tmp_path, weekly, make_bar):
    """A catalog with the first of three weeks, each with sessions from Monday to Friday."""
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([replace(make_bar(0, of=weekly), ts_event=at("2024-01-08"))])
    days = [f"2024-01-{day:02}" for week in (8, 15, 22) for day in range(week, week + 5)]
    hours = [session(f"{day}T14:30", f"{day}T21:00") for day in days]
    rows = [SessionRow(one, regular) for one in hours for regular in (False, True)]
    catalog.write_sessions(weekly.instrument_id, rows)
    return catalog


@pytest.mark.parametrize("labels", [(ALL_HOURS, REGULAR), (REGULAR, ALL_HOURS), (REGULAR, REGULAR)])
def test_a_week_that_is_missing_is_one_gap_wherever_known_spans_meet(weeks, weekly, labels):
    add = weeks.coverage.add
    add("bars", weekly, at("2024-01-08"), at("2024-01-17"), labels[0])
    # With a hole between them, for spans of one label that meet are one.
    add("bars", weekly, at("2024-01-17T01:00"), at("2024-01-29"), labels[1])
    assert weeks.gaps("bars", weekly) == [Gap(at("2024-01-15"), at("2024-01-29"), 2, True)]


def test_what_is_looked_at_may_begin_within_a_bar(weeks, weekly, make_bar):
    weeks.coverage.add("bars", weekly, at("2024-01-08"), at("2024-01-15"), REGULAR)
    assert weeks.gaps("bars", weekly, start=at("2024-01-10")) == []
    four_hours = BarType.from_str("EUR/USD.IDEALPRO-4-HOUR-LAST-EXTERNAL")
    opens = (at("2024-01-08T12:00"), at("2024-01-08T16:00"), at("2024-01-08T20:00"))
    weeks.write_data([replace(make_bar(0, of=four_hours), ts_event=one) for one in opens])
    weeks.coverage.add("bars", four_hours, at("2024-01-08"), at("2024-01-09"), REGULAR)
    assert weeks.gaps("bars", four_hours, start=at("2024-01-08T19:59")) == []


def test_only_hours_that_matter_have_to_be_known(tmp_path, make_bar, make_session):
    catalog = ParquetDataCatalog(tmp_path)
    key = make_bar(0).bar_type
    assert catalog.gaps("bars", key) == []  # nothing is there, nothing is missing
    catalog.write_data([make_bar(1)])
    catalog.coverage.add("bars", key, T0, T0 + 4 * MINUTE, REGULAR)
    catalog.coverage.add("bars", key, T0 + HOUR, T0 + 2 * HOUR, ALL_HOURS)
    catalog.write_sessions(key.instrument_id, [make_session(0, 3, regular=True)])
    assert [gap.missing for gap in catalog.gaps("bars", key, end=T0 + HOUR)] == [1, 1]
    assert catalog.gaps("bars", key, start=T0 + 3 * HOUR) == []
    with pytest.raises(InvalidRequest, match=r"(?s)all hours.*--all-hours"):
        catalog.gaps("bars", key)
    catalog.write_sessions(key.instrument_id, [make_session(60, 61)])
    assert catalog.gaps("bars", key)[-1].start_ns == T0 + HOUR


def test_it_is_told_which_hours_are_not_known(tmp_path, make_bar, make_session):
    catalog = ParquetDataCatalog(tmp_path)
    key = make_bar(0).bar_type
    catalog.coverage.add("bars", key, T0, T0 + 4 * MINUTE, REGULAR)
    catalog.write_sessions(key.instrument_id, [make_session(0, 3)])
    with pytest.raises(InvalidRequest, match="regular hours") as caught:
        catalog.gaps("bars", key)
    assert "--all-hours" not in str(caught.value)
