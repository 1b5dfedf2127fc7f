"""The durable order store: what survives a crash, as a protocol.

The promise: when a method returns, what it was given survives the death of the process. A command
is stored before anything of it is on the wire, an event in the turn of the event loop in which it
arrives, and before any command that follows it. One sort of event may wait for the next write or
`flush`: those that say no more than the stored command (`IMPLIED`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, final

import msgspec

from posei_trader.model.events import (
    OrderEvent,
    OrderPendingCancel,
    OrderPendingUpdate,
    OrderSubmitted,
)
from posei_trader.model.identifiers import ClientId, PositionId
from posei_trader.model.instruments import Instrument
from posei_trader.model.orders import OrderTerms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder

__all__ = ["IMPLIED", "NoStore", "OrderStore", "StoredOrder", "StoredState"]

IMPLIED: Final = frozenset({OrderSubmitted, OrderPendingUpdate, OrderPendingCancel})
"""Events of our own making: a command that is stored may have been sent, whether they are or not.

A restart asks the venue about every order that is not known to have ended, so that nothing depends
on them.
"""


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


class StoredState(msgspec.Struct, frozen=True):
    """Everything that was kept.

    Attributes:
        instruments: The definitions that orders are understood by.
        orders: Every order, in the order in which they were stored.
        events: Every event of every order, in the order in which they arrived.
    """

    instruments: tuple[Instrument, ...] = ()
    orders: tuple[StoredOrder, ...] = ()
    events: tuple[OrderEvent, ...] = ()


class OrderStore(Protocol):
    """Keeps orders, commands, events and the instruments they need.

    Every method blocks until what it was given is safe, for microseconds on a healthy disk.

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

    def event(self, event: OrderEvent) -> None:
        """Store an event on arrival; one that is `IMPLIED` with the next write or `flush`."""

    def events(self, events: Sequence[OrderEvent]) -> None:
        """Store events on arrival, all or none."""

    def adopt(self, order: Order, client_id: ClientId) -> None:
        """Store an order that was not sent from here."""

    def hold(self) -> None:
        """Let every event wait for the next command or `flush`, which ends this.

        For what a venue tells of all orders: if it is lost on the way, the venue tells it again.
        """

    def flush(self) -> None:
        """Store what waits."""

    def instrument(self, instrument: Instrument) -> None:
        """Store or replace the definition that orders are understood by."""

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

    def event(self, event: OrderEvent) -> None:
        """Keep nothing."""

    def events(self, events: Sequence[OrderEvent]) -> None:
        """Keep nothing."""

    def adopt(self, order: Order, client_id: ClientId) -> None:
        """Keep nothing."""

    def hold(self) -> None:
        """Keep nothing."""

    def flush(self) -> None:
        """Keep nothing."""

    def instrument(self, instrument: Instrument) -> None:
        """Keep nothing."""

    def load(self) -> StoredState:
        """Return nothing: nothing was kept."""
        return StoredState()

    def close(self) -> None:
        """Do nothing."""
