"""The way of a tick through the data engine: checked, kept, and handed to who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, final

from posei_trader.model.ticks import QuoteTick, TradeTick

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from posei_trader.engine.bus import MessageBus, Topic
    from posei_trader.engine.counters import Counters
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["Route", "TickFlow"]

ItemT = TypeVar("ItemT")
TickT = TypeVar("TickT", QuoteTick, TradeTick)


@final
class Route(Generic[ItemT]):
    """Where the items of one stream go: the cache's ring and the listeners."""

    __slots__ = ("keep", "topic", "ts_last")

    def __init__(self, ring: deque[ItemT], topic: Topic) -> None:
        self.keep = ring.append
        self.topic = topic
        self.ts_last = 0


@final
class TickFlow(Generic[TickT]):
    """Deliver the ticks of one kind.

    Args:
        kind: ``quotes`` or ``trades``: the kind, in the names of topics and of counters.
        bus: Where they are published.
        ring_of: Returns where the cache keeps those of an instrument.
        counters: Where those are counted that come out of sequence.
        validates: Whether a tick that is older than the last one is dropped.
    """

    def __init__(
        self,
        kind: str,
        bus: MessageBus,
        ring_of: Callable[[InstrumentId], deque[TickT]],
        counters: Counters,
        *,
        validates: bool,
    ) -> None:
        self._kind = kind
        self._bus = bus
        self._ring_of: Callable[[InstrumentId], deque[TickT]] = ring_of
        self._counters = counters
        self._validates = validates
        self._routes: dict[InstrumentId, Route[TickT]] = {}

    def deliver(self, tick: TickT) -> None:
        """Deliver a tick: one look-up, then every listener in turn. Never raises."""
        route = self._routes.get(tick.instrument_id)
        if route is None:
            route = self._route_of(tick.instrument_id)
        ts_event = tick.ts_event
        if ts_event < route.ts_last and self._validates:
            self._counters.add(f"{self._kind}_out_of_sequence_dropped", tick)
            return
        route.ts_last = ts_event
        route.keep(tick)
        topic = route.topic
        for handler in topic.handlers:  # as Topic.publish does, without another call for each tick
            try:
                handler(tick)
            except Exception as error:  # noqa: BLE001  one listener may not stop the others
                topic.failed(handler, error)

    def _route_of(self, instrument_id: InstrumentId) -> Route[TickT]:
        topic = self._bus.topic(f"data.{self._kind}.{instrument_id}")
        route = self._routes[instrument_id] = Route(self._ring_of(instrument_id), topic)
        return route
