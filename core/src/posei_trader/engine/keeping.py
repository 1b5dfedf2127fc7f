"""Storing what happens to orders; a store that fails halts trading, it never loses in silence."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, final

from posei_trader.engine.risk import Denial
from posei_trader.engine.store import IMPLIED
from posei_trader.errors import PoseiError
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import TradingState

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.store import OrderStore, StoredState
    from posei_trader.model.events import OrderEvent
    from posei_trader.model.identifiers import ClientId, InstrumentId, PositionId
    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder
    from posei_trader.protocols import Clock

__all__ = ["Keeper"]

_LONGEST_WAIT_NS: Final = NANOS_PER_SECOND // 20

_log: Final = logging.getLogger("posei.ExecutionEngine")


@final
class Keeper:
    """Put commands and events into the store.

    A command that cannot be stored is denied, because it may not be sent. An event that cannot be
    stored has happened all the same: it counts, and trading is halted.

    Args:
        store: Where they are kept.
        cache: Where the instruments of orders are.
        risk: What is halted when the store fails.
        clock: Says when what may wait has waited long enough.
    """

    def __init__(self, store: OrderStore, cache: Cache, risk: RiskEngine, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._flushes = False
        self._cache = cache
        self._risk = risk
        self._instruments: set[InstrumentId] = set()
        self._orders: set[str] = set()

    def load(self) -> StoredState:
        """Return everything that was kept.

        Raises:
            StoreCorrupt: what is stored cannot be.
        """
        state = self._store.load()
        self._instruments.update(instrument.id for instrument in state.instruments)
        self._orders.update(stored.terms.client_order_id for stored in state.orders)
        return state

    def orders(
        self, orders: Sequence[Order], client_id: ClientId, position_id: PositionId | None
    ) -> Denial | None:
        """Keep new orders, and the instruments they are about."""
        return self._attempt(lambda: self._keep_orders(orders, client_id, position_id))

    def adopted(self, order: Order, client_id: ClientId) -> None:
        """Keep an order that was not sent from here."""

        def keep() -> None:
            self._keep_instrument(order)
            self._store.adopt(order, client_id)
            self._orders.add(order.client_order_id)

        self._attempt(keep)

    @contextmanager
    def together(self) -> Generator[None]:
        """Keep what comes inside as one: what a venue tells of all orders."""
        self._store.hold()
        try:
            yield
        finally:
            self._flush()

    def change(self, command: ModifyOrder) -> Denial | None:
        """Keep a change."""
        return self._attempt(lambda: self._store.modify(command))

    def cancels(self, commands: Sequence[CancelOrder]) -> Denial | None:
        """Keep cancels."""
        return self._attempt(lambda: self._store.cancel(commands))

    def event(self, event: OrderEvent) -> None:
        """Keep an event of an order that is kept; one that risk denied never was."""
        if event.client_order_id not in self._orders:
            return
        try:
            self._store.event(event)
        except PoseiError as error:
            self._failed(error)
        if type(event) in IMPLIED and not self._flushes:
            self._flushes = True
            self._clock.call_at(self._clock.timestamp_ns() + _LONGEST_WAIT_NS, self._flush)

    def _flush(self) -> None:
        self._flushes = False
        try:
            self._store.flush()
        except PoseiError as error:
            self._failed(error)

    def close(self) -> None:
        """Release the store. Idempotent; never raises."""
        self._store.close()

    def _keep_orders(
        self, orders: Sequence[Order], client_id: ClientId, position_id: PositionId | None
    ) -> None:
        for order in orders:
            self._keep_instrument(order)
        self._store.submit(orders, client_id, position_id)
        self._orders.update(order.client_order_id for order in orders)

    def _keep_instrument(self, order: Order) -> None:
        instrument = self._cache.instrument(order.instrument_id)
        if instrument is not None and instrument.id not in self._instruments:
            self._store.instrument(instrument)
            self._instruments.add(instrument.id)

    def _attempt(self, keep: Callable[[], None]) -> Denial | None:
        try:
            keep()
        except PoseiError as error:
            self._failed(error)
            return Denial("STORE", error.message)
        return None

    def _failed(self, error: PoseiError) -> None:
        _log.critical("the order store failed; trading is halted: %s", error)
        self._risk.set_trading_state(TradingState.HALTED, "the order store failed")
