"""The durable order store: what survives a crash, as a protocol.

The promise: when a method returns, what it was given survives the death of the process. A command
is stored before anything of it is on the wire, an event when it arrives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, final

import msgspec

from posei_trader.model.identifiers import ClientId, PositionId
from posei_trader.model.orders import Order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.model.events import OrderEvent
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.requests import CancelOrder, ModifyOrder

__all__ = ["NoStore", "OrderStore", "StoredOrder"]


class StoredOrder(msgspec.Struct, frozen=True):
    """An order as it was when the process ended.

    Attributes:
        order: The order, its events applied again.
        client_id: The execution client that handles it, None for one that nobody handles.
        position_id: The position that it was submitted for, where one was named.
    """

    order: Order
    client_id: ClientId | None
    position_id: PositionId | None


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
        """Store cancels before they are sent."""

    def event(self, event: OrderEvent) -> None:
        """Store an event on arrival."""

    def instrument(self, instrument: Instrument) -> None:
        """Store or replace the definition that orders are understood by."""

    def load(self) -> tuple[list[Instrument], list[StoredOrder]]:
        """Return everything, orders in the order in which they were stored."""

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

    def instrument(self, instrument: Instrument) -> None:
        """Keep nothing."""

    def load(self) -> tuple[list[Instrument], list[StoredOrder]]:
        """Return nothing: nothing was kept."""
        return [], []

    def close(self) -> None:
        """Do nothing."""
