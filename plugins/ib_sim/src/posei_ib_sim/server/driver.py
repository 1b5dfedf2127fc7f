"""Running the simulated clock inside an event loop.

At a numeric speed, timers run when their real time has come. At speed "max" the clock jumps from
one moment to the next; after each moment that sent something, everything must have left for the
clients before the next begins, and in lockstep the clients must have fallen silent too. So an
order sent in reaction to one moment is in the book before the next one happens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

if TYPE_CHECKING:
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.config import SimulatedIBGatewayConfig
    from posei_ib_sim.server.server import Server

__all__ = ["Driver"]

_TURN_SECONDS: Final = 0.005
# Before a replay begins, clients get this long a silence to finish their requests.
_START_SILENCE: Final = 0.05


@final
class Driver:
    """Drives the clock of one simulation.

    Args:
        clock: The clock.
        server: Knows what has been sent and heard.
        config: Speed, pace and the condition to start on.
    """

    def __init__(
        self, clock: SimulatedClock, server: Server, config: SimulatedIBGatewayConfig
    ) -> None:
        self._clock = clock
        self._server = server
        self._config = config
        self._mode: str = "rate" if clock.rate is not None else str(config.speed)
        self._running = asyncio.Event()
        self._wake = asyncio.Event()
        self._began = False
        self._loop = asyncio.get_running_loop()
        clock.on_timer_added = self._wake.set
        if config.starts_on == "immediately":
            self.resume()

    @property
    def is_running(self) -> bool:
        """Whether simulated time passes by itself."""
        return self._running.is_set() and self._mode != "step"

    def activity(self) -> None:
        """Note the first subscription or order, which may be what the start waits for."""
        if not self._began:
            self.resume()

    def resume(self) -> None:
        """Let time pass."""
        self._began = True
        self._clock.resume()
        self._running.set()
        self._wake.set()

    def pause(self) -> None:
        """Hold time."""
        self._began = True
        self._clock.pause()
        self._running.clear()
        self._wake.set()

    def replay_ended(self) -> None:
        """Go on in real time after a replay at full speed: nothing is left to hurry for."""
        if self._mode == "max":
            self._mode = "rate"
            self._clock.set_rate(1.0)
            self._clock.resume()

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._running.wait()
            if self._mode == "max":
                await self._run_fast()
            elif self._mode == "rate":
                await self._run_flowing()
            else:
                self._running.clear()

    async def advance(self, delta_ns: int) -> None:
        """Move a stepped clock on, moment by moment, letting clients read in between."""
        target = self._clock.now_ns + delta_ns
        while (due := self._clock.next_due_ns) is not None and due <= target:
            before = self._server.frames_sent
            self._clock.run_next()
            if self._is_stirred(before):
                await self._settle()
        self._clock.advance_to(target)
        await self._settle()

    async def _run_flowing(self) -> None:
        started = self._loop.time()
        while self._running.is_set():
            due = self._clock.next_due_ns
            delay = self._clock.seconds_until(due) if due is not None else None
            if delay is None or delay > 0:
                await self._sleep(delay)
                started = self._loop.time()
                continue
            self._clock.run_next()
            if self._loop.time() - started > _TURN_SECONDS:
                await asyncio.sleep(0)
                started = self._loop.time()

    async def _run_fast(self) -> None:
        if self._config.pace == "lockstep":
            await self._silence(_START_SILENCE)
        started = self._loop.time()
        while self._running.is_set() and self._mode == "max":
            before = self._server.frames_sent
            if self._clock.run_next() is None:
                await self._sleep(None)
                continue
            if self._is_stirred(before):
                await self._settle()
            elif self._loop.time() - started > _TURN_SECONDS:
                await asyncio.sleep(0)
                started = self._loop.time()

    def _is_stirred(self, sent_before: int) -> bool:
        # While the server works on an answer, simulated time that is in a hurry waits for it.
        return self._server.frames_sent != sent_before or not self._server.jobs.is_idle

    async def _settle(self) -> None:
        await self._server.drain()
        # Turns for clients that live in this loop: one to read, one to react.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if self._config.pace == "lockstep":
            await self._silence(self._config.lockstep_gap)

    async def _silence(self, gap: float) -> None:
        begun = self._loop.time()
        while True:
            rest = max(self._server.last_heard, begun) + gap - self._loop.time()
            if rest <= 0:
                return
            await asyncio.sleep(rest)

    async def _sleep(self, delay: float | None) -> None:
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), delay)
        except TimeoutError:
            return
