"""The way of a tick through the data engine: checked, kept, and handed to who listens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar, final

from posei_trader.model.requests import DataKind
from posei_trader.model.ticks import QuoteTick, TradeTick

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Hashable, Sequence

    from posei_trader.engine.bus import MessageBus, Topic
    from posei_trader.engine.counters import Counters
    from posei_trader.engine.intake import Intake
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["Route", "TickFlow"]

_LOOK_EVERY: Final = 4
"""After how many ticks that came together the clock is looked at."""

ItemT = TypeVar("ItemT")
TickT = TypeVar("TickT", QuoteTick, TradeTick)


@final
class Route(Generic[ItemT]):
    """Where the items of one stream go: the cache's ring and the listeners."""

    __slots__ = ("keep", "label", "topic", "ts_last")

    def __init__(self, ring: deque[ItemT], topic: Topic, label: tuple[DataKind, Hashable]) -> None:
        self.keep = ring.append
        self.topic = topic
        self.label = label
        self.ts_last = 0


@final
class TickFlow(Generic[TickT]):
    """Deliver the ticks of one kind.

    Args:
        kind: QUOTE_TICKS, of which newer ones may take the place of older, or TRADE_TICKS.
        name: The kind in the names of topics and of counters.
        bus: Where they are published.
        ring_of: Returns where the cache keeps those of an instrument.
        intake: Lets them wait when listeners are slower than the stream.
        counters: Where those are counted that come out of sequence.
        validates: Whether a tick that is older than the last one is dropped.
    """

    __slots__ = (
        "_bus",
        "_counters",
        "_intake",
        "_kind",
        "_name",
        "_ring_of",
        "_routes",
        "_validates",
    )

    def __init__(
        self,
        kind: DataKind,
        name: str,
        bus: MessageBus,
        ring_of: Callable[[InstrumentId], deque[TickT]],
        intake: Intake,
        counters: Counters,
        *,
        validates: bool,
    ) -> None:
        self._kind = kind
        self._name = name
        self._bus = bus
        self._ring_of: Callable[[InstrumentId], deque[TickT]] = ring_of
        self._intake = intake
        self._counters = counters
        self._validates = validates
        self._routes: dict[InstrumentId, Route[TickT]] = {}

    def deliver(self, tick: TickT) -> None:
        """Deliver a tick: one look-up, then every listener in turn. Never raises."""
        intake = self._intake
        # `ts_init` is now, so the time that listeners may take costs no look at the clock.
        if tick.ts_init >= intake.closes_at and not intake.admits():
            self._wait(tick)
            return
        route = self._routes.get(tick.instrument_id) or self._route_of(tick.instrument_id)
        ts_event = tick.ts_event
        if ts_event < route.ts_last and self._validates:
            self._counters.add(f"{self._name}_out_of_sequence_dropped", tick)
            return
        route.ts_last = ts_event
        route.keep(tick)
        topic = route.topic
        for handler in topic.handlers:  # as Topic.publish does, without another call for each tick
            try:
                handler(tick)
            except Exception as error:  # noqa: BLE001  one listener may not stop the others
                topic.failed(handler, error)
        if intake.is_begun:
            intake.settle()

    def deliver_all(self, ticks: Sequence[TickT]) -> None:
        """Deliver ticks of one instrument that came together, as `deliver` does each."""
        if not ticks:
            return
        intake, validates = self._intake, self._validates
        route = self._route_of(ticks[0].instrument_id)
        topic, keep = route.topic, route.keep
        now = 0
        for number, tick in enumerate(ticks):
            if not number % _LOOK_EVERY:
                now = time.monotonic_ns()  # they all have one `ts_init`
            if now >= intake.closes_at_monotonic and not intake.admits():
                self._wait(tick)
                continue
            ts_event = tick.ts_event
            if ts_event < route.ts_last and validates:
                self._counters.add(f"{self._name}_out_of_sequence_dropped", tick)
                continue
            route.ts_last = ts_event
            keep(tick)
            for handler in topic.handlers:
                try:
                    handler(tick)
                except Exception as error:  # noqa: BLE001  one listener may not stop the others
                    topic.failed(handler, error)

    def _wait(self, tick: TickT) -> None:
        stream = self._route_of(tick.instrument_id).label
        is_state = self._kind is DataKind.QUOTE_TICKS
        self._intake.hold(self._late, tick, state=stream if is_state else None, stream=stream)

    def _late(self, tick: TickT) -> None:
        """Deliver a tick that has waited."""
        route = self._route_of(tick.instrument_id)
        if tick.ts_event < route.ts_last and self._validates:
            self._counters.add(f"{self._name}_out_of_sequence_dropped", tick)
            return
        route.ts_last = tick.ts_event
        route.keep(tick)
        route.topic.publish(tick)

    def _route_of(self, instrument_id: InstrumentId) -> Route[TickT]:
        known = self._routes.get(instrument_id)
        if known is not None:
            return known
        topic = self._bus.topic(f"data.{self._name}.{instrument_id}")
        route = self._routes[instrument_id] = Route(
            self._ring_of(instrument_id), topic, (self._kind, instrument_id)
        )
        return route
