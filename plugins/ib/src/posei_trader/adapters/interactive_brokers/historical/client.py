"""The research client: instruments, bars and ticks of the past, without a node."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Self, final

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.historical.downloads import (
    HistoryDownloads,
    all_or_nothing,
)
from posei_trader.adapters.interactive_brokers.historical.progress import ProgressTracker
from posei_trader.adapters.interactive_brokers.historical.results import HistoryResult, Skipped
from posei_trader.adapters.interactive_brokers.historical.spans import span_of
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.config import LoggingConfig
from posei_trader.errors import InvalidRequest, NotConnected, Unsupported
from posei_trader.logs import configure_logging, get_logger
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from types import TracebackType

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
    from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
    from posei_trader.model.bars import Bar
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.ticks import QuoteTick, TradeTick

_log = get_logger("HistoricInteractiveBrokersClient")

_TREE: Final = "posei"
_REALTIME: Final = 1
_TICK_TYPES: Final = ("TRADES", "BID_ASK")
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
        instrument_provider: InteractiveBrokersInstrumentProviderConfig | None = None,
        limits: PacingLimits | None = None,
    ) -> None:
        _set_level(log_level)
        self._clock = LoopClock()
        self._client = InteractiveBrokersClient(
            host,
            port,
            client_id,
            clock=self._clock,
            connection_timeout=connection_timeout,
            request_timeout=request_timeout,
            limits=limits,
        )
        self._provider = InteractiveBrokersInstrumentProvider(
            self._client,
            instrument_provider or InteractiveBrokersInstrumentProviderConfig(),
            gateway=f"{host}:{port}",
        )
        self._market_data_type = int(market_data_type)
        self._history = HistoryDownloads(self._client, self._clock)
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
    def downloads(self) -> HistoryDownloads:
        """What fetches single spans: for programs that store as they go."""
        return self._history

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
        _need_something(contracts, instrument_ids)
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
        _need_something(contracts, instrument_ids)
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
    ) -> HistoryResult[Bar]:
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

        Raises:
            Unsupported: IB has nothing of what was asked for.
            InvalidRequest: a specification, the span or the zone cannot be.
            MarketDataNotPermitted: the account lacks the subscription.
            FixRequest: IB refused.
            RetryLater: an answer did not come; nothing is returned.
        """
        specs = [BarSpecification.from_str(text) for text in bar_specifications]
        start, end = self._span(start_date_time, end_date_time, duration, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        tracker = ProgressTracker("bars", progress)
        work: list[Coroutine[object, object, list[Bar]]] = []
        skips = _Skips()
        for traded in subjects:
            for spec in specs:
                bar_type = BarType(traded.instrument.id, spec)
                try:
                    plan = self._history.plan(traded, bar_type, start, end)
                except Unsupported as error:
                    skips.add(traded.instrument.id, str(spec), error)
                    continue
                tracker.expect(len(plan))
                work.append(
                    self._history.bars(
                        traded,
                        bar_type,
                        start,
                        end,
                        use_rth=use_rth,
                        timeout=timeout,
                        on_segment=tracker.answered,
                    )
                )
        skips.check(has_work=bool(work))
        parts = await all_or_nothing(work)
        bars = sorted((bar for part in parts for bar in part), key=lambda bar: bar.ts_init)
        return HistoryResult(bars, skips.skipped)

    # -- ticks ----------------------------------------------------------------------------------

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
    ) -> HistoryResult[QuoteTick | TradeTick]:
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

        Raises:
            As :meth:`request_bars`.
        """
        kinds = _tick_kinds(tick_types, tick_type)
        start, end = self._span(start_date_time, end_date_time, None, tz_name)
        subjects = await self._traded(contracts, instrument_ids)
        tracker = ProgressTracker("ticks", progress)
        work: list[Coroutine[object, object, Sequence[QuoteTick | TradeTick]]] = []
        skips = _Skips()
        for traded in subjects:
            for kind in kinds:
                try:
                    self._history.check_ticks(traded, kind)
                except Unsupported as error:
                    skips.add(traded.instrument.id, f"{kind} ticks", error)
                    continue
                tracker.expect(1)
                fetch = self._history.trades if kind == "TRADES" else self._history.quotes
                work.append(
                    fetch(
                        traded,
                        start,
                        end,
                        use_rth=use_rth,
                        timeout=timeout,
                        on_page=tracker.answered,
                    )
                )
        skips.check(has_work=bool(work))
        parts = await all_or_nothing(work)
        ticks = sorted((tick for part in parts for tick in part), key=lambda tick: tick.ts_event)
        return HistoryResult(ticks, skips.skipped)

    # -- inside ---------------------------------------------------------------------------------

    def _span(
        self,
        start: dt.datetime | None,
        end: dt.datetime | None,
        duration: str | None,
        tz_name: str,
    ) -> tuple[int, int]:
        return span_of(start, end, duration, tz_name, self._clock.timestamp_ns())

    def _need_connection(self) -> None:
        if not self._client.is_connected:
            raise NotConnected(
                "there is no connection to TWS or IB Gateway",
                field="client",
                remedy="await client.connect() first",
            )


@final
class _Skips:
    """Collects what IB does not have, and raises when that is everything."""

    def __init__(self) -> None:
        self._found: list[Skipped] = []
        self._first: Unsupported | None = None

    def add(self, instrument_id: InstrumentId, what: str, error: Unsupported) -> None:
        self._first = self._first or error
        _log.warning(
            "skipped: IB does not have it",
            instrument=str(instrument_id),
            what=what,
            reason=error.message,
            remedy=error.remedy,
        )
        self._found.append(Skipped(str(instrument_id), what, error.message, error.remedy or ""))

    def check(self, *, has_work: bool) -> None:
        if not has_work and self._first is not None:
            raise self._first

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        return tuple(self._found)


def _tick_kinds(tick_types: Sequence[str] | str | None, tick_type: str | None) -> list[str]:
    wanted: Iterable[str] = [tick_types] if isinstance(tick_types, str) else tick_types or ()
    kinds = list(dict.fromkeys([*wanted, *([tick_type] if tick_type is not None else [])]))
    for kind in kinds or [""]:
        if kind not in _TICK_TYPES:
            raise InvalidRequest(
                "unknown kind of ticks" if kind else "no kind of ticks was given",
                field="tick_types",
                value=kind or None,
                remedy=f"give a list of {', '.join(_TICK_TYPES)}",
            )
    return kinds


def _need_something(
    contracts: Sequence[IBContract] | None, instrument_ids: Sequence[str] | None
) -> None:
    if not contracts and not instrument_ids:
        raise InvalidRequest(
            "nothing to ask about",
            field="contracts, instrument_ids",
            value=(contracts, instrument_ids),
            remedy="give contracts=[IBContract(...)], or instrument_ids=['AAPL.NASDAQ']",
        )


def _set_level(log_level: str) -> None:
    """Let through what is wanted; a program that set up no logging gets it on the console."""
    if log_level.upper() not in logging.getLevelNamesMapping():
        raise InvalidRequest(
            "unknown log level",
            field="log_level",
            value=log_level,
            remedy="give DEBUG, INFO, WARNING, ERROR or CRITICAL",
        )
    logger = logging.getLogger(_TREE)
    if logger.hasHandlers():
        logger.setLevel(log_level.upper())
    else:
        configure_logging(LoggingConfig.model_validate({"log_level": log_level}))
