"""When a contract was open for trading: IB's own schedule of the past, or the hours it lists.

IB keeps a schedule of past sessions with holidays and early closes (`whatToShow` SCHEDULE). Where
it has none for a contract, the hours of the contract's details are repeated week by week; they know
no holidays of the past.
"""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import datetime as dt
from collections import OrderedDict, defaultdict
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.historical.segmentation import segments
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.adapters.interactive_brokers.instruments import details_of
from posei_trader.adapters.interactive_brokers.instruments.sessions import sessions as listed
from posei_trader.adapters.interactive_brokers.instruments.time_zones import zone_of
from posei_trader.adapters.interactive_brokers.venue_time import (
    format_utc_dashed,
    from_nanos,
    to_nanos,
)
from posei_trader.errors import DataFileError, FixRequest, Unsupported
from posei_trader.model.bars import NANOS_PER_SECOND, BarSpecification
from posei_trader.persistence.sessions import Session, joined

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import HistoricalSchedule
    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContract,
        IBContractDetails,
    )
    from posei_trader.adapters.interactive_brokers.traded import Traded

__all__ = ["HoursSource", "TradingHours", "TradingSessions", "repeated", "schedule_sessions"]

_DAY: Final = 86_400 * NANOS_PER_SECOND
_DAILY: Final = BarSpecification.from_str("1-DAY-LAST")
_REMEMBERED: Final = 256
_DASHED: Final = "%Y%m%d-%H:%M:%S"


@unique
class HoursSource(StrEnum):
    """Who says when a contract was open."""

    SCHEDULE = "IB's schedule"
    LISTED = "the listed hours, without holidays"


class TradingSessions(NamedTuple):
    """When a contract was open.

    Attributes:
        sessions: Ascending, apart from each other.
        source: Who says so.
    """

    sessions: tuple[Session, ...]
    source: HoursSource


@final
class TradingHours:
    """Ask IB when contracts were open, each span once.

    Args:
        client: The connection.
    """

    def __init__(self, client: InteractiveBrokersClient) -> None:
        self._client = client
        self._known: OrderedDict[tuple[IBContract, bool, int, int], TradingSessions] = OrderedDict()

    async def sessions(
        self,
        traded: Traded,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
    ) -> TradingSessions:
        """Return the sessions that overlap a span.

        Args:
            traded: Of what.
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, not included.
            use_rth: The regular hours instead of all.
            timeout: Seconds for each request to IB.

        Raises:
            Unsupported: neither IB's schedule nor its details say anything about the contract.
            RetryLater: the answer did not come.
        """
        # Whole days: requests for other bars of the same days share the answer.
        first, last = start_ns - start_ns % _DAY, -(-end_ns // _DAY) * _DAY
        key = (traded.contract, use_rth, first, last)
        found = self._known.get(key)
        if found is None:
            found = await self._asked(traded, first, last, use_rth, timeout)
            self._known[key] = found
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        inside = (one for one in found.sessions if one.open_ns < end_ns and one.close_ns > start_ns)
        return TradingSessions(tuple(inside), found.source)

    async def _asked(
        self, traded: Traded, first: int, last: int, use_rth: bool, timeout: float | None
    ) -> TradingSessions:
        if not traded.is_continuous:
            try:
                answers = await all_or_nothing(
                    self._client.get_historical_schedule(
                        traded.contract,
                        end=format_utc_dashed(part.ask_until_ns),
                        duration=part.duration,
                        use_rth=use_rth,
                        timeout=timeout,
                    )
                    # Evening sessions belong to the next day: a day more on both sides.
                    for part in segments(first - _DAY, last + _DAY, _DAILY)
                )
                found = [one for answer in answers for one in schedule_sessions(answer)]
            except FixRequest:
                found = []  # IB has no schedules of some contracts: its listed hours are next
            if found:
                return TradingSessions(tuple(joined(found)), HoursSource.SCHEDULE)
        details = details_of(traded.instrument)
        found = repeated(details, first, last, use_rth=use_rth)
        if not found:
            raise Unsupported(
                "IB does not say when this contract trades",
                field="instrument",
                value=str(traded.instrument.id),
                remedy="compare its history with another source's",
            )
        return TradingSessions(tuple(found), HoursSource.LISTED)


def schedule_sessions(schedule: HistoricalSchedule) -> list[Session]:
    """Return the sessions of IB's schedule; its times are local ones of its zone.

    Raises:
        DataFileError: IB's text is no time, or nobody knows the zone.
    """
    zone = zone_of(schedule.time_zone)
    if zone is None:
        raise DataFileError(
            "IB's schedule is in a time zone that nobody knows",
            field="time zone",
            value=schedule.time_zone,
            remedy="report it, with the contract",
        )
    try:
        return [
            Session(_local(opened, zone), _local(closed, zone), _local(f"{day}-00:00:00", dt.UTC))
            for opened, closed, day in schedule.sessions
        ]
    except ValueError as error:
        raise DataFileError(
            "IB's schedule has a time that is none",
            field="schedule",
            value=str(error),
            remedy="report it, with the contract",
        ) from error


def _local(text: str, zone: dt.tzinfo) -> int:
    return to_nanos(dt.datetime.strptime(text, _DASHED).replace(tzinfo=zone))


def repeated(
    details: IBContractDetails, start_ns: int, end_ns: int, *, use_rth: bool
) -> list[Session]:
    """Return the sessions of a span if every week is as the one that IB lists.

    Args:
        details: IB's details with the hours of some days.
        start_ns: First moment, UNIX ns UTC.
        end_ns: End, not included.
        use_rth: The regular (liquid) hours instead of all.
    """
    zone = zone_of(details.timeZoneId)
    hours = details.liquidHours if use_rth else details.tradingHours or details.liquidHours
    if zone is None or not hours:
        return []
    # A session belongs to the day on which it ends: Sunday evening's to Monday.
    week: dict[int, set[tuple[dt.timedelta, dt.timedelta]]] = defaultdict(set)
    for segment in listed(hours):
        day = (segment.close - dt.timedelta(microseconds=1)).date()
        midnight = dt.datetime.combine(day, dt.time())
        week[day.weekday()].add((segment.open - midnight, segment.close - midnight))
    found: list[Session] = []
    day = from_nanos(start_ns).date() - dt.timedelta(days=1)
    last = from_nanos(end_ns).date() + dt.timedelta(days=2)
    while day <= last:
        midnight = dt.datetime.combine(day, dt.time())
        date_ns = to_nanos(midnight.replace(tzinfo=dt.UTC))
        for opened, closed in week[day.weekday()]:
            open_ns = to_nanos((midnight + opened).replace(tzinfo=zone))
            close_ns = to_nanos((midnight + closed).replace(tzinfo=zone))
            if open_ns < end_ns and close_ns > start_ns:
                found.append(Session(open_ns, close_ns, date_ns))
        day += dt.timedelta(days=1)
    return joined(found)
