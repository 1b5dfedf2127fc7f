"""Actors: user code that listens to data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.model.requests import DataKind, Subscription
from posei_trader.trading.config import ActorConfig
from posei_trader.trading.history import RequestsHistory
from posei_trader.trading.wiring import DataClientsView

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.engine.bus import Handler
    from posei_trader.engine.messages import ConnectionChange, DataGap, DataSilence
    from posei_trader.model.accounts import AccountPnl, AccountState
    from posei_trader.model.bars import Bar
    from posei_trader.model.book import OrderBookDeltas
    from posei_trader.model.derivatives import OpenInterest, OptionGreeks
    from posei_trader.model.identifiers import ClientId, InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus, QuoteTick, TradeTick

__all__ = ["Actor"]


class Actor(RequestsHistory):
    """Listen to data and act on it, without orders. Subclass it and override callbacks.

    Callbacks run on the event loop and must not block it. One that raises is logged with its
    traceback and stops this actor (or not: `on_error`), never the node.

    Args:
        config: Settings; subclass :class:`ActorConfig` for your own.
    """

    def __init__(self, config: ActorConfig | None = None) -> None:
        super().__init__(config or ActorConfig())
        self._streams: dict[Subscription, Handler] = {}

    @property
    def data_client(self) -> DataClientsView:
        """Return the data clients, with `is_connected`. Raises as :attr:`cache`."""
        return DataClientsView(self._wired("data_client").data)

    # -- callbacks ------------------------------------------------------------------------------

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Be given a quote that was subscribed."""

    def on_trade_tick(self, tick: TradeTick) -> None:
        """Be given a trade that was subscribed."""

    def on_bar(self, bar: Bar) -> None:
        """Be given a bar that was subscribed."""

    def on_order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        """Be given the changes of a book; `self.cache.order_book` shows it after them."""

    def on_instrument(self, instrument: Instrument) -> None:
        """Be given a new or changed definition that was subscribed."""

    def on_instrument_status(self, status: InstrumentStatus) -> None:
        """Be given a change of market state that was subscribed."""

    def on_index_price(self, update: IndexPriceUpdate) -> None:
        """Be given an index value that was subscribed."""

    def on_option_greeks(self, greeks: OptionGreeks) -> None:
        """Be given an option's greeks that were subscribed, one call for each basis."""

    def on_open_interest(self, update: OpenInterest) -> None:
        """Be given an open interest that was subscribed."""

    def on_account_state(self, state: AccountState) -> None:
        """Be given every new state of every account."""

    def on_account_pnl(self, pnl: AccountPnl) -> None:
        """Be given the profit of every account as its venue counts it, about once a second."""

    def on_data_gap(self, gap: DataGap) -> None:
        """Be told that a part of a stream is missing and will not come.

        What was missed and could be fetched is delivered instead, marked as back-filled.
        """

    def on_data_silence(self, silence: DataSilence) -> None:
        """Be told that a stream says nothing in its trading hours, though it was opened anew."""

    def on_subscription_failed(self, subscription: Subscription, error: Exception) -> None:
        """Be told that a stream has ended or cannot be opened; it is logged already."""

    def on_connection_changed(self, change: ConnectionChange) -> None:
        """Be told that a data or execution client lost or regained its venue."""

    # -- streams --------------------------------------------------------------------------------

    def subscribe_quote_ticks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream quotes to `on_quote_tick`. Idempotent.

        Args:
            instrument_id: Of which instrument.
            client_id: The client to use, None to route by venue.
            params: Terms for the venue's adapter; none to share a stream that is there, whatever
                its terms.

        Raises:
            InvalidRequest: no client serves the instrument, or somebody has this stream on other
                terms. What the venue refuses comes later, to `on_subscription_failed`.
        """
        stream = _stream(DataKind.QUOTE_TICKS, instrument_id, client_id, params)
        self._subscribe(stream, self.on_quote_tick)

    def unsubscribe_quote_ticks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_quote_ticks` began with the same arguments. Idempotent."""
        self._unsubscribe(_stream(DataKind.QUOTE_TICKS, instrument_id, client_id, params))

    def subscribe_trade_ticks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream trades to `on_trade_tick`. As `subscribe_quote_ticks`."""
        stream = _stream(DataKind.TRADE_TICKS, instrument_id, client_id, params)
        self._subscribe(stream, self.on_trade_tick)

    def unsubscribe_trade_ticks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_trade_ticks` began with the same arguments. Idempotent."""
        self._unsubscribe(_stream(DataKind.TRADE_TICKS, instrument_id, client_id, params))

    def subscribe_bars(
        self,
        bar_type: BarType,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream bars to `on_bar`; those of an INTERNAL type are made here, from ticks.

        As `subscribe_quote_ticks`; for an INTERNAL type the client and the terms are those of the
        tick stream.

        Raises:
            InvalidRequest: no client serves the instrument.
            Unsupported: an INTERNAL type that the clock does not close.
        """
        self._subscribe(_bar_stream(bar_type, client_id, params), self.on_bar)

    def unsubscribe_bars(
        self,
        bar_type: BarType,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_bars` began with the same arguments. Idempotent."""
        self._unsubscribe(_bar_stream(bar_type, client_id, params))

    def subscribe_order_book_deltas(
        self,
        instrument_id: InstrumentId,
        depth: int | None = None,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream a book to `on_order_book_deltas`. As `subscribe_quote_ticks`.

        Args:
            instrument_id: Of which instrument.
            depth: How many levels; None leaves it to the venue, or takes the book that is there.
            client_id: The client to use, None to route by venue.
            params: Terms for the venue's adapter.
        """
        self._subscribe(
            _book_stream(instrument_id, depth, client_id, params), self.on_order_book_deltas
        )

    def unsubscribe_order_book_deltas(
        self,
        instrument_id: InstrumentId,
        depth: int | None = None,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_order_book_deltas` began with the same arguments. Idempotent."""
        self._unsubscribe(_book_stream(instrument_id, depth, client_id, params))

    def subscribe_instrument_status(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> None:
        """Stream the market state to `on_instrument_status`. As `subscribe_quote_ticks`."""
        stream = _stream(DataKind.INSTRUMENT_STATUS, instrument_id, client_id, None)
        self._subscribe(stream, self.on_instrument_status)

    def unsubscribe_instrument_status(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> None:
        """End what `subscribe_instrument_status` began. Idempotent."""
        self._unsubscribe(_stream(DataKind.INSTRUMENT_STATUS, instrument_id, client_id, None))

    def subscribe_index_prices(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> None:
        """Stream an index to `on_index_price`. As `subscribe_quote_ticks`."""
        stream = _stream(DataKind.INDEX_PRICES, instrument_id, client_id, None)
        self._subscribe(stream, self.on_index_price)

    def unsubscribe_index_prices(
        self, instrument_id: InstrumentId, client_id: ClientId | None = None
    ) -> None:
        """End what `subscribe_index_prices` began. Idempotent."""
        self._unsubscribe(_stream(DataKind.INDEX_PRICES, instrument_id, client_id, None))

    def subscribe_option_greeks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream an option's greeks to `on_option_greeks`. As `subscribe_quote_ticks`."""
        stream = _stream(DataKind.OPTION_GREEKS, instrument_id, client_id, params)
        self._subscribe(stream, self.on_option_greeks)

    def unsubscribe_option_greeks(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_option_greeks` began with the same arguments. Idempotent."""
        self._unsubscribe(_stream(DataKind.OPTION_GREEKS, instrument_id, client_id, params))

    def subscribe_open_interest(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Stream a derivative's open interest to `on_open_interest`. As `subscribe_quote_ticks`."""
        stream = _stream(DataKind.OPEN_INTEREST, instrument_id, client_id, params)
        self._subscribe(stream, self.on_open_interest)

    def unsubscribe_open_interest(
        self,
        instrument_id: InstrumentId,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> None:
        """End what `subscribe_open_interest` began with the same arguments. Idempotent."""
        self._unsubscribe(_stream(DataKind.OPEN_INTEREST, instrument_id, client_id, params))

    def subscribe_instrument(self, instrument_id: InstrumentId) -> None:
        """Be given new definitions of an instrument as clients deliver them. Idempotent."""
        self._wired("subscribe_instrument").bus.subscribe(
            f"data.instrument.{instrument_id}", self.on_instrument, self._failed
        )

    def unsubscribe_instrument(self, instrument_id: InstrumentId) -> None:
        """End what `subscribe_instrument` began. Idempotent."""
        self._wired("unsubscribe_instrument").bus.unsubscribe(
            f"data.instrument.{instrument_id}", self.on_instrument
        )

    # -- inside ---------------------------------------------------------------------------------

    def _subscribe(self, stream: Subscription, handler: Handler) -> None:
        self._wired("subscribe").data.subscribe(stream, handler, self, self._failed)
        self._streams[stream] = handler

    def _unsubscribe(self, stream: Subscription) -> None:
        handler = self._streams.pop(stream, None)
        if handler is not None:
            self._wired("unsubscribe").data.unsubscribe(stream, handler, self)

    def stream_failed(self, subscription: Subscription, error: Exception) -> None:
        """Be told by the data engine; see `on_subscription_failed`."""
        self._guarded(lambda _: self.on_subscription_failed(subscription, error), None)

    def stream_interrupted(self, gap: DataGap) -> None:
        """Be told by the data engine; see `on_data_gap`."""
        self._guarded(self.on_data_gap, gap)

    def stream_silent(self, silence: DataSilence) -> None:
        """Be told by the data engine; see `on_data_silence`."""
        self._guarded(self.on_data_silence, silence)

    def _connect(self) -> None:
        bus = self._wired("start").bus
        bus.subscribe("events.account", self.on_account_state, self._failed)
        bus.subscribe("events.account_pnl", self.on_account_pnl, self._failed)
        bus.subscribe("data.connection", self.on_connection_changed, self._failed)
        bus.subscribe("exec.connection", self.on_connection_changed, self._failed)

    def _disconnect(self) -> None:
        if self._wiring is not None:
            bus = self._wiring.bus
            bus.unsubscribe("events.account", self.on_account_state)
            bus.unsubscribe("events.account_pnl", self.on_account_pnl)
            bus.unsubscribe("data.connection", self.on_connection_changed)
            bus.unsubscribe("exec.connection", self.on_connection_changed)

    def _release(self) -> None:
        for stream in list(self._streams):
            self._unsubscribe(stream)
        self._wired("stop").bus.unsubscribe("data.instrument.*", self.on_instrument)


def _pairs(params: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    # Texts, as in a configuration file; a number or a truth value says the same.
    return tuple(sorted((name, str(value)) for name, value in params.items())) if params else ()


def _stream(
    kind: DataKind,
    instrument_id: InstrumentId,
    client_id: ClientId | None,
    params: Mapping[str, str] | None,
) -> Subscription:
    return Subscription(kind, instrument_id, params=_pairs(params), client_id=client_id)


def _bar_stream(
    bar_type: BarType, client_id: ClientId | None, params: Mapping[str, str] | None
) -> Subscription:
    if not isinstance(bar_type, BarType):
        raise InvalidRequest(
            "bars are subscribed by their bar type",
            field="bar_type",
            value=bar_type,
            remedy=f"write BarType.from_str({str(bar_type)!r})",
        )
    return Subscription(DataKind.BARS, bar_type.instrument_id, bar_type, _pairs(params), client_id)


def _book_stream(
    instrument_id: InstrumentId,
    depth: int | None,
    client_id: ClientId | None,
    params: Mapping[str, str] | None,
) -> Subscription:
    terms = dict(params or {})
    if depth is not None:
        terms["depth"] = str(depth)
    return _stream(DataKind.ORDER_BOOK_DELTAS, instrument_id, client_id, terms)
