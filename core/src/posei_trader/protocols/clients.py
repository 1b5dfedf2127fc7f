"""What streams market data from a venue, and what trades there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.errors import PoseiError
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.identifiers import AccountId, ClientId
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import (
        ExecutionMassStatus,
        OrderPreview,
        OrderStatusReport,
        PositionStatusReport,
    )
    from posei_trader.model.requests import (
        CancelAllOrders,
        CancelOrder,
        ExerciseOption,
        HistoryRequest,
        ModifyOrder,
        QueryOrder,
        SubmitOrder,
        SubmitOrderList,
        Subscription,
    )
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols.venue import InstrumentProvider

__all__ = [
    "DataClient",
    "ExecClient",
    "ExercisesOptions",
    "HealsGaps",
    "PreviewsOrders",
    "StartsGateway",
    "TellsFailures",
]


@runtime_checkable
class DataClient(Protocol):
    """Streams and history of a venue."""

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""

    @property
    def instrument_provider(self) -> InstrumentProvider:
        """Where its instruments come from."""

    async def connect(self) -> None:
        """Connect, and load the configured instruments. Idempotent.

        Returns when requests can be made. Later losses are healed by the client itself, which
        re-opens every subscription exactly once and says so through `connection_changed`.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            CallHuman: the venue refuses us.
        """

    async def disconnect(self) -> None:
        """Disconnect and end every stream. Idempotent; never raises."""

    async def subscribe(self, subscription: Subscription) -> None:
        """Open a stream; returns when it was asked for. Idempotent.

        Ticks come through the sink, after this returns, in the venue's order. A later failure
        comes through `subscription_failed`.

        Raises:
            Unsupported: the venue has no such stream.
            InstrumentNotFound: the instrument does not exist.
            NotConnected: there is no connection.
        """

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a stream: nothing of it is delivered after this returns.

        Idempotent; never raises: a stream that is not open is ended already.
        """

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        """Fetch bars, ascending, each once. Changes nothing: asking again is another request.

        Cancelling it takes the request back from the venue where the venue can do that.

        Raises:
            Unsupported: the venue has no such bars.
            MarketDataNotPermitted: the account lacks the subscription.
            RetryLater: the answer did not come; nothing is known.
        """

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        """Fetch quotes, ascending, each once. Otherwise as :meth:`request_bars`."""

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        """Fetch trades, ascending, each once. Otherwise as :meth:`request_bars`."""


@runtime_checkable
class ExecClient(Protocol):
    """Orders, executions and the account at a venue.

    The command methods are plain: they check, write to the transport, emit `OrderSubmitted` (or
    `OrderDenied`) and return. What the venue makes of it comes through the sink. An ambiguous
    failure (timeout, lost connection) leaves the order in flight: it is never a rejection.

    A command is sent once and never repeated by the client itself, not even after a reconnection.
    """

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""

    @property
    def account_id(self) -> AccountId:
        """The account it trades for; known once connected.

        Raises:
            NotConnected: it is not known yet.
        """

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""

    @property
    def instrument_provider(self) -> InstrumentProvider:
        """Where its instruments come from."""

    async def connect(self) -> None:
        """Connect, check the account, and deliver a first account state. Idempotent.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            AccountMismatch: the venue does not manage the configured account.
            LiveTradingRefused: a live account without the explicit guard.
        """

    async def disconnect(self) -> None:
        """Disconnect. Working orders stay at the venue. Idempotent; never raises."""

    def submit_order(self, command: SubmitOrder) -> None:
        """Send an order.

        Emits OrderDenied when a term cannot be honoured at this venue (nothing is dropped in
        silence), else OrderSubmitted before it returns, or raises anything but NotConnected: an
        order of which nothing was emitted is not on the wire.

        Not idempotent: a second call would be a second order. The node never makes one, it refuses
        a `client_order_id` that it has seen.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def submit_order_list(self, command: SubmitOrderList) -> None:
        """Send orders that belong together: all or none. Otherwise as `submit_order`."""

    def modify_order(self, command: ModifyOrder) -> None:
        """Change a working order. Emits OrderPendingUpdate, or OrderModifyRejected.

        The terms are absolute, so repeating a change leaves the order as it is; a change to the
        terms that it has already may be rejected. Of several changes on their way the last wins.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def cancel_order(self, command: CancelOrder) -> None:
        """Cancel an order. Emits OrderPendingCancel, or OrderCancelRejected.

        Repeating it is harmless: the order is canceled once, and a cancel of an order that is done
        is an OrderCancelRejected.

        Raises:
            NotConnected: nothing was emitted and nothing was sent.
        """

    def cancel_all_orders(self, command: CancelAllOrders) -> None:
        """Cancel exactly the orders of the command, each as by `cancel_order`."""

    async def query_order(self, command: QueryOrder) -> OrderStatusReport | None:
        """Ask what the venue knows of an order; None when it definitely knows nothing of it.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """

    async def generate_mass_status(self, since_ns: int = 0) -> ExecutionMassStatus:
        """Fetch all orders, executions since a moment, and positions: complete, or it raises.

        Raises:
            RetryLater: a part did not come; nothing is known.
        """

    async def generate_position_reports(self) -> Sequence[PositionStatusReport]:
        """Fetch the positions: complete, or it raises.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """


@runtime_checkable
class PreviewsOrders(Protocol):
    """What an execution client may offer beside its protocol: what an order would cost."""

    async def preview_order(self, order: Order) -> OrderPreview:
        """Ask what an order would cost and lock. Trades nothing, emits nothing.

        Raises:
            FixRequest: a term cannot be honoured, or the venue refuses the order.
            RetryLater: the answer did not come.
        """


@runtime_checkable
class ExercisesOptions(Protocol):
    """What an execution client may offer beside its protocol: exercise of options."""

    async def exercise_option(self, command: ExerciseOption) -> None:
        """Exercise options or let them lapse; returns when the venue has taken the instruction.

        Not idempotent, and never repeated by the client itself. What it does to positions comes
        later, as executions or by reconciliation.

        Raises:
            FixRequest: the venue refuses it; nothing was done.
            NotConnected: nothing was sent.
            OrderStateUnknown: no answer came; whether it was taken is not known.
        """


@runtime_checkable
class TellsFailures(Protocol):
    """What a client may offer beside its protocol: why it does not get through.

    A node whose patience ends before the client's shows it instead of "no answer".
    """

    @property
    def last_failure(self) -> PoseiError | None:
        """Why the last attempt to connect failed, None when none has."""


@runtime_checkable
class StartsGateway(Protocol):
    """What a client may offer: it first starts what it connects to, such as a container.

    A node awaits it before it connects and does not count the time as `timeout_connection`: a
    gateway has limits of its own, and a person may have to confirm its login.
    """

    async def start_gateway(self) -> None:
        """Start the gateway that was configured, if one was; `disconnect` lets go of it.

        Idempotent. Cancelling it takes down what it has started.

        Raises:
            PoseiError: what the gateway raised.
        """


@runtime_checkable
class HealsGaps(Protocol):
    """What a data client may offer: it sees to every interruption of its streams itself.

    The node then announces no gap when the client's connection is back: the client delivers what
    was missed, marked as back-filled, or names what is missing by `DataSink.data_gap`.
    """

    @property
    def heals_gaps(self) -> bool:
        """Whether it does so."""
