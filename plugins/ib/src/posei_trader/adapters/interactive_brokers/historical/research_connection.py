"""What every request of the research client needs: the connection, the instruments, the span."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.historical.asking import need_something, set_level
from posei_trader.adapters.interactive_brokers.historical.freed_memory import keep_freed_memory
from posei_trader.adapters.interactive_brokers.historical.progress import ProgressTracker
from posei_trader.adapters.interactive_brokers.historical.side_by_side import all_or_nothing
from posei_trader.adapters.interactive_brokers.historical.spans import span_of
from posei_trader.adapters.interactive_brokers.historical.streams import HistorySource
from posei_trader.adapters.interactive_brokers.maintenance import NORTH_AMERICA
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.errors import NotConnected
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.download_progress import (
        DownloadTracker,
    )
    from posei_trader.adapters.interactive_brokers.historical.results import HistoryProgress
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import (
        TableDownloads,
    )
    from posei_trader.adapters.interactive_brokers.maintenance import IBMaintenanceWindow
    from posei_trader.model.instruments import Instrument

__all__ = ["TIMEOUT_S", "ResearchConnection"]

_REALTIME: Final = 1
TIMEOUT_S: Final = 120.0
"""Seconds that an answer to a request for history may take."""


class ResearchConnection:
    """A connection for research, and the instruments that it was asked for.

    Args:
        host: Where TWS or IB Gateway runs.
        port: Its API port: TWS 7497 (paper) or 7496 (live), Gateway 4002 (paper) or 4001 (live).
        client_id: Tells this connection from others to the same gateway.
        market_data_type: One of `ibapi.common.MarketDataTypeEnum` or `IBMarketDataTypeEnum`.
        log_level: What is logged: DEBUG, INFO, WARNING, ERROR.
        connection_timeout: Seconds that `connect` may take.
        request_timeout: Seconds that an answer of IB may take.
        max_connection_attempts: Give up after so many failures in a row; 0 for never.
        max_reconnection_attempts: The same for a connection that was lost; None for
            `max_connection_attempts`.
        maintenance_windows: When IB is expected to be away: an attempt to come back that fails
            then does not count.
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
        max_reconnection_attempts: int | None = None,
        maintenance_windows: Sequence[IBMaintenanceWindow] = NORTH_AMERICA,
        instrument_provider: InteractiveBrokersInstrumentProviderConfig | None = None,
        limits: PacingLimits | None = None,
    ) -> None:
        set_level(log_level)
        keep_freed_memory()
        self._clock = LoopClock()
        self._client = InteractiveBrokersClient(
            host,
            port,
            client_id,
            clock=self._clock,
            request_timeout=request_timeout,
            options=ConnectionOptions(
                connection_timeout=connection_timeout,
                max_attempts=max_connection_attempts,
                max_reconnects=max_reconnection_attempts,
                maintenance=tuple(maintenance_windows),
            ),
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
        if self._client.clock_offset_ns is None:
            # "The last five days" are days of the venue's clock, also in the first request.
            await self._client.server_time()

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

    # -- for the requests ---------------------------------------------------------------------

    def _tracker(
        self,
        what: str,
        progress: Callable[[HistoryProgress], None] | None,
        covered: DownloadTracker | None = None,
    ) -> ProgressTracker:
        forecast = self._client.history_forecast_s
        return ProgressTracker(what, progress, forecast=forecast, covered=covered)

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
