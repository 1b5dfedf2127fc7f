"""Dates on which exchanges trade, and their early closes, from `exchange_calendars`.

That package takes seconds to import and to compute a calendar, during which a gateway's loop would
stand still. So the decades of our time ship with this package (see :mod:`.shipped_calendars`), and
others are computed once: kept in memory for the life of the process, and in files for the next one,
by version of the package. What a gateway is going to need is prepared by `prepare` in the worker
thread of its start.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import threading
import warnings
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from posei_ib_sim.contracts.shipped_calendars import shipped_dates
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["computed_dates", "decade", "prepare", "session_dates"]

_PACKAGE: Final = "exchange_calendars"
_LOG: Final = get_logger(__name__)
_Dates = tuple[tuple[dt.date, int | None], ...]
# What exchange_calendars 4.13 uses and pandas 3 deprecates; nothing a user could do.
_DEPRECATED: Final = (
    r"Series\.values returning an ndarray that drops timezone",
    r"DatetimeIndex\.weekday is deprecated",
)
_DECADES_BACK: Final = 2
# One calculation at a time: the package's registry of calendars is not made for threads.
_COMPUTING: Final = threading.Lock()


@functools.lru_cache(maxsize=256)
def session_dates(code: str, first: dt.date, last: dt.date) -> _Dates:
    """Return the dates of an exchange's sessions, with the moment of an early close in UNIX ns.

    Args:
        code: Of the calendar: a MIC, or a name such as CMES.
        first: First date, included.
        last: Last date, included.

    Raises:
        ConfigurationError: The calendar does not reach that far.
    """
    shipped = shipped_dates(code, first, last)
    if shipped is not None:
        return shipped
    with _COMPUTING:
        return _kept_or_computed(code, first, last)


def decade(year: int) -> tuple[dt.date, dt.date]:
    """Return the first and the last date of the decade of a year: the span to ask for."""
    start = year // 10 * 10
    return dt.date(start, 1, 1), dt.date(start + 9, 12, 31)


def prepare(codes: Iterable[str], year: int) -> None:
    """Load what a simulation around a year asks for: its decade, two before it, the next one.

    Takes seconds where nothing is shipped, nor kept in files yet. A span that a calendar does not
    reach is left out: whoever asks for it gets the error.
    """
    start = year // 10 * 10
    for code in sorted(set(codes)):
        for ten in range(start - 10 * _DECADES_BACK, start + 11, 10):
            try:
                session_dates(code, *decade(ten))
            except ConfigurationError as error:
                _LOG.debug("calendar is not prepared", code=code, decade=ten, reason=str(error))


def _kept_or_computed(code: str, first: dt.date, last: dt.date) -> _Dates:
    path = _directory() / f"{code}-{first:%Y%m%d}-{last:%Y%m%d}.msgpack"
    kept = _read(path)
    if kept is not None:
        return kept
    computed = computed_dates(code, first, last)
    _write(path, computed)
    return computed


def _directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    root = Path(base) if base else Path.home() / ".cache"
    return root / "posei-ib-sim" / f"{_PACKAGE}-{metadata.version(_PACKAGE)}"


def _read(path: Path) -> _Dates | None:
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=_Dates)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        _LOG.warning("kept calendar cannot be read", path=str(path), reason=str(error))
        return None


def _write(path: Path, dates: _Dates) -> None:
    scratch = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(msgspec.msgpack.encode(dates))
        scratch.replace(path)
    except OSError as error:
        # The next process computes it again, nothing worse.
        with contextlib.suppress(OSError):
            scratch.unlink(missing_ok=True)
        _LOG.debug("calendar cannot be kept", path=str(path), reason=str(error))


def computed_dates(code: str, first: dt.date, last: dt.date) -> _Dates:
    """Return what `exchange_calendars` says, without looking anywhere else.

    Raises:
        ConfigurationError: The calendar does not reach that far.
    """
    import exchange_calendars  # noqa: PLC0415 - seconds of import, paid by its first user

    # Not `catch_warnings`, which would put back other threads' filters. Filters that are there
    # already are not added twice; a filter set at import would not survive a test runner's reset.
    for message in _DEPRECATED:
        warnings.filterwarnings("ignore", message=message, category=DeprecationWarning)
    try:
        calendar = exchange_calendars.get_calendar(code, start=str(first), end=str(last))
    except ValueError as error:
        message = (
            f"no {code} calendar for {first} to {last}: {error}. "
            "Choose data and a start time within the years the calendar covers"
        )
        raise ConfigurationError(message) from error
    early = {stamp.date() for stamp in calendar.early_closes}
    closes = calendar.closes_nanos.tolist()
    dates = [stamp.date() for stamp in calendar.sessions]
    return tuple(
        (date, close if date in early else None) for date, close in zip(dates, closes, strict=True)
    )
