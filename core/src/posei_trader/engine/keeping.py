"""Storing what happens to orders; a store that fails halts trading, it never loses in silence."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, ParamSpec, final

from posei_trader.engine.risk import Denial
from posei_trader.errors import InvalidRequest, PoseiError, StoreCorrupt
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import TradingState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.engine.store import OrderStore, StoredState
    from posei_trader.model.events import OrderEvent
    from posei_trader.model.identifiers import ClientId, InstrumentId, PositionId
    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder
    from posei_trader.protocols import Clock

__all__ = ["Keeper"]

P = ParamSpec("P")

_SETTLES_AFTER_NS: Final = NANOS_PER_SECOND // 4
_SETTLED_AT_A_TIME: Final = 64
_WAITING_AT_MOST: Final = 200
_PREPARED_AT_MOST: Final = 100

_log: Final = logging.getLogger("posei.ExecutionEngine")


@final
class Keeper:
    """Put commands and events into the store.

    A command is stored before it is sent. One that cannot be is denied, because it may not be sent.
    Events are stored together behind their callbacks, and behind those of what the venue had sent
    by then: a fill that is on the heels of its acknowledgement does not wait for the store. That is
    one turn of the event loop later. If the process dies before, nothing of what they caused has
    been sent either, and the venue tells of them again. An event that cannot be stored has happened
    all the same: it counts, and trading is halted.

    Args:
        store: Where they are kept.
        cache: Where the instruments of orders are.
        risk: What is halted when the store fails.
        clock: Says when the store settles: a quarter of a second later, a little at a time.
    """

    def __init__(self, store: OrderStore, cache: Cache, risk: RiskEngine, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[OrderEvent] = []
        self._adopted: list[tuple[Order, ClientId]] = []
        self._flushes_soon = self._settles_soon = False
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

    def prepare(self) -> None:
        """Keep the instruments that are loaded, if they are few: no order waits for its own."""
        loaded = self._cache.instruments()
        if len(loaded) > _PREPARED_AT_MOST:
            return
        try:
            for instrument in loaded:
                if instrument.id not in self._instruments:
                    self._store.instrument(instrument)
                    self._instruments.add(instrument.id)
        except PoseiError as error:
            self._failed(error)

    def orders(
        self, orders: Sequence[Order], client_id: ClientId, position_id: PositionId | None
    ) -> Denial | None:
        """Keep new orders, and the instruments they are about."""
        return self._attempt(self._keep_orders, orders, client_id, position_id)

    def adopted(self, order: Order, client_id: ClientId) -> None:
        """Keep an order that was not sent from here, together with what is told of it next."""
        if len(self._adopted) >= _WAITING_AT_MOST:
            self._flush()
        try:
            self._keep_instrument(order)
        except PoseiError as error:
            self._failed(error)
        self._adopted.append((order, client_id))
        self._orders.add(order.client_order_id)
        self.flush_soon()

    def change(self, command: ModifyOrder) -> Denial | None:
        """Keep a change."""
        return self._attempt(self._store.modify, command)

    def cancels(self, commands: Sequence[CancelOrder]) -> Denial | None:
        """Keep cancels."""
        return self._attempt(self._store.cancel, commands)

    def event(self, event: OrderEvent) -> bool:
        """Keep an event of an order that is kept; one that risk denied never was.

        Returns whether `flush_soon` has to be called once it was told. It is stored before any
        command, in any case.
        """
        if event.client_order_id not in self._orders:
            return False
        self._waiting.append(event)
        if len(self._waiting) >= _WAITING_AT_MOST and not self._adopted:
            self._flush()
        return not self._flushes_soon

    def flush_soon(self) -> None:
        """Store what waits, with what else has come by then, one turn of the event loop later.

        At once where no loop runs.
        """
        if self._flushes_soon:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._flush()
            return
        self._flushes_soon = True
        # Before it calls this, the loop looks what has come; behind this, it delivers it.
        loop.call_soon(loop.call_soon, self._turn_over)

    def _turn_over(self) -> None:
        self._flushes_soon = False
        self._flush()

    def _flush(self) -> None:
        """Store what waits."""
        waiting, self._waiting = self._waiting, []
        adopted, self._adopted = self._adopted, []
        if not waiting and not adopted:
            return
        try:
            self._store.events(waiting, adopted)
        except PoseiError as error:
            # Nothing more of these orders is stored: what there is of each stays the beginning of
            # its history, which a restart completes by asking the venue.
            self._orders.difference_update(event.client_order_id for event in waiting)
            self._orders.difference_update(order.client_order_id for order, _ in adopted)
            self._failed(error)
        self._settle_soon()

    def _settle_soon(self) -> None:
        if self._settles_soon:
            return
        try:
            self._clock.call_at(self._clock.timestamp_ns() + _SETTLES_AFTER_NS, self._settle)
        except InvalidRequest:  # no event loop runs
            self._settle()
        else:
            self._settles_soon = True

    def _settle(self) -> None:
        self._settles_soon = False
        try:
            is_left = self._store.settle(_SETTLED_AT_A_TIME)
        except PoseiError as error:
            self._failed(error)
            return
        if is_left:
            self._settles_soon = True
            self._clock.call_at(self._clock.timestamp_ns(), self._settle)

    def close(self) -> None:
        """Store what waits and release the store. Idempotent; never raises."""
        self._flush()
        self._store.close()

    def _keep_orders(
        self, orders: Sequence[Order], client_id: ClientId, position_id: PositionId | None
    ) -> None:
        for order in orders:
            if order.terms.client_order_id in self._orders:
                raise StoreCorrupt(
                    "the order store holds this already",
                    field="client_order_id",
                    value=order.client_order_id,
                    remedy="stop, and compare the store with the venue",
                )
            if order.terms.instrument_id not in self._instruments:
                self._keep_instrument(order)
        self._store.submit(orders, client_id, position_id)
        for order in orders:
            self._orders.add(order.terms.client_order_id)

    def _keep_instrument(self, order: Order) -> None:
        instrument = self._cache.instrument(order.instrument_id)
        if instrument is not None and instrument.id not in self._instruments:
            self._store.instrument(instrument)
            self._instruments.add(instrument.id)

    def _attempt(self, keep: Callable[P, None], *what: P.args, **named: P.kwargs) -> Denial | None:
        """Store a command, behind the events that may have caused it.

        What it settles is left to the event that says that the command was sent, behind it.
        """
        self._flush()
        try:
            keep(*what, **named)
        except PoseiError as error:
            self._failed(error)
            return Denial("STORE", error.message)
        return None

    def _failed(self, error: PoseiError) -> None:
        _log.critical("the order store failed; trading is halted: %s", error)
        self._risk.set_trading_state(TradingState.HALTED, "the order store failed")
