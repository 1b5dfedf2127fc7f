"""What every contestant measures with: arrivals, processor time and memory. Needs no package."""

from __future__ import annotations

import json
import resource
import sys
import time

LAST_PRICE = 999.0


class Meter:
    """Note when ticks arrive; `tick` is all that a contestant's callback calls."""

    def __init__(self, *, keeps_moments: bool) -> None:
        self.count = 0
        self.first_ns = self.last_ns = 0
        self.moments: list[tuple[int, int]] = []
        self.is_done = False
        self.on_done = lambda: None
        self._keeps = keeps_moments
        self._cpu = 0.0

    def tick(self, price: float, number: int) -> None:
        """Take a tick: its bid or price, and its number where latency is measured."""
        now = time.monotonic_ns()
        if not self.count:
            self.first_ns = now
            self._cpu = time.process_time()
        self.count += 1
        if self._keeps:
            self.moments.append((number, now))
        if price == LAST_PRICE and not self.is_done:
            self.last_ns = now
            self._cpu = time.process_time() - self._cpu
            self.is_done = True
            self.on_done()

    def report(self, **more: object) -> None:
        """Print the result as one line of JSON."""
        print(
            json.dumps(
                {
                    "count": self.count,
                    "first_ns": self.first_ns,
                    "last_ns": self.last_ns,
                    "cpu_s": self._cpu,
                    "rss_mb": memory_mb(),
                    "moments": self.moments,
                    **more,
                }
            )
        )
        sys.stdout.flush()


def memory_mb() -> float:
    """Return the resident memory of this process now."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[1])
    return pages * resource.getpagesize() / 2**20
