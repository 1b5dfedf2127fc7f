"""How many ticks a second go through the data engine to an empty strategy callback.

    python benchmarks/engine_dispatch.py

Prints ticks a second for each case, best of five rounds. The floor is the same loop calling the
strategy directly.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from posei_trader.config import LiveDataEngineConfig
from posei_trader.engine.bus import MessageBus
from posei_trader.engine.cache import Cache
from posei_trader.engine.clock import SimulatedClock
from posei_trader.engine.data import DataEngine
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.ticks import QuoteTick

if TYPE_CHECKING:
    from collections.abc import Callable

BATCH = 100_000
ROUNDS = 5


class Listener:
    """An empty strategy callback."""

    def on_quote_tick(self, tick):
        pass


def ticks(instrument_id: InstrumentId) -> list[QuoteTick]:
    return [
        QuoteTick(instrument_id, 100_000_000_000 + n, 100_010_000_000 + n, 10**9, 10**9, 2, 0, n, n)
        for n in range(BATCH)
    ]


def engine(listeners: int, *, validate: bool) -> DataEngine:
    instrument_id = InstrumentId("AAPL.XNAS")
    bus, clock = MessageBus(), SimulatedClock()
    made = DataEngine(bus, Cache(), clock, LiveDataEngineConfig(validate_data_sequence=validate))
    for _ in range(listeners):
        bus.subscribe(f"data.quotes.{instrument_id}", Listener().on_quote_tick)
    return made


def rate(deliver: Callable[[QuoteTick], object], batch: list[QuoteTick]) -> float:
    best = 0.0
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for tick in batch:
            deliver(tick)
        best = max(best, len(batch) / (time.perf_counter() - begin))
    return best


def main() -> None:
    batch = ticks(InstrumentId("AAPL.XNAS"))
    cases = {
        "floor: the callback alone": Listener().on_quote_tick,
        "engine, nobody listens": engine(0, validate=False).quote_tick,
        "engine, 1 strategy": engine(1, validate=False).quote_tick,
        "engine, 10 strategies": engine(10, validate=False).quote_tick,
    }
    for name, deliver in cases.items():
        print(f"{name:<36}{rate(deliver, batch):>14,.0f} ticks/s")
    repeated = engine(1, validate=True)
    begin = time.perf_counter()
    for tick in batch:
        repeated.quote_tick(tick)
    spent = time.perf_counter() - begin
    print(f"{'engine, 1 strategy, validated':<36}{len(batch) / spent:>14,.0f} ticks/s")


if __name__ == "__main__":
    main()
