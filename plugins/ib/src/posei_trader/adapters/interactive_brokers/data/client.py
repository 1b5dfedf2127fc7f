"""The data client of a node: streams and history of IB over one connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.freshness import Freshness
from posei_trader.adapters.interactive_brokers.data.live import LiveStreams
from posei_trader.adapters.interactive_brokers.data.params import truth_of
from posei_trader.adapters.interactive_brokers.historical.downloads import HistoryDownloads
from posei_trader.adapters.interactive_brokers.historical.recent import recent_bars
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.errors import InvalidRequest, NotConnected, PoseiError
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.providers import (
        InteractiveBrokersInstrumentProvider,
    )
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.health import ConnectionHealth
    from posei_trader.model.identifiers import ClientId, InstrumentId
    from posei_trader.model.requests import HistoryRequest, Subscription
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import DataClientContext

_log = get_logger("InteractiveBrokersDataClient")

_LIVE: Final = 1


@final
class InteractiveBrokersDataClient:
    """Stream and fetch IB's market data. Satisfies :class:`posei_trader.protocols.DataClient`.

    Args:
        client: The connection; may be shared with an execution client.
        provider: Where instruments come from.
        config: Settings.
        context: The node's clock, cache and sink.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        provider: InteractiveBrokersInstrumentProvider,
        config: InteractiveBrokersDataClientConfig,
        context: DataClientContext,
    ) -> None:
        self._client = client
        self._provider = provider
        self._config = config
        self._context = context
        self._history = HistoryDownloads(client, context.clock)
        self._streams = LiveStreams(client, self._history, config, context)
        self._freshness = Freshness(client, self._streams, config, context)
        self._stop_following: Callable[[], None] | None = None
        self._is_running = False
        self._is_announced = False
        self._lock = asyncio.Lock()

    # -- what it is -----------------------------------------------------------------------------

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""
        return self._context.client_id

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""
        return self._is_running and self._client.is_connected

    @property
    def heals_gaps(self) -> bool:
        """Every interruption is seen to here: fetched and delivered, or announced."""
        return True

    @property
    def last_failure(self) -> PoseiError | None:
        """Why the last attempt to connect failed, None when none has."""
        return self._client.last_failure

    @property
    def instrument_provider(self) -> InteractiveBrokersInstrumentProvider:
        """Where its instruments come from."""
        return self._provider

    def connection_health(self) -> ConnectionHealth:
        """How the connection is, which other clients may share."""
        return self._client.connection_health()

    def health_counters(self) -> dict[str, int]:
        """What was left out of the streams that are open, by reason."""
        counts: Counter[str] = Counter()
        for context in self._streams.contexts().values():
            for what, count in context.counters.items():
                counts[what.replace(" ", "_")] += count
        return dict(counts)

    def doubts(self) -> tuple[str, ...]:
        """Nothing: data clients have no orders."""
        return ()

    # -- life -----------------------------------------------------------------------------------

    async def start_gateway(self) -> None:
        """Start the gateway that was configured, if one was. Idempotent.

        Raises:
            PoseiError: what the gateway raised.
        """
        await self._client.start_gateway()

    async def connect(self) -> None:
        """Connect, choose the kind of market data, load the configured instruments. Idempotent.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            CallHuman: the venue refuses us.
        """
        async with self._lock:
            if self._is_running:
                return
            await self._client.connect()
            try:
                kind = int(self._config.market_data_type)
                if kind != _LIVE:
                    self._client.set_market_data_type(kind)
                await self._provider.initialize()
                self._publish_instruments()
            except BaseException:
                await self._client.disconnect()
                raise
            self._is_running = True
            self._freshness.start()
            self._stop_following = self._client.add_connection_handler(self._connection_changed)
            _log.info("connected", market_data_type=self._config.market_data_type.name)
            self._announce(connected=True, reason="connected")

    def _publish_instruments(self) -> None:
        for instrument in self._provider.list_all():
            self._context.sink.instrument(instrument)

    async def disconnect(self) -> None:
        """Disconnect and end every stream. Idempotent; never raises."""
        if not self._is_running:
            return
        self._is_running = False
        if self._stop_following is not None:
            self._stop_following()
            self._stop_following = None
        self._freshness.stop()
        await self._streams.close_all()
        await self._client.disconnect()
        self._announce(connected=False, reason="disconnected on request")

    def _connection_changed(self, change: ConnectionChange) -> None:
        self._streams.connection_changed(change)
        self._announce(connected=change.ready, reason=change.reason)

    def _announce(self, *, connected: bool, reason: str) -> None:
        if connected != self._is_announced:
            self._is_announced = connected
            self._context.sink.connection_changed(
                self.client_id, connected=connected, reason=reason
            )

    # -- streams --------------------------------------------------------------------------------

    async def subscribe(self, subscription: Subscription) -> None:
        """Open a stream. See :meth:`posei_trader.protocols.DataClient.subscribe`.

        Parameters: quotes ``batch_quotes`` (false for tick by tick); bars ``use_rth``; books
        ``depth`` and ``is_smart_depth``; all ``stale_after`` (seconds, 0 for never).

        Raises:
            Unsupported: IB has no such stream.
            InstrumentNotFound: the instrument does not exist.
            ResourceExhausted: no market data line is left.
            NotConnected: there is no connection.
        """
        self._need_connection()
        if subscription in self._streams:
            return
        traded = await self._traded(subscription.instrument_id)
        self._need_connection()
        if subscription not in self._streams:
            self._streams.open(subscription, traded)

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream: nothing of it is delivered after this returns. Idempotent."""
        self._streams.close(subscription)

    # -- history --------------------------------------------------------------------------------

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        """Fetch complete bars, ascending, each once; the unfinished last one is left out.

        Without a start, the newest `limit` bars. Parameter ``use_rth`` overrides the setting.

        Raises:
            Unsupported: IB has no such bars.
            InvalidRequest: neither a start nor a limit was given, or the span is empty.
            MarketDataNotPermitted: the account lacks the subscription.
            RetryLater: the answer did not come; nothing is known.
        """
        traded = await self._asked(request)
        now = self._context.clock.timestamp_ns()
        end = request.end_ns or now
        use_rth = self._use_rth(request)
        timeout = self._config.request_timeout
        if request.start_ns:
            bars = await self._history.bars(
                traded, bar_type, request.start_ns, end, use_rth=use_rth, timeout=timeout
            )
        else:
            _need_limit(request)
            bars = await recent_bars(
                self._history,
                traded,
                bar_type,
                end,
                request.limit,
                use_rth=use_rth,
                timeout=timeout,
            )
        complete = [bar for bar in bars if request.start_ns <= bar.ts_event and bar.ts_init <= now]
        return complete[-request.limit :] if request.limit else complete

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        """Fetch quotes, ascending, each once. Raises as :meth:`request_bars`."""
        traded = await self._asked(request)
        _need_start(request)
        ticks = await self._history.quotes(
            traded,
            request.start_ns,
            request.end_ns or self._context.clock.timestamp_ns(),
            use_rth=self._use_rth(request, default=False),
            timeout=self._config.request_timeout,
        )
        return ticks[-request.limit :] if request.limit else ticks

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        """Fetch trades, ascending, each once. Raises as :meth:`request_bars`."""
        traded = await self._asked(request)
        _need_start(request)
        ticks = await self._history.trades(
            traded,
            request.start_ns,
            request.end_ns or self._context.clock.timestamp_ns(),
            use_rth=self._use_rth(request, default=False),
            timeout=self._config.request_timeout,
        )
        return ticks[-request.limit :] if request.limit else ticks

    async def _asked(self, request: HistoryRequest) -> Traded:
        self._need_connection()
        unknown = sorted(set(request.params) - {"use_rth"})
        if unknown:
            raise InvalidRequest(
                "a request for history has no such parameter",
                field="params",
                value=unknown[0],
                remedy="give use_rth, or none",
            )
        return await self._traded(request.instrument_id)

    def _use_rth(self, request: HistoryRequest, *, default: bool | None = None) -> bool:
        configured = self._config.use_regular_trading_hours if default is None else default
        return truth_of("use_rth", request.params.get("use_rth"), default=configured)

    # -- inside ---------------------------------------------------------------------------------

    async def _traded(self, instrument_id: InstrumentId) -> Traded:
        instrument = self._context.cache.instrument(instrument_id)
        if instrument is None or not instrument.info:
            instrument = await self._provider.load(instrument_id)
            self._context.sink.instrument(instrument)
        return Traded.of(instrument)

    def _need_connection(self) -> None:
        if not self.is_connected:
            raise NotConnected(
                "there is no connection to TWS or IB Gateway",
                field="client_id",
                value=self.client_id,
                remedy="wait until the client is connected",
            )


def _need_limit(request: HistoryRequest) -> None:
    if not request.limit:
        raise InvalidRequest(
            "a request for history needs a start or a limit",
            field="start_ns, limit",
            value=(request.start_ns, request.limit),
            remedy="say from when on, or how many",
        )


def _need_start(request: HistoryRequest) -> None:
    if not request.start_ns:
        raise InvalidRequest(
            "a request for ticks needs a start",
            field="start_ns",
            value=request.start_ns,
            remedy="say from when on",
        )
