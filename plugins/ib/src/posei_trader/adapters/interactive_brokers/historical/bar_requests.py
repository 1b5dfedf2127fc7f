"""Requests for bars of the past."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import contextlib
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal, overload

from posei_trader.adapters.interactive_brokers.historical.asking import Skips, bar_specs, check_form
from posei_trader.adapters.interactive_brokers.historical.collecting import Wanted, collect
from posei_trader.adapters.interactive_brokers.historical.research_connection import (
    TIMEOUT_S,
    ResearchConnection,
)
from posei_trader.adapters.interactive_brokers.historical.results import HistoryResult
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream
from posei_trader.errors import Unsupported
from posei_trader.model.bars import BarSpecification, BarType

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Callable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.asking import Form
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import HistoryTable
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import Bar
    from posei_trader.persistence.schemas import CatalogTable

__all__ = ["BarRequests"]


class BarRequests(ResearchConnection):
    """Ask for bars, whole or piece by piece."""

    @overload
    async def request_bars(
        self,
        bar_specifications: Sequence[str] | str,
        end_date_time: dt.datetime | None = ...,
        start_date_time: dt.datetime | None = ...,
        duration: str | None = ...,
        tz_name: str = ...,
        contracts: Sequence[IBContract] | None = ...,
        instrument_ids: Sequence[str] | None = ...,
        use_rth: bool = ...,
        timeout: float = ...,
        progress: Callable[[HistoryProgress], None] | None = ...,
        *,
        to: Literal["objects"] = ...,
        check_gaps: bool = ...,
    ) -> HistoryResult[Bar]: ...

    @overload
    async def request_bars(
        self,
        bar_specifications: Sequence[str] | str,
        end_date_time: dt.datetime | None = ...,
        start_date_time: dt.datetime | None = ...,
        duration: str | None = ...,
        tz_name: str = ...,
        contracts: Sequence[IBContract] | None = ...,
        instrument_ids: Sequence[str] | None = ...,
        use_rth: bool = ...,
        timeout: float = ...,
        progress: Callable[[HistoryProgress], None] | None = ...,
        *,
        to: Literal["arrow"],
        check_gaps: bool = ...,
    ) -> HistoryResult[CatalogTable]: ...

    async def request_bars(
        self,
        bar_specifications: Sequence[str] | str,
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = TIMEOUT_S,
        progress: Callable[[HistoryProgress], None] | None = None,
        *,
        to: Form = "objects",
        check_gaps: bool = True,
    ) -> HistoryResult[Any]:
        """Fetch bars, in the order of the moment at which each was complete, each once.

        Args:
            bar_specifications: For example ``["1-MINUTE-LAST", "1-DAY-MID"]``.
            end_date_time: End, not included; None for now.
            start_date_time: First moment. A daily, weekly or monthly bar belongs to the span when
                its period does.
            duration: Instead of a start: ``"5 D"``, ``"3600 S"``, ``"1 Y"``.
            tz_name: The zone of times without one, by the clocks of each day.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB, not for the call.
            progress: Called after each answer; else progress is logged.
            to: ``"objects"`` for bars; ``"arrow"`` for one `CatalogTable` for each bar type,
                without an object a bar, which `ParquetDataCatalog.write_data` takes as it is.
            check_gaps: Ask IB when the market was open and fill the result's `gaps`; that is one
                more request for each contract and year.

        Raises:
            Unsupported: IB has nothing of what was asked for.
            InvalidRequest: a specification, the span or the zone cannot be.
            MarketDataNotPermitted: the account lacks the subscription.
            RequestRejected: IB's history begins after the span, or IB refused.
            FixRequest: IB refused for another reason.
            RetryLater: an answer did not come; nothing is returned.
        """
        as_tables = check_form(to)
        specs = bar_specs(bar_specifications)
        span = self._span(start_date_time, end_date_time, duration, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        skips, tracker = Skips(), self._tracker("bars", progress)
        streams = self._bar_streams(subjects, specs, span, skips)
        counts = await all_or_nothing(
            self._source.request_count(stream, *span, use_rth, timeout) for stream in streams
        )
        tracker.expect(sum(counts))
        found = await collect(
            self._source,
            streams,
            Wanted(*span, use_rth, timeout, as_tables, check_gaps, tracker.answered),
        )
        bars = found.records
        if len(streams) > 1:  # each is in order
            bars = sorted(bars, key=attrgetter("ts_init"))
        return HistoryResult(
            found.tables if as_tables else bars, skips.skipped, found.gaps, found.unchecked
        )

    async def iter_bars(
        self,
        bar_specifications: Sequence[str] | str,
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = TIMEOUT_S,
    ) -> AsyncGenerator[HistoryTable, None]:
        """Fetch bars piece by piece: stream after stream, ascending, with bounded memory.

        Each piece is everything there is in its span. A few requests are made ahead.

        Args:
            bar_specifications: As in `request_bars`, like all others.
            end_date_time: End, not included.
            start_date_time: First moment.
            duration: Instead of a start.
            tz_name: The zone of times without one.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.

        Raises:
            As :meth:`request_bars`, while iterating; what was yielded before is whole.
        """
        specs = bar_specs(bar_specifications)
        span = self._span(start_date_time, end_date_time, duration, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        for stream in self._bar_streams(subjects, specs, span, Skips()):
            pieces = self._source.tables(stream, *span, use_rth=use_rth, timeout=timeout)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece

    def _bar_streams(
        self,
        subjects: Sequence[Traded],
        specs: Sequence[BarSpecification],
        span: tuple[int, int],
        skips: Skips,
        *,
        must: bool = True,
    ) -> list[HistoryStream]:
        streams: list[HistoryStream] = []
        for traded in subjects:
            for spec in specs:
                bar_type = BarType(traded.instrument.id, spec)
                try:
                    self._source.downloads.plan(traded, bar_type, *span)
                except Unsupported as error:
                    skips.add(traded.instrument.id, str(spec), error)
                    continue
                streams.append(HistoryStream(traded, bar_type))
        if must:
            skips.check(has_work=bool(streams))
        return streams
