"""Which stretch of time a request's end and duration mean."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.contracts.hours import HoursBook, Session
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.history.bar_sizes import Duration

__all__ = ["Ranges"]

_SECOND_NS: Final = 1_000_000_000


@final
class Ranges:
    """Turns durations into moments.

    Args:
        hours: Sessions.
        now_ns: The simulated clock.
    """

    def __init__(self, hours: HoursBook, now_ns: Callable[[], int]) -> None:
        self._hours = hours
        self._now_ns = now_ns

    def range_of(
        self,
        contract: SimContract,
        end_ns: int | None,
        duration: Duration,
        *,
        use_rth: bool,
        floor_ns: int,
    ) -> tuple[int, int]:
        """Return the start and end that a duration means, in UNIX nanoseconds.

        Days count trading sessions back from the end; weeks, months and years are calendar time;
        seconds end with the last moment of trading. Nothing begins before `floor_ns`, so no
        duration is too long.
        """
        now = self._now_ns()
        end = min(end_ns, now + 1) if end_ns is not None else now + 1
        if end <= floor_ns:
            return end, end
        if duration.unit == "S":
            session = self._last_session(contract, end)
            if session is not None:
                end = min(end, _close(session, use_rth=use_rth))
            start = end - duration.count * _SECOND_NS
        elif duration.unit == "D":
            start = self._days_back(contract, end, duration.count, floor_ns, use_rth=use_rth)
        else:
            first = self._first_date(contract, end, duration, floor_ns)
            sessions = self._hours.between(contract.hours, first, first + dt.timedelta(days=15))
            start = _open(sessions[0], use_rth=use_rth) if sessions else end
        return min(max(start, floor_ns), end), end

    def _first_date(
        self, contract: SimContract, end_ns: int, duration: Duration, floor_ns: int
    ) -> dt.date:
        last = self._hours.local_date(contract.hours, end_ns - 1)
        floor = self._hours.local_date(contract.hours, floor_ns)
        if duration.unit == "W":
            days = 7 * duration.count - 1
            return last - dt.timedelta(days=days) if days < (last - floor).days else floor
        months = duration.count * (12 if duration.unit == "Y" else 1)
        if months >= (last.year - floor.year) * 12 + last.month - floor.month:
            return floor
        return _months_before(last, months) + dt.timedelta(days=1)

    def _last_session(self, contract: SimContract, end_ns: int) -> Session | None:
        sessions = self._hours.around(contract.hours, end_ns, 10)
        begun = [session for session in sessions if session.open_ns < end_ns]
        return begun[-1] if begun else None

    def _days_back(
        self, contract: SimContract, end_ns: int, count: int, floor_ns: int, *, use_rth: bool
    ) -> int:
        last = self._hours.local_date(contract.hours, end_ns) + dt.timedelta(days=1)
        floor = self._hours.local_date(contract.hours, floor_ns)
        days = count * 2 + 15
        first = last - dt.timedelta(days=days) if days < (last - floor).days else floor
        begun = [
            session
            for session in self._hours.between(contract.hours, first, last)
            if _open(session, use_rth=use_rth) < end_ns
        ]
        return _open(begun[-min(count, len(begun))], use_rth=use_rth) if begun else end_ns


def _open(session: Session, *, use_rth: bool) -> int:
    return session.liquid[0][0] if use_rth and session.liquid else session.open_ns


def _close(session: Session, *, use_rth: bool) -> int:
    return session.liquid[-1][1] if use_rth and session.liquid else session.close_ns


def _months_before(date: dt.date, months: int) -> dt.date:
    total = date.year * 12 + date.month - 1 - months
    year, month = divmod(total, 12)
    after = dt.date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last_day = (after - dt.timedelta(days=1)).day
    return dt.date(year, month + 1, min(date.day, last_day))
