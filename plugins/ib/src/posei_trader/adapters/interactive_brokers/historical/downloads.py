"""Spans of history fetched whole: cut, asked for, joined, clipped, each record once.

Used by the live data client and by the research client. The pace is kept by the connection; this
module only says what is needed.
"""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, final

from posei_trader.adapters.interactive_brokers.historical import bar_times
from posei_trader.adapters.interactive_brokers.historical.bar_specs import (
    bar_size,
    check_has,
    what_to_show,
)
from posei_trader.adapters.interactive_brokers.historical.conversion import (
    Discarded,
    convert_bars,
    convert_quotes,
    convert_trades,
)
from posei_trader.adapters.interactive_brokers.historical.scales import Scale
from posei_trader.adapters.interactive_brokers.historical.segmentation import (
    Segment,
    check_span,
    open_ended,
    segments,
)
from posei_trader.adapters.interactive_brokers.venue_time import (
    format_utc_dashed,
    parse_time,
)
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import PriceType

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import HistoricalBars
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import Clock

_log = get_logger("InteractiveBrokersHistory")

PAGE: Final = 1_000
"""How many ticks IB sends at most for one request."""

_DAY_S: Final = 86_400

_ResultT = TypeVar("_ResultT")


class _Row(Protocol):
    """A tick of the past."""

    @property
    def time_s(self) -> int:
        """Return its second."""


_RowT = TypeVar("_RowT", bound=_Row)


@final
class HistoryDownloads:
    """Fetches bars and ticks.

    Args:
        client: The connection.
        clock: Time, for what reaches until now.
    """

    def __init__(self, client: InteractiveBrokersClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def pending(self) -> tuple[str, ...]:
        """Return what is being asked of IB now, for people."""
        return self._client.health().requests

    # -- bars -----------------------------------------------------------------------------------

    def plan(self, traded: Traded, bar_type: BarType, start_ns: int, end_ns: int) -> list[Segment]:
        """Return the requests that a span needs, newest first.

        Raises:
            Unsupported: IB has no such bars of such a contract.
            InvalidRequest: the span is empty, or too long for a continuous future.
        """
        check_has(bar_type.spec.price_type, traded.contract.secType)
        if traded.is_continuous:
            return [open_ended(start_ns, self._clock.timestamp_ns(), bar_type.spec)]
        return segments(start_ns, end_ns, bar_type.spec)

    async def bars(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_segment: Callable[[], None] | None = None,
    ) -> list[Bar]:
        """Fetch the bars of a span, ascending, each once: all of them, or it raises.

        A daily, weekly or monthly bar belongs to the span when its period does.

        Args:
            traded: Of what.
            bar_type: Which bars.
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, UNIX ns UTC, not included.
            use_rth: Leave out what happened outside regular trading hours.
            timeout: Seconds for each request to IB; None for the connection's own.
            on_segment: Called after each request that was planned.

        Raises:
            Unsupported: IB has no such bars.
            PoseiError: as the connection's `get_historical_bars`.
        """
        plan = self.plan(traded, bar_type, start_ns, end_ns)
        discarded = Discarded()

        async def fetch(segment: Segment) -> list[Bar]:
            found = await self._segment(
                traded, bar_type, segment, discarded, use_rth=use_rth, timeout=timeout
            )
            if on_segment is not None:
                on_segment()
            return found

        parts = await all_or_nothing(fetch(segment) for segment in plan)
        _report(discarded, str(bar_type))
        first = bar_times.floor_to_period(start_ns, bar_type.spec)
        unique = {
            bar.ts_event: bar
            for part in reversed(parts)
            for bar in part
            if first <= bar.ts_event < end_ns
        }
        return [unique[moment] for moment in sorted(unique)]

    async def _segment(
        self,
        traded: Traded,
        bar_type: BarType,
        segment: Segment,
        discarded: Discarded,
        *,
        use_rth: bool,
        timeout: float | None,
    ) -> list[Bar]:
        answer = await self._ask(traded, bar_type, segment, use_rth=use_rth, timeout=timeout)
        found = convert_bars(answer, bar_type, Scale(traded), discarded)
        reached = self._reached(answer)
        if segment.end_ns and segment.start_ns < reached < segment.end_ns:
            # A day of IB's is a session: an end inside one leaves less than a whole day.
            for rest in segments(segment.start_ns, reached, bar_type.spec):
                older = await self._segment(
                    traded, bar_type, rest, discarded, use_rth=use_rth, timeout=timeout
                )
                found = older + found
        return found

    async def _ask(
        self,
        traded: Traded,
        bar_type: BarType,
        segment: Segment,
        *,
        use_rth: bool,
        timeout: float | None,
    ) -> HistoricalBars:
        return await self._client.get_historical_bars(
            traded.contract,
            end=format_utc_dashed(segment.end_ns) if segment.end_ns else "",
            duration=segment.duration,
            bar_size=bar_size(bar_type.spec),
            what_to_show=what_to_show(bar_type.spec.price_type, traded.contract.secType),
            use_rth=use_rth,
            timeout=timeout,
        )

    def _reached(self, answer: HistoricalBars) -> int:
        """Return from when on IB answered, 0 where it does not say."""
        return parse_time(answer.start) if answer.start and len(answer) else 0

    # -- ticks ----------------------------------------------------------------------------------

    def check_ticks(self, traded: Traded, kind: str) -> None:
        """Check that IB has ticks of a contract.

        Args:
            traded: Of what.
            kind: ``TRADES`` or ``BID_ASK``.

        Raises:
            Unsupported: it has none; names the alternative.
        """
        check_has(PriceType.LAST if kind == "TRADES" else PriceType.BID, traded.sec_type)

    async def quotes(
        self,
        traded: Traded,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int], None] | None = None,
    ) -> list[QuoteTick]:
        """Fetch the quotes of a span, ascending: all of them, or it raises. See `bars`."""
        self.check_ticks(traded, "BID_ASK")
        check_span(start_ns, end_ns)
        rows = await self._pages(
            lambda start: self._client.get_historical_ticks(
                traded.contract,
                "BID_ASK",
                start=start,
                count=PAGE,
                use_rth=use_rth,
                timeout=timeout,
            ),
            start_ns,
            end_ns,
            on_page,
        )
        discarded = Discarded()
        ticks = convert_quotes(rows, traded.instrument.id, Scale(traded), discarded)
        _report(discarded, f"quotes of {traded.instrument.id}")
        return ticks

    async def trades(
        self,
        traded: Traded,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int], None] | None = None,
    ) -> list[TradeTick]:
        """Fetch the trades of a span, ascending: all of them, or it raises. See `bars`."""
        self.check_ticks(traded, "TRADES")
        check_span(start_ns, end_ns)
        rows = await self._pages(
            lambda start: self._client.get_historical_ticks(
                traded.contract,
                "TRADES",
                start=start,
                count=PAGE,
                use_rth=use_rth,
                timeout=timeout,
            ),
            start_ns,
            end_ns,
            on_page,
        )
        discarded = Discarded()
        ticks = convert_trades(rows, traded.instrument.id, Scale(traded), discarded)
        _report(discarded, f"trades of {traded.instrument.id}")
        return ticks

    async def _pages(
        self,
        ask: Callable[[str], Awaitable[Sequence[_RowT]]],
        start_ns: int,
        end_ns: int,
        on_page: Callable[[int], None] | None,
    ) -> list[_RowT]:
        """Walk forward, a page at a time.

        IB's ticks are stamped to the second and a page may end inside one, so the last second of a
        full page is asked for again. After a short page there may be more on a later day.
        """
        second, last = start_ns // NANOS_PER_SECOND, -(-end_ns // NANOS_PER_SECOND)
        last = min(last, self._clock.timestamp_ns() // NANOS_PER_SECOND + 1)
        rows: list[_RowT] = []
        while second < last:
            answer = await ask(format_utc_dashed(second * NANOS_PER_SECOND))
            page = [row for row in answer if second <= row.time_s < last]
            if on_page is not None:
                on_page(len(page))
            if answer and answer[-1].time_s >= last:
                rows.extend(page)
                break
            newest = page[-1].time_s if page else second
            if len(answer) >= PAGE and newest > second:
                rows.extend(row for row in page if row.time_s < newest)
                second = newest
            elif page:
                rows.extend(page)
                second = newest + 1
            else:
                second = (second // _DAY_S + 1) * _DAY_S
        return rows


async def all_or_nothing(work: Iterable[Coroutine[object, object, _ResultT]]) -> list[_ResultT]:
    """Run coroutines side by side; when one fails, cancel the others and raise its error."""
    tasks = [asyncio.ensure_future(part) for part in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _report(discarded: Discarded, what: str) -> None:
    if discarded:
        _log.warning(
            "records that cannot be were left out",
            what=what,
            bars=discarded.bars,
            quotes=discarded.quotes,
            trades=discarded.trades,
            example=discarded.example,
        )
