"""History: bars, ticks, sessions, and how far back they go."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, overload

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.describe import described
from posei_trader.adapters.interactive_brokers.client.messages import HistoricalSchedule
from posei_trader.adapters.interactive_brokers.client.requests import Question
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.pacing import HistoricalCost
from posei_trader.adapters.interactive_brokers.wire.records import (
    HistoricalBars,
    HistoricalMidpoint,
    HistoricalQuote,
    HistoricalTrade,
)
from posei_trader.errors import RequestRejected

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["HistoryRequests", "bar_cost"]

_SMALL_BARS: Final = frozenset({"1 secs", "1 sec", "5 secs", "10 secs", "15 secs", "30 secs"})
_EPOCH: Final = 2
_CANCEL_TICKS_FROM: Final = 215


def bar_cost(
    contract: IBContract, end: str, duration: str, bar_size: str, what_to_show: str, use_rth: bool
) -> HistoricalCost:
    """Return what a request for bars counts for under IB's rules."""
    return HistoricalCost(
        identity=("bars", contract, end, duration, bar_size, what_to_show, use_rth),
        group=(contract, what_to_show),
        is_small=bar_size in _SMALL_BARS,
        weight=2 if what_to_show == "BID_ASK" else 1,
    )


class HistoryRequests(ClientPart):
    """Ask for history, as fast as IB's pacing rules allow and no faster.

    An answer is whole or the call raises. IB's "query returned no data" is an empty answer: that
    nothing traded is known then.
    """

    def _init_history(self, session: Session) -> None:
        session.callbacks.update(
            headTimestamp=self._head_timestamp,
            historicalSchedule=self._historical_schedule,
        )

    def history_forecast_s(self, further: Iterable[HistoricalCost] = ()) -> float:
        """Return in how many seconds IB's rules let the last historical request go.

        A bound from below: how long IB takes to answer comes on top.

        Args:
            further: Requests that will be made, besides those that wait already.
        """
        return self._session.scheduler.historical_forecast_s(further)

    async def get_historical_bars(
        self,
        contract: IBContract,
        *,
        end: str,
        duration: str,
        bar_size: str,
        what_to_show: str,
        use_rth: bool,
        timeout: float | None = None,
    ) -> HistoricalBars:
        """Return bars; empty when IB has none in the span.

        Source: `reqHistoricalData`, dates as seconds since 1970 for bars shorter than a day.

        Args:
            contract: What to ask for.
            end: ``YYYYMMDD-HH:MM:SS`` in UTC, or empty for now.
            duration: IB's text: ``"1 D"``, ``"3600 S"``.
            bar_size: IB's text: ``"1 min"``, ``"5 secs"``.
            what_to_show: ``TRADES``, ``MIDPOINT``, ``BID``, ``ASK``, ...
            use_rth: Only regular trading hours.
            timeout: Seconds from sending to the complete answer; None for the client's.

        Raises:
            MarketDataNotPermitted: the account lacks the subscription.
            PacingViolation: IB refused all history for longer than the ten minutes that it counts
                back: something else uses up what the login has.
            InstrumentNotFound: no such contract.
            RequestRejected: IB refused for another reason.
            RetryLater: the answer did not come.
        """
        asked = contract.bare()
        cost = bar_cost(asked, end, duration, bar_size, what_to_show, use_rth)
        parts = await self._ask(
            Question[HistoricalBars](
                repeats=True,
                key=cost.identity,
                subject=f"{duration} of {bar_size} {what_to_show} bars of {described(asked)}",
                ask=lambda ib, req_id: ib.reqHistoricalData(
                    req_id,
                    contract_to_ibapi(asked),
                    end,
                    duration,
                    bar_size,
                    what_to_show,
                    int(use_rth),
                    _EPOCH,
                    False,
                    [],
                ),
                cancel=lambda ib, req_id: ib.cancelHistoricalData(req_id),
                cost=cost,
            ),
            timeout,
        )
        whole = HistoricalBars.empty()
        for part in parts:
            whole = whole.joined(part) if len(whole) or len(parts) > 1 else part
        return whole

    @overload
    async def get_historical_ticks(
        self,
        contract: IBContract,
        what_to_show: Literal["TRADES"],
        *,
        start: str = "",
        end: str = "",
        count: int = 1000,
        use_rth: bool = False,
        ignore_size: bool = False,
        timeout: float | None = None,
    ) -> list[HistoricalTrade]: ...

    @overload
    async def get_historical_ticks(
        self,
        contract: IBContract,
        what_to_show: Literal["BID_ASK"],
        *,
        start: str = "",
        end: str = "",
        count: int = 1000,
        use_rth: bool = False,
        ignore_size: bool = False,
        timeout: float | None = None,
    ) -> list[HistoricalQuote]: ...

    @overload
    async def get_historical_ticks(
        self,
        contract: IBContract,
        what_to_show: Literal["MIDPOINT"],
        *,
        start: str = "",
        end: str = "",
        count: int = 1000,
        use_rth: bool = False,
        ignore_size: bool = False,
        timeout: float | None = None,
    ) -> list[HistoricalMidpoint]: ...

    async def get_historical_ticks(
        self,
        contract: IBContract,
        what_to_show: Literal["TRADES", "BID_ASK", "MIDPOINT"],
        *,
        start: str = "",
        end: str = "",
        count: int = 1000,
        use_rth: bool = False,
        ignore_size: bool = False,
        timeout: float | None = None,
    ) -> list[Any]:
        """Return ticks, ascending; IB completes the second in which the count is reached.

        Source: `reqHistoricalTicks`.

        Args:
            contract: What to ask for.
            what_to_show: Which ticks.
            start: ``YYYYMMDD-HH:MM:SS`` in UTC: the first ticks from then on. Or empty.
            end: The same: the last ticks before. Exactly one of the two.
            count: How many, at most 1000.
            use_rth: Only regular trading hours.
            ignore_size: For quotes: leave out those that change only a size.
            timeout: Seconds; None for the client's.

        Raises:
            As :meth:`get_historical_bars`.
        """
        asked = contract.bare()
        identity = ("ticks", asked, what_to_show, start, end, count, use_rth, ignore_size)
        can_cancel = self._session.server_version >= _CANCEL_TICKS_FROM
        return await self._ask(
            Question[object](
                repeats=True,
                key=identity,
                subject=f"{what_to_show} ticks of {described(asked)}",
                ask=lambda ib, req_id: ib.reqHistoricalTicks(
                    req_id,
                    contract_to_ibapi(asked),
                    start,
                    end,
                    count,
                    what_to_show,
                    int(use_rth),
                    ignore_size,
                    [],
                ),
                cancel=(lambda ib, req_id: ib.cancelHistoricalTicks(req_id))
                if can_cancel
                else None,
                cost=HistoricalCost(
                    identity, (asked, what_to_show), True, 2 if what_to_show == "BID_ASK" else 1
                ),
            ),
            timeout,
        )

    async def get_head_timestamp(
        self,
        contract: IBContract,
        *,
        what_to_show: str = "TRADES",
        use_rth: bool = False,
        timeout: float | None = None,
    ) -> int:
        """Return how far back the history goes, in seconds since 1970, UTC.

        Source: `reqHeadTimeStamp`.

        Raises:
            As :meth:`get_historical_bars`.
        """
        asked = contract.bare()
        identity = ("head", asked, what_to_show, use_rth)
        rows = await self._ask(
            Question[str](
                repeats=True,
                key=identity,
                subject=f"start of the {what_to_show} history of {described(asked)}",
                ask=lambda ib, req_id: ib.reqHeadTimeStamp(
                    req_id, contract_to_ibapi(asked), what_to_show, int(use_rth), _EPOCH
                ),
                cancel=lambda ib, req_id: ib.cancelHeadTimeStamp(req_id),
                ends_itself=False,
                cost=HistoricalCost(identity, (asked, what_to_show), False),
            ),
            timeout,
        )
        if not rows or not rows[0].isdigit():
            raise RequestRejected(
                "IB has no history of this kind",
                field="request",
                value=f"{what_to_show} of {described(asked)}",
                remedy="ask for another kind, such as MIDPOINT",
            )
        return int(rows[0])

    async def get_historical_schedule(
        self,
        contract: IBContract,
        *,
        end: str,
        duration: str,
        use_rth: bool = True,
        timeout: float | None = None,
    ) -> HistoricalSchedule:
        """Return the trading sessions of a span.

        Source: `reqHistoricalData` with `whatToShow` SCHEDULE.

        Raises:
            As :meth:`get_historical_bars`.
        """
        asked = contract.bare()
        cost = bar_cost(asked, end, duration, "1 day", "SCHEDULE", use_rth)
        rows = await self._ask(
            Question[HistoricalSchedule](
                repeats=True,
                key=cost.identity,
                subject=f"trading sessions of {described(asked)}",
                ask=lambda ib, req_id: ib.reqHistoricalData(
                    req_id,
                    contract_to_ibapi(asked),
                    end,
                    duration,
                    "1 day",
                    "SCHEDULE",
                    int(use_rth),
                    1,
                    False,
                    [],
                ),
                cancel=lambda ib, req_id: ib.cancelHistoricalData(req_id),
                cost=cost,
            ),
            timeout,
        )
        return rows[0] if rows else HistoricalSchedule("", "", "", ())

    # --- what IB says -----------------------------------------------------------------------------

    def _head_timestamp(self, req_id: int, head_timestamp: str) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            request.add(head_timestamp)
            self._session.requests.complete(request)

    def _historical_schedule(
        self, req_id: int, start: str, end: str, time_zone: str, sessions: list[Any]
    ) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            rows = tuple((row.startDateTime, row.endDateTime, row.refDate) for row in sessions)
            request.add(HistoricalSchedule(start, end, time_zone, rows))
            self._session.requests.complete(request)
