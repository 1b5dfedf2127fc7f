"""Calendars are computed once, and kept for the next process."""

from __future__ import annotations

import datetime as dt
import logging
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.contracts.calendars import prepare, session_dates
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


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    session_dates.cache_clear()
    yield tmp_path
    session_dates.cache_clear()


def test_the_next_process_reads_what_this_one_computed(cache: Path) -> None:
    assert session_dates("XNYS", *JULY) == SESSIONS
    (kept,) = cache.rglob("*.msgpack")
    written = kept.stat().st_mtime_ns
    session_dates.cache_clear()
    assert session_dates("XNYS", *JULY) == SESSIONS
    assert kept.stat().st_mtime_ns == written


def test_a_torn_file_is_reported_and_computed_again(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    session_dates("XNYS", *JULY)
    (kept,) = cache.rglob("*.msgpack")
    kept.write_bytes(kept.read_bytes()[:-3])
    session_dates.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert session_dates("XNYS", *JULY) == SESSIONS
    assert "kept calendar cannot be read" in caplog.text


def test_a_disk_that_refuses_does_no_harm(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = cache / "file"
    blocked.write_text("no directory")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert session_dates("XNYS", *JULY) == SESSIONS


def test_years_that_a_calendar_does_not_cover_are_refused_every_time() -> None:
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="XKRX"):
            session_dates("XKRX", dt.date(1890, 1, 1), dt.date(1899, 12, 31))


def test_what_a_simulation_may_ask_for_is_prepared(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(["XHKG", "XNYS"], 2024)
    spans = ["20000101-20091231", "20100101-20191231", "20200101-20291231", "20300101-20391231"]
    assert sorted(path.stem for path in cache.rglob("*.msgpack")) == [
        f"{code}-{span}" for code in ("XHKG", "XNYS") for span in spans
    ]
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    dates = session_dates("XNYS", dt.date(2020, 1, 1), dt.date(2029, 12, 31))
    assert (dt.date(2024, 7, 3), SESSIONS[2][1]) in dates


def test_preparing_leaves_out_what_a_calendar_does_not_reach(cache: Path) -> None:
    prepare(["XHKG"], 1975)
    spans = [path.stem for path in cache.rglob("*.msgpack")]
    assert "XHKG-19500101-19591231" not in spans


def test_calendars_are_computed_in_a_thread_without_a_warning(cache: Path) -> None:
    with (
        warnings.catch_warnings(record=True) as seen,
        ThreadPoolExecutor(1) as worker,
    ):
        warnings.simplefilter("always")
        worker.submit(session_dates, "XHKG", *JULY).result()
        ours = list(warnings.filters)
        worker.submit(session_dates, "XTKS", *JULY).result()
        assert list(warnings.filters) == ours
    assert [str(one.message) for one in seen] == []
    assert len(list(cache.rglob("*.msgpack"))) == 2
