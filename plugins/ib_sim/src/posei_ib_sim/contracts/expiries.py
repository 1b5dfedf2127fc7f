"""Expiry rules of futures products: from contract month to last trading day.

Business days are the weekdays that the venue's calendar lists as sessions.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.contracts.hours import HoursBook

__all__ = ["MONTH_CODES", "ExpiryRules"]

MONTH_CODES: Final = "FGHJKMNQUVXZ"
"""Futures month letters, January first."""

_DAY: Final = dt.timedelta(days=1)


def _nth_weekday(year: int, month: int, weekday: int, nth: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + _DAY * ((weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _previous_month(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


def _next_month(year: int, month: int) -> tuple[int, int]:
    return (year, month + 1) if month < 12 else (year + 1, 1)


@final
class ExpiryRules:
    """Last trading days by rule name, on the business days of one session template."""

    def __init__(self, hours: HoursBook, template: str) -> None:
        self._hours = hours
        self._template = template

    def last_trade_date(self, rule: str, year: int, month: int) -> dt.date:
        """Return the last trading day of a contract month.

        Raises:
            KeyError: No such rule.
        """
        rules: dict[str, Callable[[int, int], dt.date]] = {
            "third_friday": self._third_friday,
            "third_thursday": self._third_thursday,
            "imm_monday": self._imm_monday,
            "crude_oil": self._crude_oil,
            "natural_gas": self._natural_gas,
            "third_last_business_day": lambda y, m: self._from_end(y, m, 3),
            "second_last_business_day": lambda y, m: self._from_end(y, m, 2),
            "grain": self._grain,
            "note": lambda y, m: self._from_end(y, m, 8),
            "vix_wednesday": self._vix_wednesday,
        }
        return rules[rule](year, month)

    def _business_days(self, first: dt.date, last: dt.date) -> list[dt.date]:
        return self._hours.dates(self._template, first, last)

    def _at_or_before(self, date: dt.date) -> dt.date:
        return self._business_days(date - _DAY * 10, date)[-1]

    def _before(self, date: dt.date, count: int) -> dt.date:
        return self._business_days(date - _DAY * (count + 15), date - _DAY)[-count]

    def _from_end(self, year: int, month: int, nth: int) -> dt.date:
        after = dt.date(*_next_month(year, month), 1)
        return self._business_days(dt.date(year, month, 1), after - _DAY)[-nth]

    def _third_friday(self, year: int, month: int) -> dt.date:
        return self._at_or_before(_nth_weekday(year, month, 4, 3))

    def _third_thursday(self, year: int, month: int) -> dt.date:
        return self._at_or_before(_nth_weekday(year, month, 3, 3))

    def _imm_monday(self, year: int, month: int) -> dt.date:
        # Two business days before the third Wednesday.
        return self._before(_nth_weekday(year, month, 2, 3), 2)

    def _crude_oil(self, year: int, month: int) -> dt.date:
        # Three business days before the 25th of the month before, or before the business day
        # that precedes it when the 25th is none.
        y, m = _previous_month(year, month)
        anchor = self._at_or_before(dt.date(y, m, 25))
        return self._before(anchor, 3)

    def _natural_gas(self, year: int, month: int) -> dt.date:
        return self._before(dt.date(year, month, 1), 3)

    def _grain(self, year: int, month: int) -> dt.date:
        return self._before(dt.date(year, month, 15), 1)

    def _vix_wednesday(self, year: int, month: int) -> dt.date:
        # Thirty days before the third Friday of the month after.
        y, m = _next_month(year, month)
        return self._at_or_before(_nth_weekday(y, m, 4, 3) - _DAY * 30)
