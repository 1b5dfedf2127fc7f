"""What a node gives to a client: time, the cache, and where to deliver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.model.accounts import AccountPnl, AccountState
    from posei_trader.model.bars import Bar
    from posei_trader.model.book import OrderBookDeltas
    from posei_trader.model.derivatives import OpenInterest, OptionGreeks
    from posei_trader.model.events import OrderEvent
    from posei_trader.model.identifiers import (
        ClientId,
        InstrumentId,
        TraderId,
        Venue,
    )
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import FillReport, OrderStatusReport
    from posei_trader.model.requests import Subscription
    from posei_trader.model.ticks import (
        IndexPriceUpdate,
        InstrumentStatus,
        QuoteTick,
        TradeTick,
    )

__all__ = [
    "ClientCache",
    "Clock",
    "DataClientContext",
    "DataSink",
    "ExecClientContext",
    "ExecSink",
    "InstrumentStore",
    "OrderLookup",
    "TimerHandle",
]


class TimerHandle(Protocol):
    """A timer that can be stopped."""

    def cancel(self) -> None:
        """Stop it. Idempotent; never raises."""


class Clock(Protocol):
    """Time, real or simulated. Never :func:`time.time` in a client."""

    def timestamp_ns(self) -> int:
        """Return now, UNIX ns UTC. Never goes backwards."""

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> TimerHandle:
        """Call back once at a moment, or as soon as possible when it has passed."""


class InstrumentStore(Protocol):
    """Where instruments are kept: the node's cache."""

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return an instrument, or None when it is not loaded."""

    def instruments(self, venue: Venue | None = None) -> list[Instrument]:
        """Return the loaded instruments, of one venue or of all."""

    def add_instrument(self, instrument: Instrument) -> None:
        """Add or replace an instrument."""


class OrderLookup(Protocol):
    """What an execution client may ask about our own orders: the node's cache."""

    def order(self, client_order_id: str) -> Order | None:
        """Return an order of ours, or None when there is none of that name."""

    def orders_open(self) -> list[Order]:
        """Return the orders that the venue works, as far as we know."""

    def orders_in_flight(self) -> list[Order]:
        """Return the orders that wait for the venue's answer."""


class ClientCache(InstrumentStore, OrderLookup, Protocol):
    """Both views of the node's cache."""


class DataSink(Protocol):
    """Where a data client delivers. Plain calls; none of them raises or blocks."""

    def quote_tick(self, tick: QuoteTick) -> None:
        """Deliver a quote."""

    def trade_tick(self, tick: TradeTick) -> None:
        """Deliver a trade."""

    def quote_ticks(self, ticks: Sequence[QuoteTick]) -> None:
        """Deliver quotes of one instrument that came together; cheaper than one by one."""

    def trade_ticks(self, ticks: Sequence[TradeTick]) -> None:
        """Deliver trades of one instrument that came together; cheaper than one by one."""

    def bar(self, bar: Bar) -> None:
        """Deliver a complete bar, or a revision of one that is marked so."""

    def order_book_deltas(self, deltas: OrderBookDeltas) -> None:
        """Deliver the changes of one event."""

    def instrument(self, instrument: Instrument) -> None:
        """Deliver a new or changed definition."""

    def instrument_status(self, status: InstrumentStatus) -> None:
        """Deliver a change of market state."""

    def index_price(self, update: IndexPriceUpdate) -> None:
        """Deliver an index value."""

    def option_greeks(self, greeks: OptionGreeks) -> None:
        """Deliver an option's greeks of one basis."""

    def open_interest(self, update: OpenInterest) -> None:
        """Deliver a derivative's open interest."""

    def subscription_failed(self, subscription: Subscription, error: Exception) -> None:
        """Say that a stream that was open has ended or cannot be opened, and why."""

    def data_gap(self, subscription: Subscription, start_ns: int, end_ns: int, reason: str) -> None:
        """Say that a part of a stream is missing and will not come; UNIX ns UTC.

        What was missed and then fetched is delivered instead, in order and marked as back-filled.
        """

    def stream_silent(self, subscription: Subscription, since_ns: int, reason: str) -> None:
        """Say that a stream is silent in its trading hours though it was opened anew."""

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Say that the client lost or regained the venue."""


class ExecSink(Protocol):
    """Where an execution client delivers. Plain calls; none of them raises or blocks."""

    def order_event(self, event: OrderEvent) -> None:
        """Deliver what happened to an order of ours."""

    def order_report(self, report: OrderStatusReport) -> None:
        """Deliver a change of an order that is not ours."""

    def fill_report(self, report: FillReport) -> None:
        """Deliver an execution of an order that is not ours."""

    def account_state(self, state: AccountState) -> None:
        """Deliver a consistent snapshot of the account."""

    def account_pnl(self, pnl: AccountPnl) -> None:
        """Deliver the account's profit as the venue counts it."""

    def reconciliation_wanted(self, client_id: ClientId, reason: str) -> None:
        """Say that the account changed by something that no order or execution explains."""

    def connection_changed(self, client_id: ClientId, *, connected: bool, reason: str) -> None:
        """Say that the client lost or regained the venue."""


class DataClientContext(Protocol):
    """What a data client is given when it is made."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def trader_id(self) -> TraderId:
        """The node it works for."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def cache(self) -> ClientCache:
        """Instruments and orders."""

    @property
    def sink(self) -> DataSink:
        """Where to deliver."""


class ExecClientContext(Protocol):
    """What an execution client is given when it is made."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def trader_id(self) -> TraderId:
        """The node it works for."""

    @property
    def clock(self) -> Clock:
        """Time."""

    @property
    def cache(self) -> ClientCache:
        """Instruments and orders."""

    @property
    def sink(self) -> ExecSink:
        """Where to deliver."""
