"""The data engine: from what clients deliver to who asked for it.

The way of a tick is one dictionary look-up and plain calls, on the thread and in the turn of the
event loop in which the client delivered it. Nothing is queued here, so nothing can pile up: a slow
strategy slows the client down, and the client's socket slows the venue down.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.config import LiveDataEngineConfig
from posei_trader.engine.aggregation import TimeBarAggregator
from posei_trader.engine.counters import Counters
from posei_trader.engine.internal_bars import InternalBars
from posei_trader.engine.messages import ConnectionChange, DataGap, SubscriptionFailure
from posei_trader.engine.routing import Router
from posei_trader.engine.streams import Streams
from posei_trader.engine.tick_flow import Route, TickFlow
from posei_trader.errors import Unsupported
from posei_trader.model.requests import DataKind, Subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.config import RoutingConfig
    from posei_trader.engine.bus import ErrorHandler, Handler, MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.streams import StreamOwner
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.book import OrderBookDeltas
    from posei_trader.model.identifiers import ClientId, InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.requests import HistoryRequest
    from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus, QuoteTick, TradeTick
    from posei_trader.protocols import Clock, DataClient

__all__ = ["DataEngine", "topic_of"]

_log: Final = logging.getLogger("posei.DataEngine")

_PREFIXES: Final = {
    DataKind.QUOTE_TICKS: "data.quotes",
    DataKind.TRADE_TICKS: "data.trades",
    DataKind.BARS: "data.bars",
    DataKind.ORDER_BOOK_DELTAS: "data.book",
    DataKind.INSTRUMENT_STATUS: "data.status",
    DataKind.INDEX_PRICES: "data.index",
}


def topic_of(subscription: Subscription) -> str:
    """Return the bus topic on which a stream is published, ``data.quotes.AAPL.XNAS`` for example.

    Raises:
        Unsupported: no engine delivers streams of this kind.
    """
    prefix = _PREFIXES.get(subscription.kind)
    if prefix is None:
        raise Unsupported(
            f"streams of {subscription.kind} are not delivered",
            field="kind",
            value=str(subscription.kind),
            remedy=f"subscribe to one of {', '.join(_PREFIXES)}",
        )
    return f"{prefix}.{subscription.bar_type or subscription.instrument_id}"


@final
class DataEngine:
    """Deliver data, share streams, make bars. Satisfies :class:`posei_trader.protocols.DataSink`.

    Args:
        bus: Where data is published.
        cache: Where data is kept.
        clock: Time.
        config: Settings.
    """

    quote_tick: Callable[[QuoteTick], None]
    """Deliver a quote."""
    trade_tick: Callable[[TradeTick], None]
    """Deliver a trade."""

    def __init__(
        self,
        bus: MessageBus,
        cache: Cache,
        clock: Clock,
        config: LiveDataEngineConfig | None = None,
    ) -> None:
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._config = config or LiveDataEngineConfig()
        self._validate = self._config.validate_data_sequence
        self._router: Router[DataClient] = Router("data")
        self._streams = Streams()
        self._bars: dict[BarType, Route[Bar]] = {}
        self._aggregations: dict[BarType, InternalBars] = {}
        self._is_stopping = False
        self._lost: dict[ClientId, ConnectionChange] = {}
        self.counters = Counters("DataEngine")
        self.quote_tick = TickFlow(
            "quotes", bus, cache.quote_ring, self.counters, validates=self._validate
        ).deliver
        self.trade_tick = TickFlow(
            "trades", bus, cache.trade_ring, self.counters, validates=self._validate
        ).deliver

    # -- clients --------------------------------------------------------------------------------

    def add_client(self, client: DataClient, routing: RoutingConfig) -> None:
        """Add a client.

        Raises:
            ConfigError: another one has the same id, venue, or is the default already.
        """
        self._router.add(client, routing)

    @property
    def clients(self) -> list[DataClient]:
        """Return every client."""
        return self._router.clients

    def client_for(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> DataClient:
        """Return the client that serves an instrument.

        Raises:
            InvalidRequest: nobody serves it, or there is no client of that name.
        """
        return self._router.route(instrument_id, client_id)

    def is_connected(self) -> bool:
        """Return whether there are clients and every one is connected."""
        return self._router.all_connected()

    # -- streams --------------------------------------------------------------------------------

    def subscribe(
        self,
        subscription: Subscription,
        handler: Handler,
        owner: StreamOwner,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """Listen to a stream; opens it for the first listener. Idempotent for one owner.

        Args:
            subscription: What to stream.
            handler: What is called with each item.
            owner: Who is told when the stream fails or is interrupted.
            on_error: What is told that the handler raised.

        Raises:
            InvalidRequest: no client serves the instrument.
            Unsupported: streams of this kind are not delivered, or bars of this kind not made.
        """
        topic = topic_of(subscription)
        bar_type = subscription.bar_type
        if bar_type is not None and bar_type.is_internal:
            self._aggregate(subscription, bar_type, owner)
        else:
            routed, client = self._routed(subscription)
            self._streams.acquire(routed, client, owner)
        self._bus.subscribe(topic, handler, on_error)

    def unsubscribe(self, subscription: Subscription, handler: Handler, owner: StreamOwner) -> None:
        """Listen no longer; closes the stream after its last listener. Idempotent.

        Raises:
            InvalidRequest: no client serves the instrument.
            Unsupported: streams of this kind are not delivered.
        """
        topic = topic_of(subscription)
        bar_type = subscription.bar_type
        if bar_type is not None and bar_type.is_internal:
            self._stop_aggregating(bar_type, owner)
        else:
            routed, _ = self._routed(subscription)
            self._streams.release(routed, owner)
        if not any(topic_of(other) == topic for other in self._streams.of_owner(owner)):
            self._bus.unsubscribe(topic, handler)

    def subscriptions(self) -> list[Subscription]:
        """Return the streams that somebody wants, each with the client that serves it."""
        return [stream.subscription for stream in self._streams.active()]

    async def settle(self) -> None:
        """Wait until every stream that was asked for is open, closed or failed."""
        await self._streams.settle()

    async def stop(self) -> None:
        """Stop making bars and abandon what is being opened. Idempotent."""
        self._is_stopping = True
        for aggregation in self._aggregations.values():
            aggregation.bars.stop()
        self._aggregations.clear()
        await self._streams.close()

    def _routed(self, subscription: Subscription) -> tuple[Subscription, DataClient]:
        client = self.client_for(subscription.instrument_id, subscription.client_id)
        if subscription.client_id is None:
            subscription = msgspec.structs.replace(subscription, client_id=client.client_id)
        return subscription, client

    def _aggregate(self, subscription: Subscription, bar_type: BarType, owner: StreamOwner) -> None:
        aggregation = self._aggregations.get(bar_type)
        if aggregation is None:
            bars = TimeBarAggregator(
                bar_type,
                self._clock,
                self.bar,
                self.counters,
                timestamp_on_close=self._config.time_bars_timestamp_on_close,
                build_with_no_updates=self._config.time_bars_build_with_no_updates,
            )
            aggregation = InternalBars(self, subscription, bars)
            try:
                self.subscribe(aggregation.ticks, aggregation.handler, aggregation)
            except BaseException:
                bars.stop()
                raise
            self._aggregations[bar_type] = aggregation
        aggregation.owners[owner] = None

    def _stop_aggregating(self, bar_type: BarType, owner: StreamOwner) -> None:
        aggregation = self._aggregations.get(bar_type)
        if aggregation is None:
            return
        aggregation.owners.pop(owner, None)
        if not aggregation.owners:
            self.end_aggregation(aggregation)

    def end_aggregation(self, aggregation: InternalBars) -> None:
        """Make bars no longer, and give up the ticks they are made of; for themselves."""
        aggregation.bars.stop()
        self._aggregations.pop(aggregation.bars.bar_type, None)
        self.unsubscribe(aggregation.ticks, aggregation.handler, aggregation)

    # -- history --------------------------------------------------------------------------------

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        """Fetch bars, ascending, each once. Raises as the client's `request_bars`."""
        if bar_type.is_internal:
            raise Unsupported(
                "there is no history of bars that are made here",
                field="bar_type",
                value=str(bar_type),
                remedy="request the venue's own bars: an EXTERNAL bar type",
            )
        client = self.client_for(request.instrument_id, request.client_id)
        return await client.request_bars(bar_type, request)

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        """Fetch quotes, ascending, each once. Raises as the client's `request_quote_ticks`."""
        client = self.client_for(request.instrument_id, request.client_id)
        return await client.request_quote_ticks(request)

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        """Fetch trades, ascending, each once. Raises as the client's `request_trade_ticks`."""
        client = self.client_for(request.instrument_id, request.client_id)
        return await client.request_trade_ticks(request)

    async def request_instrument(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> Instrument:
        """Load an instrument into the cache. Raises as the provider's `load`."""
        client = self.client_for(instrument_id, client_id)
        instrument = await client.instrument_provider.load(instrument_id)
        self._cache.add_instrument(instrument)
        return instrument

    # -- what clients deliver -------------------------------------------------------------------

    def bar(self, bar: Bar) -> None:
        """Deliver a complete bar, or a revision of one that is marked so."""
        route = self._bars.get(bar.bar_type)
        if route is None:
            topic = self._bus.topic(f"data.bars.{bar.bar_type}")
            route = self._bars[bar.bar_type] = Route(self._cache.bar_ring(bar.bar_type), topic)
        if self._validate:
            is_repeated = bar.ts_event == route.ts_last and not bar.is_revision
            if bar.ts_event < route.ts_last or is_repeated:
                self.counters.add("bars_out_of_sequence_dropped", bar)
                return
        route.ts_last = bar.ts_event
        route.keep(bar)
        route.topic.publish(bar)

    def order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        """Deliver the changes of one event; the cache's book is up to date when listeners run."""
        try:
            self._cache.open_book(deltas.instrument_id).apply_all(deltas)
        except Exception as error:  # noqa: BLE001  a sink never raises; the book says what it saw
            self.counters.add("book_deltas_that_do_not_apply", error)
            return
        self._bus.publish(f"data.book.{deltas.instrument_id}", deltas)

    def instrument(self, instrument: Instrument) -> None:
        """Deliver a new or changed definition."""
        self._cache.add_instrument(instrument)
        self._bus.publish(f"data.instrument.{instrument.id}", instrument)

    def instrument_status(self, status: InstrumentStatus) -> None:
        """Deliver a change of market state."""
        self._cache.set_instrument_status(status)
        self._bus.publish(f"data.status.{status.instrument_id}", status)

    def index_price(self, update: IndexPriceUpdate) -> None:
        """Deliver an index value."""
        self._cache.set_index_price(update)
        self._bus.publish(f"data.index.{update.instrument_id}", update)

    def subscription_failed(self, subscription: Subscription, error: Exception) -> None:
        """Take note that a stream has ended or cannot be opened; its owners are told."""
        _log.error("%s failed: %s", subscription, error)
        if not self._streams.fail(subscription, error):
            self.counters.add("failures_of_unknown_streams", subscription)
        failure = SubscriptionFailure(subscription, error, self._clock.timestamp_ns())
        self._bus.publish("data.failures", failure)

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Take note that a client lost or regained the venue; owners of its streams are told."""
        change = ConnectionChange(client_id, connected, reason, self._clock.timestamp_ns())
        if not connected:
            level = logging.INFO if self._is_stopping else logging.WARNING
            _log.log(level, "data client %s lost its connection: %s", client_id, reason)
            self._lost.setdefault(client_id, change)
        else:
            _log.info("data client %s is connected: %s", client_id, reason)
            lost = self._lost.pop(client_id, None)
            if lost is not None:
                self._announce_gaps(lost, change)
            self._streams.retry(client_id)
        self._bus.publish("data.connection", change)

    def _announce_gaps(self, lost: ConnectionChange, regained: ConnectionChange) -> None:
        for stream in self._streams.of_client(lost.client_id):
            if stream.is_open:
                gap = DataGap(stream.subscription, lost.ts_event, regained.ts_event, lost.reason)
                for owner in list(stream.owners):
                    owner.stream_interrupted(gap)
