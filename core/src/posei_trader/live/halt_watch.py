"""Obeying the kill switch while a node runs: say so, cancel what works if asked to, answer."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, final

from posei_trader.engine.halting import Halt, HaltAnswer
from posei_trader.errors import PoseiError
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import TradingState

if TYPE_CHECKING:
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.commands import OrderCommands
    from posei_trader.engine.halting import HaltSwitch
    from posei_trader.model.identifiers import TraderId
    from posei_trader.protocols import Clock, TimerHandle

__all__ = ["HaltWatch"]

_log: Final = logging.getLogger("posei.TradingNode")

_PERIOD_NS: Final = NANOS_PER_SECOND // 4


@final
class HaltWatch:
    """Look at the note now and then; the risk engine looks before every order by itself.

    Args:
        trader_id: The node.
        switch: The note.
        clock: Says when to look.
        cache: Tells which orders work.
        commands: Cancels them.
    """

    def __init__(
        self,
        trader_id: TraderId,
        switch: HaltSwitch,
        clock: Clock,
        cache: Cache,
        commands: OrderCommands,
    ) -> None:
        self._trader_id = trader_id
        self._switch = switch
        self._clock = clock
        self._cache = cache
        self._commands = commands
        self._seen: Halt | None = None
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Begin to look; a note that is there already is obeyed and answered."""
        self._look()

    def stop(self) -> None:
        """Look no more. Idempotent; never raises."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._switch.forget_answer()

    def _look(self) -> None:
        self._timer = self._clock.call_at(self._clock.timestamp_ns() + _PERIOD_NS, self._look)
        halt = self._switch.read()
        if halt == self._seen:
            return
        self._seen = halt
        canceled = 0
        if halt is None:
            _log.warning("%s: the halt is lifted", self._trader_id)
        else:
            _log.critical("%s is %s from outside: %s", self._trader_id, halt.state, halt.reason)
            canceled = self._cancel_all() if halt.is_cancel else 0
        answer = HaltAnswer(
            trader_id=str(self._trader_id),
            state=TradingState.ACTIVE if halt is None else halt.state,
            canceled=canceled,
            ts_halt=0 if halt is None else halt.ts_init,
        )
        try:
            self._switch.answer(answer)
        except PoseiError as error:
            _log.error("the halt cannot be answered: %s", error)

    def _cancel_all(self) -> int:
        working = {
            order.client_order_id: order
            for order in (*self._cache.orders_open(), *self._cache.orders_in_flight())
        }
        for strategy_id, instrument_id in sorted(
            {(order.strategy_id, order.instrument_id) for order in working.values()}
        ):
            try:
                self._commands.cancel_all_orders(strategy_id, instrument_id)
            except PoseiError as error:
                _log.critical("orders of %s cannot be canceled: %s", strategy_id, error)
        _log.critical("%s: canceling %d working orders", self._trader_id, len(working))
        return len(working)
