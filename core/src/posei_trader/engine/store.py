"""The durable order store: what survives a crash, as a protocol.

The promise: when a method returns, what it was given survives the death of the process. A command
is stored before anything of it is on the wire, an event one turn of the event loop after it arrived
at the latest, and before any command that follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import msgspec

from posei_trader.model.events import OrderEvent
from posei_trader.model.identifiers import ClientId, ClientOrderId, PositionId
from posei_trader.model.instruments import Instrument
from posei_trader.model.orders import OrderTerms
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder

__all__ = ["ChangedTerms", "NoStore", "OrderStore", "StoredChange", "StoredOrder", "StoredState"]


class ChangedTerms(msgspec.Struct, frozen=True):
    """What a change asks for; None where a term stays."""

    quantity: Quantity | None = None
    price: Price | None = None
    trigger_price: Price | None = None


class StoredOrder(msgspec.Struct, frozen=True):
    """An order as it was asked for.

    Attributes:
        terms: What was asked for.
        client_id: The execution client that handles it, None for one that nobody handles.
        position_id: The position that it was submitted for, where one was named.
    """

    terms: OrderTerms
    client_id: ClientId | None
    position_id: PositionId | None


class StoredChange(msgspec.Struct, frozen=True):
    """A change of an order, which was about to be sent.

    Attributes:
        client_order_id: The order.
        ts_init: When it was asked for, UNIX ns UTC.
        terms: What was asked for.
    """

    client_order_id: ClientOrderId
    ts_init: int
    terms: ChangedTerms


class StoredState(msgspec.Struct, frozen=True):
    """Everything that was kept.

    Attributes:
        instruments: The definitions that orders are understood by.
        orders: Every order, in the order in which they were stored.
        events: Every event of every order, in the order in which they arrived.
        changes: Every change that may have been sent, in the order in which they were stored.
    """

    instruments: tuple[Instrument, ...] = ()
    orders: tuple[StoredOrder, ...] = ()
    events: tuple[OrderEvent, ...] = ()
    changes: tuple[StoredChange, ...] = ()


class OrderStore(Protocol):
    """Keeps orders, commands, events and the instruments they need.

    Every method but `settle` blocks for microseconds on a healthy disk.

    Raises, from every method:
        StoreCorrupt: what is stored cannot be, or it cannot be read.
        ResourceExhausted: it cannot be written: the disk is full or gone.
    """

    def submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None = None,
    ) -> None:
        """Store new orders, all or none, before they are sent."""

    def modify(self, command: ModifyOrder) -> None:
        """Store a change before it is sent."""

    def cancel(self, commands: Sequence[CancelOrder]) -> None:
        """Store cancels, all or none, before they are sent."""

    def events(
        self, events: Sequence[OrderEvent], adopted: Sequence[tuple[Order, ClientId]] = ()
    ) -> None:
        """Store events, and the orders among theirs that were not sent from here, all or none."""

    def instrument(self, instrument: Instrument) -> None:
        """Store or replace the definition that orders are understood by."""

    def settle(self, at_most: int | None = None) -> bool:
        """Put what was stored into its final place.

        Nothing depends on when this is called but how much a restart has to do.

        Args:
            at_most: About how many rows, so that the caller decides how long it blocks; None for
                all.

        Returns:
            Whether something is left.
        """

    def load(self) -> StoredState:
        """Return everything."""

    def close(self) -> None:
        """Release what it holds. Idempotent; never raises."""


@final
class NoStore:
    """Keep nothing: what a node without `store_path` uses."""

    def submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None = None,
    ) -> None:
        """Keep nothing."""

    def modify(self, command: ModifyOrder) -> None:
        """Keep nothing."""

    def cancel(self, commands: Sequence[CancelOrder]) -> None:
        """Keep nothing."""

    def events(
        self, events: Sequence[OrderEvent], adopted: Sequence[tuple[Order, ClientId]] = ()
    ) -> None:
        """Keep nothing."""

    def instrument(self, instrument: Instrument) -> None:
        """Keep nothing."""

    def settle(self, at_most: int | None = None) -> bool:  # noqa: ARG002  the protocol's
        """Do nothing: nothing was kept."""
        return False

    def load(self) -> StoredState:
        """Return nothing: nothing was kept."""
        return StoredState()

    def close(self) -> None:
        """Do nothing."""
