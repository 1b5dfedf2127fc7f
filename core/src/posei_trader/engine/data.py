"""The data engine: from what clients deliver to who asked for it.

The way of a tick is one dictionary look-up and plain calls, on the thread and in the turn of the
event loop in which the client delivered it. When listeners take longer than their share of a turn,
what is left waits in the :mod:`.intake`, so that they neither keep sockets from being read nor make
anything pile up without bound.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.config import LiveDataEngineConfig
from posei_trader.engine.aggregation import TimeBarAggregator
from posei_trader.engine.conditions import Conditions
from posei_trader.engine.counters import Counters
from posei_trader.engine.intake import Intake
from posei_trader.engine.internal_bars import InternalBars
from posei_trader.engine.messages import (
    ConnectionChange,
    DataGap,
    DataSilence,
    SubscriptionFailure,
)
from posei_trader.engine.routing import Router
from posei_trader.engine.streams import Streams, check_terms
from posei_trader.engine.tick_flow import Route, TickFlow
from posei_trader.errors import Unsupported
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.protocols import HealsGaps

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from posei_trader.config import RoutingConfig
    from posei_trader.engine.bus import ErrorHandler, Handler, MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.intake import IntakeStatus
    from posei_trader.engine.streams import Stream, StreamOwner
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.book import OrderBookDeltas
    from posei_trader.model.derivatives import OpenInterest, OptionGreeks
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
    DataKind.OPTION_GREEKS: "data.greeks",
    DataKind.OPEN_INTEREST: "data.open_interest",
}


def topic_of(subscription: Subscription) -> str:
    """Return the bus topic of a stream: ``data.quotes.AAPL.XNAS``."""
    return f"{_PREFIXES[subscription.kind]}.{subscription.bar_type or subscription.instrument_id}"


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
    quote_ticks: Callable[[Sequence[QuoteTick]], None]
    """Deliver quotes of one instrument that came together."""
    trade_ticks: Callable[[Sequence[TradeTick]], None]
    """Deliver trades of one instrument that came together."""
    instrument_status: Callable[[InstrumentStatus], None]
    """Deliver a change of market state."""
    index_price: Callable[[IndexPriceUpdate], None]
    """Deliver an index value."""
    option_greeks: Callable[[OptionGreeks], None]
    """Deliver an option's greeks of one basis."""
    open_interest: Callable[[OpenInterest], None]
    """Deliver a derivative's open interest."""

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
        self.counters = counters = Counters("DataEngine")
        self._intake = intake = Intake(clock, self._config, counters, self._announce_dropped)
        quotes = TickFlow(
            DataKind.QUOTE_TICKS,
            "quotes",
            bus,
            cache.quote_ring,
            intake,
            counters,
            validates=self._validate,
        )
        self.quote_tick, self.quote_ticks = quotes.deliver, quotes.deliver_all
        trades = TickFlow(
            DataKind.TRADE_TICKS,
            "trades",
            bus,
            cache.trade_ring,
            intake,
            counters,
            validates=self._validate,
        )
        self.trade_tick, self.trade_ticks = trades.deliver, trades.deliver_all

        conditions = Conditions(bus, cache, intake)
        self.instrument_status = conditions.instrument_status
        self.index_price = conditions.index_price
        self.option_greeks = conditions.option_greeks
        self.open_interest = conditions.open_interest

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

    @property
    def intake(self) -> IntakeStatus:
        """Return how listeners keep up: what waits, what was conflated and what was dropped."""
        return self._intake.status

    # -- streams --------------------------------------------------------------------------------

    def subscribe(
        self,
        subscription: Subscription,
        handler: Handler,
        owner: StreamOwner,
        on_error: ErrorHandler | None = None,
    ) -> None:
        """Listen to a stream; opens it for the first listener. Idempotent for one owner.

        A client streams a thing once, on the terms of who asked first; who names none shares it.

        Args:
            subscription: What to stream.
            handler: What is called with each item.
            owner: Who is told when the stream fails or is interrupted.
            on_error: What is told that the handler raised.

        Raises:
            InvalidRequest: no client serves the instrument, or it is streamed on other terms.
            Unsupported: bars of this kind are not made here.
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

        It ends what was asked for with the same terms.

        Raises:
            InvalidRequest: no client serves the instrument.
        """
        topic = topic_of(subscription)
        bar_type = subscription.bar_type
        if bar_type is not None and bar_type.is_internal:
            self._stop_aggregating(subscription, bar_type, owner)
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
        self._intake.clear()
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
                self._bar,
                self.counters,
                timestamp_on_close=self._config.time_bars_timestamp_on_close,
                build_with_no_updates=self._config.time_bars_build_with_no_updates,
                in_turn=self._in_turn,
            )
            aggregation = InternalBars(self, subscription, bars)
            try:
                self.subscribe(aggregation.ticks, aggregation.handler, aggregation)
            except BaseException:
                bars.stop()
                raise
            self._aggregations[bar_type] = aggregation
        else:
            check_terms(subscription, aggregation.subscription)
        aggregation.owners.add(owner, subscription.params)

    def _stop_aggregating(
        self, subscription: Subscription, bar_type: BarType, owner: StreamOwner
    ) -> None:
        aggregation = self._aggregations.get(bar_type)
        if aggregation is None:
            return
        aggregation.owners.remove(owner, subscription.params)
        if not aggregation.owners:
            self.end_aggregation(aggregation)

    def end_aggregation(self, aggregation: InternalBars) -> None:
        """Make bars no longer, and give up the ticks they are made of; for themselves."""
        aggregation.bars.stop()
        self._aggregations.pop(aggregation.bars.bar_type, None)
        self.unsubscribe(aggregation.ticks, aggregation.handler, aggregation)

    def _in_turn(self, close: Callable[[int], None], moment: int) -> None:
        """Let the clock close a bar after the ticks that were there before."""
        self._intake.take(close, moment, state=close)

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
        self._intake.take(self._bar, bar, stream=(DataKind.BARS, bar.bar_type))

    def _bar(self, bar: Bar) -> None:
        route = self._bars.get(bar.bar_type)
        if route is None:
            topic = self._bus.topic(f"data.bars.{bar.bar_type}")
            route = self._bars[bar.bar_type] = Route(
                self._cache.bar_ring(bar.bar_type), topic, (DataKind.BARS, bar.bar_type)
            )
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
        self._intake.take(self._deltas, deltas, state=("book", deltas.instrument_id))

    def _deltas(self, deltas: OrderBookDeltas) -> None:
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

    def subscription_failed(self, subscription: Subscription, error: Exception) -> None:
        """Take note that a stream has ended or cannot be opened; its owners are told."""
        _log.error("%s failed: %s", subscription, error)
        if not self._streams.fail(subscription, error):
            self.counters.add("failures_of_unknown_streams", subscription)
        failure = SubscriptionFailure(subscription, error, self._clock.timestamp_ns())
        self._bus.publish("data.failures", failure)

    def data_gap(self, subscription: Subscription, start_ns: int, end_ns: int, reason: str) -> None:
        """Take note that a part of a stream is missing; its owners are told."""
        _log.warning("%s has a gap: %s", subscription, reason)
        gap = DataGap(subscription, start_ns, end_ns, reason)
        stream = self._streams.find(subscription)
        if stream is not None:
            self._announce_gap(stream, gap)
        self._bus.publish("data.gaps", gap)

    def stream_silent(self, subscription: Subscription, since_ns: int, reason: str) -> None:
        """Take note that a stream says nothing though it should; its owners are told."""
        _log.error("%s is silent: %s", subscription, reason)
        silence = DataSilence(subscription, since_ns, self._clock.timestamp_ns(), reason)
        stream = self._streams.find(subscription)
        for owner in list(stream.owners) if stream is not None else []:
            owner.stream_silent(silence)
        self._bus.publish("data.silences", silence)

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
            if isinstance(stream.client, HealsGaps) and stream.client.heals_gaps:
                continue
            if stream.is_open:
                gap = DataGap(stream.subscription, lost.ts_event, regained.ts_event, lost.reason)
                self._announce_gap(stream, gap)
                self._bus.publish("data.gaps", gap)

    def _announce_dropped(self, stream: Hashable, start_ns: int, end_ns: int, count: int) -> None:
        for known in self._streams.active():
            subscription = known.subscription
            if stream == (subscription.kind, subscription.bar_type or subscription.instrument_id):
                reason = f"listeners are too slow: {count} items were dropped"
                self.data_gap(subscription, start_ns, end_ns, reason)

    def _announce_gap(self, stream: Stream, gap: DataGap) -> None:
        for owner in list(stream.owners):
            owner.stream_interrupted(gap)
