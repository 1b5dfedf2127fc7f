"""What every contestant measures with: arrivals, processor time and memory. Needs no package."""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time

LAST_PRICE = 999.0
"""The bid, or the price, of the last tick: who has seen it has seen all."""

IB_RATE = 50
"""Messages a second, all kinds together."""

PATIENCE_S = 60.0
"""After it a run in which the last tick never came reports what did come."""


class Meter:
    """Note when ticks arrive; `tick` or `update` is all that a contestant's callback calls."""

    def __init__(self, *, keeps_moments: bool = False) -> None:
        self.count = 0
        self.first_ns = self.last_ns = 0
        self.moments: list[tuple[int, int]] = []
        self.is_done = False
        self.on_done = lambda: None
        self._keeps = keeps_moments
        self._cpu = self.start_cpu_s = 0.0
        self._price = 0.0
        watch = threading.Timer(PATIENCE_S, self._give_up)
        watch.daemon = True
        watch.start()

    def tick(self, price: float, number: int) -> None:
        """Take a tick: its bid or price, and its number where latency is measured."""
        now = time.monotonic_ns()
        if not self.count:
            self.first_ns = now
            self.start_cpu_s = self._cpu = time.process_time()
        self.count += 1
        if self._keeps:
            self.moments.append((number, now))
        if price == LAST_PRICE and not self.is_done:
            self.last_ns = now
            self._cpu = time.process_time() - self._cpu
            self.is_done = True
            self.on_done()

    def update(self, bid: float) -> None:
        """Take a quote of level one; each update brings another bid, and counts once."""
        if bid != self._price:
            self._price = bid
            self.tick(bid, 0)

    def report(self, **more: object) -> None:
        """Print the result as one line of JSON."""
        text = json.dumps(
            {
                "count": self.count,
                "is_done": self.is_done,
                "first_ns": self.first_ns,
                "last_ns": self.last_ns,
                "cpu_s": self._cpu,
                "start_cpu_s": self.start_cpu_s,
                "rss_mb": memory_mb(),
                "moments": self.moments,
                **more,
            }
        )
        print(text, flush=True)

    def _give_up(self) -> None:
        if self.count and not self.is_done:
            self.report()
            os._exit(0)


def memory_mb() -> float:
    """Return the resident memory of this process now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 2**20


def pause_s(left: int, rate: int) -> float:
    """Return how long after a fill the next order is sent.

    IB takes 50 messages a second: thirty orders in quick succession, then a rest.
    """
    return 1.1 if rate > IB_RATE and left % 30 == 0 else 1 / rate


def arguments() -> tuple[str, int, int, int]:
    """Return what is measured, the port, how much of it, and how many a second; 0 for all at once.

    For orders see `pause_s`.
    """
    kind, port, count, rate = sys.argv[1:]
    return kind, int(port), int(count), int(rate)
