"""Calendars are computed once, and kept for the next process."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

import pytest

from posei_ib_sim.contracts.calendars import session_dates
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
