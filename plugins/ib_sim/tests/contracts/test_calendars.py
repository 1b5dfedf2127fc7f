"""Calendars are computed once, and kept for the next process."""

from __future__ import annotations

import datetime as dt
import json
import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.contracts.calendars import computed_dates, decade, prepare, session_dates
from posei_ib_sim.contracts.hours import HOURS
from posei_ib_sim.contracts.shipped_calendars import shipped_dates, table_of, write_tables
from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JULY = (dt.date(2024, 7, 1), dt.date(2024, 7, 8))
# Early close at 13:00 in New York on the 3rd; the 4th and the weekend are no sessions.
SESSIONS = (
    (dt.date(2024, 7, 1), None),
    (dt.date(2024, 7, 2), None),
    (dt.date(2024, 7, 3), 1_720_026_000_000_000_000),
    (dt.date(2024, 7, 5), None),
    (dt.date(2024, 7, 8), None),
)


# A calendar that does not ship; Colombia rests on the 1st.
BOGOTA = tuple((dt.date(2024, 7, day), None) for day in (2, 3, 4, 5, 8))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    session_dates.cache_clear()
    yield tmp_path
    session_dates.cache_clear()


def test_the_next_process_reads_what_this_one_computed(cache: Path) -> None:
    assert session_dates("XBOG", *JULY) == BOGOTA
    (kept,) = cache.rglob("*.msgpack")
    written = kept.stat().st_mtime_ns
    session_dates.cache_clear()
    assert session_dates("XBOG", *JULY) == BOGOTA
    assert kept.stat().st_mtime_ns == written


def test_a_torn_file_is_reported_and_computed_again(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session_dates("XBOG", *JULY)
    (kept,) = cache.rglob("*.msgpack")
    kept.write_bytes(kept.read_bytes()[:-3])
    session_dates.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert session_dates("XBOG", *JULY) == BOGOTA
    assert "kept calendar cannot be read" in caplog.text


def test_a_disk_that_refuses_does_no_harm(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = cache / "file"
    blocked.write_text("no directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert session_dates("XBOG", *JULY) == BOGOTA


def test_years_that_a_calendar_does_not_cover_are_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="XKRX"):
            session_dates("XKRX", dt.date(1890, 1, 1), dt.date(1899, 12, 31))


def test_what_no_table_holds_is_prepared_in_files(cache: Path) -> None:
    prepare(["XKRX", "XNYS"], 2024)
    spans = ["20000101-20091231", "20100101-20191231", "20200101-20291231", "20300101-20391231"]
    assert sorted(path.stem for path in cache.rglob("*.msgpack")) == [
        f"XKRX-{span}" for span in spans
    ]


def test_a_fresh_machine_needs_no_calculation(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    codes = {template.calendar for template in HOURS.values()} - {"week", "always"}
    prepare(codes, 2024)
    assert session_dates("XNYS", *JULY) == SESSIONS
    assert not list(cache.rglob("*.msgpack"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", sorted({template.calendar for template in HOURS.values()} - {"week", "always"})
)
def test_a_shipped_table_says_what_the_package_says(code: str) -> None:
    for year in (2000, 2020, 2030):
        assert shipped_dates(code, *decade(year)) == computed_dates(code, *decade(year))


def test_tables_keep_weekend_sessions_holidays_and_early_closes(tmp_path: Path) -> None:
    first, last = dt.date(2024, 6, 29), dt.date(2024, 7, 9)
    sessions = ((dt.date(2024, 6, 29), None), *SESSIONS)
    table = table_of(sessions, first, last)
    assert table.weekend == (dt.date(2024, 6, 29),)
    assert table.closed == (dt.date(2024, 7, 4), dt.date(2024, 7, 9))
    assert table.early == {dt.date(2024, 7, 3): 1_720_026_000}
    write_tables(["XNYS"], computed_dates, tmp_path / "tables.json")
    written = json.loads((tmp_path / "tables.json").read_bytes())["calendars"]["XNYS"]
    assert "2024-07-04" in written["closed"]
    assert written["early"]["2024-07-03"] == 1_720_026_000


def test_preparing_leaves_out_what_a_calendar_does_not_reach(cache: Path) -> None:
    prepare(["XKRX"], 1975)
    spans = [path.stem for path in cache.rglob("*.msgpack")]
    assert "XKRX-19500101-19591231" not in spans


def test_calendars_are_computed_in_a_thread_without_a_warning(cache: Path) -> None:
    with (
        warnings.catch_warnings(record=True) as seen,
        ThreadPoolExecutor(1) as worker,
    ):
        warnings.simplefilter("always")
        worker.submit(session_dates, "XBOG", *JULY).result()
        ours = list(warnings.filters)
        worker.submit(session_dates, "XKRX", *JULY).result()
        assert list(warnings.filters) == ours
    assert [str(one.message) for one in seen] == []
    assert len(list(cache.rglob("*.msgpack"))) == 2
