"""The research client: instruments, bars and ticks of the past, without a node."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Literal, Self, final, overload

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.historical.asking import (
    Skips,
    check_form,
    need_something,
    set_level,
    tick_kinds,
)
from posei_trader.adapters.interactive_brokers.historical.catalog_download import CatalogDownload
from posei_trader.adapters.interactive_brokers.historical.collecting import Wanted, collect
from posei_trader.adapters.interactive_brokers.historical.progress import ProgressTracker
from posei_trader.adapters.interactive_brokers.historical.results import HistoryResult
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.adapters.interactive_brokers.historical.spans import span_of
from posei_trader.adapters.interactive_brokers.historical.streams import (
    HistorySource,
    HistoryStream,
)
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.adapters.interactive_brokers.venue_time import localized, to_nanos
from posei_trader.errors import NotConnected, Unsupported
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncGenerator, Callable, Sequence
    from types import TracebackType

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.asking import Form
    from posei_trader.adapters.interactive_brokers.historical.download_report import (
        DownloadProgress,
        DownloadReport,
    )
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import (
        HistoryTable,
        TableDownloads,
    )
    from posei_trader.model.bars import Bar
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.persistence.catalog import ParquetDataCatalog
    from posei_trader.persistence.schemas import CatalogTable

_REALTIME: Final = 1
_TIMEOUT_S: Final = 120.0


@final
class HistoricInteractiveBrokersClient:
    """Fetch instruments and history from TWS or IB Gateway, for research and for a catalog.

    A request is answered whole or raises. Requests are cut and paced by IB's rules. What IB is
    known not to have (trades of spot forex) is skipped with a warning, and listed in the result's
    `skipped`; a request of nothing else raises.

    Args:
        host: Where TWS or IB Gateway runs.
        port: Its API port: TWS 7497 (paper) or 7496 (live), Gateway 4002 (paper) or 4001 (live).
        client_id: Tells this connection from others to the same gateway.
        market_data_type: One of `ibapi.common.MarketDataTypeEnum` or `IBMarketDataTypeEnum`.
        log_level: What is logged: DEBUG, INFO, WARNING, ERROR.
        connection_timeout: Seconds that `connect` may take.
        request_timeout: Seconds that an answer of IB may take.
        max_connection_attempts: Give up after so many failures in a row; 0 for never.
        instrument_provider: How instruments are named and loaded.
        limits: IB's limits for this login; None for the published ones.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 7497,
        client_id: int = 1,
        market_data_type: int = _REALTIME,
        log_level: str = "INFO",
        *,
        connection_timeout: float = 300.0,
        request_timeout: float = 60.0,
        max_connection_attempts: int = 0,
        instrument_provider: InteractiveBrokersInstrumentProviderConfig | None = None,
        limits: PacingLimits | None = None,
    ) -> None:
        set_level(log_level)
        self._clock = LoopClock()
        self._client = InteractiveBrokersClient(
            host,
            port,
            client_id,
            clock=self._clock,
            connection_timeout=connection_timeout,
            request_timeout=request_timeout,
            max_connection_attempts=max_connection_attempts,
            # Nobody orders here: nothing is held back for orders.
            limits=limits or PacingLimits(order_reserve=0),
        )
        self._provider = InteractiveBrokersInstrumentProvider(
            self._client,
            instrument_provider or InteractiveBrokersInstrumentProviderConfig(),
            gateway=f"{host}:{port}",
        )
        self._market_data_type = int(market_data_type)
        self._source = HistorySource(self._client, self._clock)
        self._known: dict[IBContract, Instrument] = {}

    # -- life -----------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        """Whether requests can be made now."""
        return self._client.is_connected

    @property
    def instrument_provider(self) -> InteractiveBrokersInstrumentProvider:
        """Where the instruments come from."""
        return self._provider

    @property
    def downloads(self) -> TableDownloads:
        """What fetches single spans: for programs that store as they go."""
        return self._source.downloads

    async def connect(self) -> None:
        """Connect. Idempotent.

        Raises:
            RetryLater: TWS or IB Gateway did not answer in time.
            Unsupported: it is too old.
        """
        if self._market_data_type != _REALTIME:
            self._client.set_market_data_type(self._market_data_type)
        await self._client.connect()

    async def disconnect(self) -> None:
        """Disconnect; what is being fetched fails. Idempotent; never raises."""
        await self._client.disconnect()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Disconnect."""
        await self.disconnect()

    # -- instruments ----------------------------------------------------------------------------

    async def request_instruments(
        self,
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
    ) -> list[Instrument]:
        """Fetch instruments, with the chains that the contracts ask for.

        Args:
            contracts: IB's contracts.
            instrument_ids: Our names, for example ``"AAPL.NASDAQ"``.

        Raises:
            InstrumentNotFound: one does not exist; names candidates.
            InstrumentAmbiguous: too little is given.
            InvalidRequest: neither was given.
            RetryLater: the answer did not come.
        """
        self._need_connection()
        need_something(contracts, instrument_ids)
        found = await self._provider.load_ids(map(InstrumentId, instrument_ids or ()))
        for contract in contracts or ():
            loaded = await self._provider.load_contracts([contract])
            if len(loaded) == 1:
                self._known[contract.bare()] = loaded[0]
            found += loaded
        return list({instrument.id: instrument for instrument in found}.values())

    async def _traded(
        self, contracts: Sequence[IBContract] | None, instrument_ids: Sequence[str] | None
    ) -> list[Traded]:
        self._need_connection()
        need_something(contracts, instrument_ids)
        found = await self._provider.load_ids(map(InstrumentId, instrument_ids or ()))
        found += await all_or_nothing(self._loaded(contract) for contract in contracts or ())
        unique = {instrument.id: instrument for instrument in found}
        return [Traded.of(instrument) for instrument in unique.values()]

    async def _loaded(self, contract: IBContract) -> Instrument:
        bare = contract.bare()
        known = self._known.get(bare)
        if known is None:
            known = self._known[bare] = await self._provider.load_contract(bare)
        return known

    # -- bars -----------------------------------------------------------------------------------

    @overload
    async def request_bars(
        self,
        bar_specifications: Sequence[str],
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
        bar_specifications: Sequence[str],
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
        bar_specifications: Sequence[str],
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = _TIMEOUT_S,
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
        specs = [BarSpecification.from_str(text) for text in bar_specifications]
        span = self._span(start_date_time, end_date_time, duration, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        skips, tracker = Skips(), self._tracker("bars", progress)
        streams = self._bar_streams(subjects, specs, span, skips, tracker)
        found = await collect(
            self._source,
            streams,
            Wanted(*span, use_rth, timeout, as_tables, check_gaps, tracker.answered),
        )
        bars = sorted(found.records, key=lambda bar: bar.ts_init)
        return HistoryResult(
            found.tables if as_tables else bars, skips.skipped, found.gaps, found.unchecked
        )

    async def iter_bars(
        self,
        bar_specifications: Sequence[str],
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = _TIMEOUT_S,
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
        specs = [BarSpecification.from_str(text) for text in bar_specifications]
        span = self._span(start_date_time, end_date_time, duration, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        for stream in self._bar_streams(subjects, specs, span, Skips(), None):
            pieces = self._source.tables(stream, *span, use_rth=use_rth, timeout=timeout)
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    yield piece

    # -- ticks ----------------------------------------------------------------------------------

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
        timeout: float = _TIMEOUT_S,
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
        skips, tracker = Skips(), self._tracker("ticks", progress)
        streams = self._tick_streams(subjects, kinds, skips)
        tracker.expect(len(streams))
        found = await collect(
            self._source,
            streams,
            Wanted(*span, use_rth, timeout, as_tables, check_gaps, tracker.answered),
        )
        ticks = sorted(found.records, key=lambda tick: tick.ts_event)
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
        timeout: float = _TIMEOUT_S,
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

    # -- for a catalog --------------------------------------------------------------------------

    async def download(
        self,
        catalog: ParquetDataCatalog,
        *,
        bar_specifications: Sequence[str] = (),
        tick_types: Sequence[str] | str = (),
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = _TIMEOUT_S,
        progress: Callable[[DownloadProgress], None] | None = None,
    ) -> DownloadReport:
        """Bring what a catalog does not have yet of some bars and ticks, and note what it has.

        Each piece is on disk before the next is awaited for: after a kill, call it again. What is
        not complete yet (a bar of today) is left for the next time. The instruments and their
        trading hours are stored too.

        Args:
            catalog: Where to.
            bar_specifications: Which bars.
            tick_types: Which ticks, besides or instead.
            end_date_time: End, not included; None for now.
            start_date_time: First moment; None, without a `duration`, goes on where the catalog
                ends.
            duration: Instead of a start.
            tz_name: The zone of times without one.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.
            progress: Called after each piece.

        Returns:
            What was done, stream by stream. A stream that failed is there with its error; the
            others are unharmed.

        Raises:
            Unsupported: IB has nothing of what was asked for.
            InvalidRequest: a specification, the span or the zone cannot be.
            DataFileError: the catalog cannot be written.
            RetryLater: there is no connection.
        """
        specs = [BarSpecification.from_str(text) for text in bar_specifications]
        kinds = tick_kinds(tick_types, None) if tick_types or not specs else []
        now = await self._client.server_time(timeout=timeout)
        end_ns = now
        start_ns: int | None = None
        if start_date_time is not None or duration is not None:
            start_ns, end_ns = span_of(start_date_time, end_date_time, duration, tz_name, now)
        elif end_date_time is not None:
            end_ns = to_nanos(localized(end_date_time, tz_name))
        subjects = await self._traded(contracts, instrument_ids)
        skips = Skips()
        asked = (start_ns if start_ns is not None else end_ns - 1, end_ns)
        streams = [
            *self._bar_streams(subjects, specs, asked, skips, None, must=False),
            *self._tick_streams(subjects, kinds, skips, must=False),
        ]
        skips.check(has_work=bool(streams))
        download = CatalogDownload(
            self._client, self._source, catalog, use_rth=use_rth, timeout=timeout
        )
        catalog.write_data(traded.instrument for traded in subjects)
        return await download.run(
            streams, start_ns, min(end_ns, now), now, progress=progress, skipped=skips.skipped
        )

    # -- inside ---------------------------------------------------------------------------------

    def _bar_streams(
        self,
        subjects: Sequence[Traded],
        specs: Sequence[BarSpecification],
        span: tuple[int, int],
        skips: Skips,
        tracker: ProgressTracker | None,
        *,
        must: bool = True,
    ) -> list[HistoryStream]:
        streams: list[HistoryStream] = []
        for traded in subjects:
            for spec in specs:
                bar_type = BarType(traded.instrument.id, spec)
                try:
                    plan = self._source.downloads.plan(traded, bar_type, *span)
                except Unsupported as error:
                    skips.add(traded.instrument.id, str(spec), error)
                    continue
                if tracker is not None:
                    tracker.expect(len(plan))
                streams.append(HistoryStream(traded, bar_type))
        if must:
            skips.check(has_work=bool(streams))
        return streams

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

    def _tracker(
        self, what: str, progress: Callable[[HistoryProgress], None] | None
    ) -> ProgressTracker:
        return ProgressTracker(what, progress, forecast=self._client.history_forecast_s)

    def _span(
        self,
        start: dt.datetime | None,
        end: dt.datetime | None,
        duration: str | None,
        tz_name: str,
    ) -> tuple[int, int]:
        return span_of(start, end, duration, tz_name, self._source.downloads.now_ns())

    def _need_connection(self) -> None:
        if not self._client.is_connected:
            raise NotConnected(
                "there is no connection to TWS or IB Gateway",
                field="client",
                remedy="await client.connect() first",
            )
