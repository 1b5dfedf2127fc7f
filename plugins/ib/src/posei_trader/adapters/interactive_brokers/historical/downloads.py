"""Spans of history fetched whole: cut, asked for, joined, clipped, each record once.

Used by the live data client and by the research client. The pace is kept by the connection; this
module only says what is needed.
"""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from msgspec.structs import replace

from posei_trader.adapters.interactive_brokers.historical import bar_times
from posei_trader.adapters.interactive_brokers.historical.bar_specs import (
    CALENDAR_BARS,
    bar_size,
    check_has,
    what_to_show,
)
from posei_trader.adapters.interactive_brokers.historical.busy_hours import BusyHours, is_small
from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
from posei_trader.adapters.interactive_brokers.historical.conversion import (
    Discarded,
    convert_bars,
    convert_quotes,
    convert_trades,
    joined_bars,
)
from posei_trader.adapters.interactive_brokers.historical.discarded import report_discarded
from posei_trader.adapters.interactive_brokers.historical.pages import PAGE, walk
from posei_trader.adapters.interactive_brokers.historical.scales import RawPrices, Scale
from posei_trader.adapters.interactive_brokers.historical.segmentation import (
    Segment,
    check_span,
    next_period,
    open_ended,
    segments,
)
from posei_trader.adapters.interactive_brokers.historical.side_by_side import (
    all_or_nothing,
)
from posei_trader.adapters.interactive_brokers.venue_time import (
    format_utc_dashed,
    parse_time,
)
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import PriceType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import (
        HistoricalBars,
        HistoricalQuote,
        HistoricalTrade,
    )
    from posei_trader.adapters.interactive_brokers.historical.pages import Page
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import Clock

__all__ = ["HistoryDownloads"]

PartT = TypeVar("PartT")

_MANY: Final = 4
"""Requests that make it worth one more to ask which of them are needed."""


class HistoryDownloads:
    """Fetches bars and ticks.

    Args:
        client: The connection.
        clock: Time, for what reaches until now.
    """

    def __init__(self, client: InteractiveBrokersClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._busy: Final = BusyHours(self._columns, self.now_ns)

    def pending(self) -> tuple[str, ...]:
        """Return what is being asked of IB now, for people."""
        return self._client.health().requests

    def now_ns(self) -> int:
        """Return now by IB's clock as far as it is known, UNIX ns UTC."""
        return self._clock.timestamp_ns() + (self._client.clock_offset_ns or 0)

    def _latest_ns(self) -> int:
        """Return the later of our time and IB's: an estimate may not cut an answer short."""
        return max(self._clock.timestamp_ns(), self.now_ns())

    # -- bars -----------------------------------------------------------------------------------

    def plan(self, traded: Traded, bar_type: BarType, start_ns: int, end_ns: int) -> list[Segment]:
        """Return the requests that a span needs, newest first.

        Raises:
            Unsupported: IB has no such bars of such a contract.
            InvalidRequest: the span is empty, or too long for a continuous future.
        """
        spec = bar_type.spec
        check_has(spec.price_type, traded.contract.secType)
        if traded.is_continuous:
            return [open_ended(start_ns, self.now_ns(), spec)]
        # A bar of a day or longer is there or not by the end as it was given: see `_whole_last`.
        limit = None if spec.aggregation in CALENDAR_BARS else self.now_ns()
        return segments(start_ns, end_ns, spec, limit)

    async def requests(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
    ) -> list[Segment]:
        """Return the requests that a span needs, newest first, as few as it takes.

        Of small bars IB allows so few that it is asked first when there were any; see `BusyHours`.

        Raises:
            As :meth:`plan`.
            RetryLater: the answer did not come.
        """
        plan = self.plan(traded, bar_type, start_ns, end_ns)
        if len(plan) < _MANY or not is_small(bar_type.spec):
            return plan
        busy = await self._busy.spans(
            traded, bar_type, start_ns, end_ns, use_rth=use_rth, timeout=timeout
        )
        if busy is None:
            return plan
        found = segments(start_ns, end_ns, bar_type.spec, self.now_ns(), busy) if busy else []
        return found or plan[:1]  # who asks for nothing is refused nothing

    async def bars(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_segment: Callable[[int], None] | None = None,
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
            on_segment: Called after each request that was planned, with the number of its bars.

        Raises:
            Unsupported: IB has no such bars.
            PoseiError: as the connection's `get_historical_bars`.
        """
        scale, discarded = Scale(traded), Discarded()
        raw = RawPrices(scale)

        def made(found: BarColumns) -> list[Bar]:
            # While the others are on their way, and before memory has to hold all columns at once.
            return convert_bars(found, bar_type, scale, discarded, raw)

        parts = await self._bar_parts(
            traded, bar_type, start_ns, end_ns, use_rth, timeout, on_segment, made
        )
        report_discarded(discarded, str(bar_type))
        return joined_bars(parts)

    async def _bar_parts(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        use_rth: bool,
        timeout: float | None,
        on_segment: Callable[[int], None] | None,
        make: Callable[[BarColumns], PartT],
    ) -> list[PartT]:
        """Return what is made of the bars of each request that a span needs, oldest first."""
        plan = await self.requests(
            traded, bar_type, start_ns, end_ns, use_rth=use_rth, timeout=timeout
        )

        async def fetch(segment: Segment) -> PartT:
            found = await self._part(
                traded, bar_type, segment, end_ns, use_rth=use_rth, timeout=timeout
            )
            if on_segment is not None:
                on_segment(len(found.opened))
            return make(found)

        parts = await all_or_nothing(fetch(segment) for segment in plan)
        return parts[::-1]

    async def _columns(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        use_rth: bool,
        timeout: float | None,
    ) -> list[BarColumns]:
        return await self._bar_parts(
            traded, bar_type, start_ns, end_ns, use_rth, timeout, None, lambda found: found
        )

    async def _part(
        self,
        traded: Traded,
        bar_type: BarType,
        segment: Segment,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None,
    ) -> BarColumns:
        """Return the bars of a segment, ascending, each once and whole, no others."""
        found = await self._segment(traded, bar_type, segment, use_rth=use_rth, timeout=timeout)
        # A bar of a day or longer that began before the span belongs to it.
        first = bar_times.floor_to_period(segment.start_ns, bar_type.spec)
        kept = found.in_order().clipped(first, segment.end_ns or end_ns)
        if segment.end_ns and kept.opened and bar_type.spec.aggregation in CALENDAR_BARS:
            return await self._whole_last(
                traded, bar_type, segment, kept, use_rth=use_rth, timeout=timeout
            )
        return kept

    async def _whole_last(
        self,
        traded: Traded,
        bar_type: BarType,
        segment: Segment,
        found: BarColumns,
        *,
        use_rth: bool,
        timeout: float | None,
    ) -> BarColumns:
        """Ask again for a day, week or month in which the request ended: IB cut it there."""
        opened = int(found.opened[-1]) * NANOS_PER_SECOND
        ends = next_period(opened + 1, bar_type.spec)
        until = ends + bar_times.TRADED_LATE_NS
        if not segment.ask_until_ns < until <= self.now_ns():
            return found  # it is whole, or nobody has it whole yet
        [again] = segments(opened, ends, bar_type.spec)
        again = replace(again, ask_until_ns=until)
        whole = await self._segment(traded, bar_type, again, use_rth=use_rth, timeout=timeout)
        return BarColumns.joined([found, whole.in_order().clipped(opened, ends)])

    async def _segment(
        self,
        traded: Traded,
        bar_type: BarType,
        segment: Segment,
        *,
        use_rth: bool,
        timeout: float | None,
    ) -> BarColumns:
        answer = await self._ask(traded, bar_type, segment, use_rth=use_rth, timeout=timeout)
        found, spec = BarColumns.of(answer, bar_type.spec), bar_type.spec
        reached = self._reached(answer)
        if segment.end_ns and segment.start_ns < reached:
            # A day of IB's is a session: an end inside one leaves less than a whole day.
            cut = next_period(reached, spec) if spec.aggregation in CALENDAR_BARS else reached
            if cut < segment.end_ns:
                older = [
                    await self._segment(traded, bar_type, rest, use_rth=use_rth, timeout=timeout)
                    for rest in segments(segment.start_ns, cut, spec, segment.ask_until_ns)
                ]
                parts = [*older[::-1], found.in_order().clipped(cut, segment.end_ns)]
                found = BarColumns.joined(parts)
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
            end=format_utc_dashed(segment.ask_until_ns) if segment.ask_until_ns else "",
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
        on_page: Callable[[int, int], None] | None = None,
    ) -> list[QuoteTick]:
        """Fetch the quotes of a span, ascending: all of them, or it raises. See `bars`."""
        rows: list[HistoricalQuote] = []
        async for page in self._quote_pages(traded, start_ns, end_ns, use_rth, timeout):
            rows += page.rows
            if on_page is not None:
                on_page(len(page.rows), page.until_ns)
        discarded = Discarded()
        ticks = convert_quotes(rows, traded.instrument.id, Scale(traded), discarded)
        report_discarded(discarded, f"quotes of {traded.instrument.id}")
        return ticks

    async def trades(
        self,
        traded: Traded,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int, int], None] | None = None,
    ) -> list[TradeTick]:
        """Fetch the trades of a span, ascending: all of them, or it raises. See `bars`."""
        rows: list[HistoricalTrade] = []
        async for page in self._trade_pages(traded, start_ns, end_ns, use_rth, timeout):
            rows += page.rows
            if on_page is not None:
                on_page(len(page.rows), page.until_ns)
        discarded = Discarded()
        ticks = convert_trades(rows, traded.instrument.id, Scale(traded), discarded)
        report_discarded(discarded, f"trades of {traded.instrument.id}")
        return ticks

    def _quote_pages(
        self, traded: Traded, start_ns: int, end_ns: int, use_rth: bool, timeout: float | None
    ) -> AsyncIterator[Page[HistoricalQuote]]:
        self.check_ticks(traded, "BID_ASK")
        check_span(start_ns, end_ns)
        return walk(
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
            self._latest_ns(),
        )

    def _trade_pages(
        self, traded: Traded, start_ns: int, end_ns: int, use_rth: bool, timeout: float | None
    ) -> AsyncIterator[Page[HistoricalTrade]]:
        self.check_ticks(traded, "TRADES")
        check_span(start_ns, end_ns)
        return walk(
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
            self._latest_ns(),
        )
