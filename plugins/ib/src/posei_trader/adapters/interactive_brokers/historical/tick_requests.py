"""Requests for ticks of the past."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import contextlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, overload

from posei_trader.adapters.interactive_brokers.historical.asking import (
    Skips,
    check_form,
    tick_kinds,
)
from posei_trader.adapters.interactive_brokers.historical.collecting import Wanted, collect
from posei_trader.adapters.interactive_brokers.historical.download_progress import DownloadTracker
from posei_trader.adapters.interactive_brokers.historical.research_connection import (
    TIMEOUT_S,
    ResearchConnection,
)
from posei_trader.adapters.interactive_brokers.historical.results import HistoryResult
from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream
from posei_trader.adapters.interactive_brokers.historical.tick_progress import TickProgress
from posei_trader.errors import Unsupported

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Callable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.asking import Form
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import HistoryTable
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.persistence.schemas import CatalogTable

__all__ = ["TickRequests"]


class TickRequests(ResearchConnection):
    """Ask for ticks, whole or piece by piece."""

    @overload
    async def request_ticks(
        self,
        tick_types: Sequence[str] | str | None = ...,
        end_date_time: dt.datetime | None = ...,
        start_date_time: dt.datetime | None = ...,
        tz_name: str = ...,
        contracts: Sequence[IBContract] | None = ...,
        instrument_ids: Sequence[str] | None = ...,
        use_rth: bool = ...,
        timeout: float = ...,
        progress: Callable[[HistoryProgress], None] | None = ...,
        *,
        tick_type: str | None = ...,
        to: Literal["objects"] = ...,
        check_gaps: bool = ...,
    ) -> HistoryResult[QuoteTick | TradeTick]: ...

    @overload
    async def request_ticks(
        self,
        tick_types: Sequence[str] | str | None = ...,
        end_date_time: dt.datetime | None = ...,
        start_date_time: dt.datetime | None = ...,
        tz_name: str = ...,
        contracts: Sequence[IBContract] | None = ...,
        instrument_ids: Sequence[str] | None = ...,
        use_rth: bool = ...,
        timeout: float = ...,
        progress: Callable[[HistoryProgress], None] | None = ...,
        *,
        tick_type: str | None = ...,
        to: Literal["arrow"],
        check_gaps: bool = ...,
    ) -> HistoryResult[CatalogTable]: ...

    async def request_ticks(
        self,
        tick_types: Sequence[str] | str | None = None,
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = TIMEOUT_S,
        progress: Callable[[HistoryProgress], None] | None = None,
        *,
        tick_type: str | None = None,
        to: Form = "objects",
        check_gaps: bool = True,
    ) -> HistoryResult[Any]:
        """Fetch ticks, in the order of time.

        IB stamps ticks to the second.

        Args:
            tick_types: ``["TRADES", "BID_ASK"]``, or one of them.
            end_date_time: End, not included; None for now.
            start_date_time: First moment.
            tz_name: The zone of times without one, by the clocks of each day.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB, not for the call.
            progress: Called after each answer; else progress is logged.
            tick_type: One tick type, instead of `tick_types`.
            to: ``"objects"`` or ``"arrow"``, as in `request_bars`.
            check_gaps: Report the sessions without any tick, as in `request_bars`.

        Raises:
            As :meth:`request_bars`.
        """
        as_tables = check_form(to)
        kinds = tick_kinds(tick_types, tick_type)
        span = self._span(start_date_time, end_date_time, None, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        skips = Skips()
        streams = self._tick_streams(subjects, kinds, skips)
        covered = DownloadTracker(self._client, len(streams), None)
        tracker = self._tracker("ticks", progress, covered)
        pages = TickProgress(covered, tracker, streams, *span, self._source.downloads.now_ns())
        found = await collect(
            self._source,
            streams,
            Wanted(*span, use_rth, timeout, as_tables, check_gaps, on_page=pages.answered),
        )
        ticks = sorted(found.records, key=attrgetter("ts_event"))
        return HistoryResult(
            found.tables if as_tables else ticks, skips.skipped, found.gaps, found.unchecked
        )

    async def iter_ticks(
        self,
        tick_types: Sequence[str] | str,
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = TIMEOUT_S,
    ) -> AsyncGenerator[HistoryTable, None]:
        """Fetch ticks piece by piece: stream after stream, ascending, with bounded memory.

        Args:
            tick_types: As in `request_ticks`, like all others.
            end_date_time: End, not included.
            start_date_time: First moment.
            tz_name: The zone of times without one.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.

        Raises:
            As :meth:`request_bars`, while iterating; what was yielded before is whole.
        """
        kinds = tick_kinds(tick_types, None)
        span = self._span(start_date_time, end_date_time, None, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        for stream in self._tick_streams(subjects, kinds, Skips()):
            pieces = self._source.tables(stream, *span, use_rth=use_rth, timeout=timeout)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece

    def _tick_streams(
        self, subjects: Sequence[Traded], kinds: Sequence[str], skips: Skips, *, must: bool = True
    ) -> list[HistoryStream]:
        streams: list[HistoryStream] = []
        for traded in subjects:
            for kind in kinds:
                try:
                    self._source.downloads.check_ticks(traded, kind)
                except Unsupported as error:
                    skips.add(traded.instrument.id, f"{kind} ticks", error)
                    continue
                streams.append(HistoryStream(traded, None, kind))
        if must:
            skips.check(has_work=bool(streams))
        return streams
