"""Orders by every key that an engine or a strategy asks for, each in constant time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import OrderStatus
from posei_trader.model.order_state import IN_FLIGHT, OPEN, TERMINAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import (
        AccountId,
        ClientId,
        InstrumentId,
        StrategyId,
        VenueOrderId,
    )
    from posei_trader.model.orders import Order

__all__ = ["OrderIndex"]


@final
class OrderIndex:
    """Every order of a node. Call :meth:`update` after an order has changed.

    Attributes:
        by_id: The orders by our names of them, for reading.
    """

    def __init__(self) -> None:
        self.by_id: Final[dict[str, Order]] = {}
        self._open: dict[str, Order] = {}
        self._in_flight: dict[str, Order] = {}
        self._closed: dict[str, Order] = {}
        self._by_instrument: dict[InstrumentId, dict[str, Order]] = {}
        self._by_strategy: dict[StrategyId, dict[str, Order]] = {}
        self._by_venue_id: dict[tuple[AccountId | None, VenueOrderId], Order] = {}
        self._venue_ids: dict[VenueOrderId, Order] = {}
        self._clients: dict[str, ClientId] = {}

    def __len__(self) -> int:
        return len(self.by_id)

    def add(self, order: Order, client_id: ClientId | None) -> None:
        """Add an order and the client that handles it.

        Raises:
            InvalidRequest: an order of that name is there already.
        """
        terms = order.terms
        key = terms.client_order_id
        if key in self.by_id:
            raise InvalidRequest(
                "an order of this name exists already",
                field="client_order_id",
                value=key,
                remedy="make every order with the order factory; submit each once",
            )
        self.by_id[key] = order
        self._by_instrument.setdefault(terms.instrument_id, {})[key] = order
        self._by_strategy.setdefault(terms.strategy_id, {})[key] = order
        if client_id is not None:
            self._clients[key] = client_id
        if order.status is not OrderStatus.INITIALIZED:
            self.update(order)

    def update(self, order: Order) -> None:
        """Sort an order in again after a change."""
        key, status = order.terms.client_order_id, order.status
        if status in OPEN:
            self._open[key] = order
        else:
            self._open.pop(key, None)
        if status in IN_FLIGHT:
            self._in_flight[key] = order
        else:
            self._in_flight.pop(key, None)
        if status in TERMINAL:
            self._closed[key] = order
        else:
            self._closed.pop(key, None)
        if order.venue_order_id is not None:
            self._by_venue_id[order.account_id, order.venue_order_id] = order
            self._venue_ids[order.venue_order_id] = order

    def by_venue_order_id(
        self, venue_order_id: VenueOrderId, account_id: AccountId | None = None
    ) -> Order | None:
        """Return an order by the venue's name, of one account where that is given, or None."""
        if account_id is None:
            return self._venue_ids.get(venue_order_id)
        return self._by_venue_id.get((account_id, venue_order_id))

    def client_of(self, client_order_id: str) -> ClientId | None:
        """Return which execution client handles an order, None when that is not known."""
        return self._clients.get(client_order_id)

    def select(
        self,
        status: str | None,
        instrument_id: InstrumentId | None,
        strategy_id: StrategyId | None,
        side: OrderSide | None,
    ) -> list[Order]:
        """Return the orders that fit, oldest first; walks the smallest index that applies.

        Args:
            status: ``open``, ``in_flight``, ``closed``, or None for all.
            instrument_id: Only of this instrument.
            strategy_id: Only of this strategy.
            side: Only of this side.
        """
        groups: list[dict[str, Order]] = [self._group(status)]
        if instrument_id is not None:
            groups.append(self._by_instrument.get(instrument_id, {}))
        if strategy_id is not None:
            groups.append(self._by_strategy.get(strategy_id, {}))
        smallest = min(groups, key=len)
        others = [group for group in groups if group is not smallest]
        found: Iterable[Order] = (
            order for key, order in smallest.items() if all(key in group for group in others)
        )
        return [order for order in found if side is None or order.side is side]

    def _group(self, status: str | None) -> dict[str, Order]:
        match status:
            case None:
                return self.by_id
            case "open":
                return self._open
            case "in_flight":
                return self._in_flight
            case _:
                return self._closed
