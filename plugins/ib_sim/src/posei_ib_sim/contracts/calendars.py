"""Dates on which exchanges trade, and their early closes, from `exchange_calendars`.

That package takes seconds to import and to compute a calendar, during which a gateway's loop would
stand still. So it is only asked for what nobody has asked before: answers are kept in memory for
the life of the process, and in files for the next one, by version of the package.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import os
import warnings
from importlib import metadata
from pathlib import Path
from typing import Final

import msgspec

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger

__all__ = ["session_dates"]

_PACKAGE: Final = "exchange_calendars"
_LOG: Final = get_logger(__name__)
_Dates = tuple[tuple[dt.date, int | None], ...]


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
    path = _directory() / f"{code}-{first:%Y%m%d}-{last:%Y%m%d}.msgpack"
    kept = _read(path)
    if kept is not None:
        return kept
    computed = _computed(code, first, last)
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


def _computed(code: str, first: dt.date, last: dt.date) -> _Dates:
    import exchange_calendars  # noqa: PLC0415 - two seconds of import, paid by its first user

    try:
        with warnings.catch_warnings():
            # exchange_calendars 4.13 uses what pandas 3.1 deprecates; nothing a user could do.
            warnings.simplefilter("ignore", DeprecationWarning)
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
