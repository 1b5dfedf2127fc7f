"""What actors and strategies share: a life cycle, a log, a clock, and a guard around callbacks."""

from __future__ import annotations

import logging
from enum import StrEnum, unique
from typing import TYPE_CHECKING, TypeVar

from posei_trader.engine.tasks import BackgroundTasks
from posei_trader.errors import InvalidRequest
from posei_trader.logs import get_logger
from posei_trader.trading.component_clock import ComponentClock

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.portfolio import Portfolio
    from posei_trader.logs import Logger
    from posei_trader.model.identifiers import ComponentId, TraderId
    from posei_trader.trading.config import ActorConfig
    from posei_trader.trading.wiring import Wiring

__all__ = ["Component", "ComponentState"]

T = TypeVar("T")


@unique
class ComponentState(StrEnum):
    """Where an actor or a strategy is in its life."""

    CREATED = "CREATED"
    READY = "READY"
    STARTING = "STARTING"
    RUNNING = "RUNNING"
    STOPPING = "STOPPING"
    STOPPED = "STOPPED"
    FAULTED = "FAULTED"
    """Stopped because a callback raised."""


_ALIVE = frozenset({ComponentState.STARTING, ComponentState.RUNNING, ComponentState.STOPPING})


class Component:
    """The base of :class:`~posei_trader.trading.actor.Actor`; not for direct use."""

    config: ActorConfig
    """The settings. A subclass that has its own declares its own type: ``config: MyConfig``."""

    def __init__(self, config: ActorConfig) -> None:
        self.config = config
        self._state = ComponentState.CREATED
        self._wiring: Wiring | None = None
        self._id: ComponentId | None = None
        self._clock: ComponentClock | None = None
        self._log = get_logger(type(self).__name__)
        self._own_log = logging.getLogger(f"posei.{type(self).__name__}")
        self._tasks = BackgroundTasks(type(self).__name__)

    # -- what a user sees -----------------------------------------------------------------------

    @property
    def state(self) -> ComponentState:
        """Return where it is in its life."""
        return self._state

    @property
    def is_running(self) -> bool:
        """Return whether data and events are delivered to it."""
        return self._state is ComponentState.RUNNING

    @property
    def id(self) -> ComponentId:
        """Return its name in the node.

        Raises:
            InvalidRequest: it was not added to a node yet.
        """
        if self._id is None:
            raise self._not_added("id")
        return self._id

    @property
    def log(self) -> Logger:
        """Return its logger, named after it: ``self.log.info("spread", ticks=3)``."""
        return self._log

    @property
    def trader_id(self) -> TraderId:
        """Return the node's name. Raises as :attr:`cache`."""
        return self._wired("trader_id").trader_id

    @property
    def clock(self) -> ComponentClock:
        """Return time, alerts and timers. Raises as :attr:`cache`."""
        if self._clock is None:
            raise self._not_added("clock")
        return self._clock

    @property
    def cache(self) -> Cache:
        """Return what the node knows.

        Raises:
            InvalidRequest: it was not added to a node yet.
        """
        return self._wired("cache").cache

    @property
    def portfolio(self) -> Portfolio:
        """Return balances, positions and profit. Raises as :attr:`cache`."""
        return self._wired("portfolio").portfolio

    def on_start(self) -> None:
        """Be told that the node runs: subscribe, request history, set timers here."""

    def on_stop(self) -> None:
        """Be told that the node stops: cancel orders or close positions here, if you want to."""

    def on_reset(self) -> None:
        """Be told to forget what was learnt, before a further start."""

    # -- life cycle, called by the trader -------------------------------------------------------

    def attach(self, wiring: Wiring, component_id: ComponentId) -> None:
        """Connect it with a node. For the trader.

        Raises:
            InvalidRequest: it was added to a node before.
        """
        if self._wiring is not None:
            raise InvalidRequest(
                f"{type(self).__name__} was added to a node before",
                field="component_id",
                value=self._id,
                remedy="make one object for each time it is added",
            )
        self._wiring = wiring
        self._id = component_id
        self._log = get_logger(component_id)
        self._own_log = logging.getLogger(f"posei.{component_id}")
        self._tasks = BackgroundTasks(component_id)
        self._clock = ComponentClock(wiring.clock, self._guarded)
        self._state = ComponentState.READY

    def start(self) -> None:
        """Start it; what `on_start` raises is seen to by the policy. For the trader. Idempotent."""
        if self._state not in {ComponentState.READY, ComponentState.STOPPED}:
            return
        self._state = ComponentState.STARTING
        self._connect()
        try:
            self.on_start()
        except Exception as error:  # noqa: BLE001  a user's code may not stop the node
            self._failed("on_start", error)
        if self._state is ComponentState.STARTING:
            self._state = ComponentState.RUNNING
            self._own_log.info("running")

    def stop(self) -> None:
        """Stop it: `on_stop`, then no more data, timers and requests. Idempotent."""
        if self._state in _ALIVE - {ComponentState.STOPPING}:
            self._end(ComponentState.STOPPED)

    def reset(self) -> None:
        """Call `on_reset` and make it ready for another start.

        Raises:
            InvalidRequest: it is running.
        """
        if self._state in _ALIVE:
            raise InvalidRequest(
                "a running component cannot be reset",
                field="state",
                value=self._state,
                remedy="stop it first",
            )
        self._guarded(lambda _: self.on_reset(), None)
        if self._wiring is not None:
            self._state = ComponentState.READY

    async def close(self) -> None:
        """Stop it and end its background work. For the trader. Idempotent."""
        self.stop()
        self._disconnect()
        await self._tasks.cancel_all()

    # -- inside ---------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Begin to listen to what is delivered without being asked for."""

    def _disconnect(self) -> None:
        """Stop listening to everything."""

    def _release(self) -> None:
        """Give up data streams."""

    def _end(self, final_state: ComponentState) -> None:
        self._state = ComponentState.STOPPING
        try:
            self.on_stop()
        except Exception:  # noqa: BLE001  a user's code may not stop the node
            self._own_log.exception("on_stop raised")
        self.clock.cancel_timers()
        self._release()
        if final_state is ComponentState.FAULTED:
            self._disconnect()
        self._state = final_state
        self._own_log.info(
            "stopped" if final_state is ComponentState.STOPPED else "stopped by a fault"
        )

    def _guarded(self, callback: Callable[[T], object], argument: T) -> None:
        """Call user code; what it raises is seen to by the policy."""
        try:
            callback(argument)
        except Exception as error:  # noqa: BLE001  a user's code may not stop the node
            self._failed(getattr(callback, "__name__", "a callback"), error)

    def _failed(self, where: str, error: Exception) -> None:
        """Log with the traceback, and stop the component if it is configured so."""
        self._own_log.error("%s raised", where, exc_info=error)
        if self.config.on_error == "stop" and self._state in {
            ComponentState.STARTING,
            ComponentState.RUNNING,
        }:
            self._own_log.error("stopping because of the error above (on_error='stop')")
            self._end(ComponentState.FAULTED)

    def _background(
        self,
        work: Callable[[], Coroutine[object, None, T]],
        callback: Callable[[T], object] | None,
        name: str,
    ) -> asyncio.Task[T]:
        async def run() -> T:
            result = await work()
            if callback is not None and self._state in _ALIVE:
                self._guarded(callback, result)
            return result

        return self._tasks.start(run(), name)

    def _wired(self, what: str) -> Wiring:
        if self._wiring is None:
            raise self._not_added(what)
        return self._wiring

    def _not_added(self, what: str) -> InvalidRequest:
        return InvalidRequest(
            f"{type(self).__name__}.{what} is there once it was added to a node",
            field=what,
            remedy="use it in on_start or later, after node.trader.add_strategy or add_actor",
        )
