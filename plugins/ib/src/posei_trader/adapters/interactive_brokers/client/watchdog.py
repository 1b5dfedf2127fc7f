"""Liveness by round trip: when nothing comes for a while, the gateway is asked what time it is.

A socket that is half open keeps silent; one that only has nothing to say answers. The same timer
shows how late the event loop is, and stamps when each stream was last seen.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.errors import PoseiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.transport import GatewaySocket

__all__ = ["Watchdog"]

_LOOKS_PER_INTERVAL: Final = 4
_LATE_S: Final = 1.0


@final
class Watchdog:
    """Look at a socket now and then.

    Args:
        session: What sends the probe.
        interval: Seconds without a byte before a probe is sent.
        timeout: Seconds without a byte after it before the gateway counts as silent.
        silent: Called with the seconds of silence.
    """

    def __init__(
        self, session: Session, interval: float, timeout: float, silent: Callable[[float], None]
    ) -> None:
        self._session = session
        self._interval = interval
        self._timeout = timeout
        self._silent = silent
        self._socket: GatewaySocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reads = 0
        self._seen_at = 0.0
        self._probed_at: float | None = None
        self._counts: dict[int, int] = {}
        self.loop_lag_s = 0.0
        """How late the last look was."""
        self.round_trip_s: float | None = None
        """How long the last probe took."""
        self.probes = 0

    def start(self, socket: GatewaySocket) -> None:
        """Watch a socket that has just become ready."""
        self.stop()
        self._socket = socket
        self._reads = socket.reads
        self._seen_at = asyncio.get_running_loop().time()
        self._look_again()

    def stop(self) -> None:
        """Watch nothing. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._socket = None
        self._probed_at = None

    def answered(self, _server_time: int) -> None:
        """Take note of the answer to a probe."""
        if self._probed_at is not None:
            self.round_trip_s = asyncio.get_running_loop().time() - self._probed_at
            self._probed_at = None

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(self._interval, self._timeout) / _LOOKS_PER_INTERVAL
        self._timer = loop.call_at(loop.time() + pause, self._look, loop.time() + pause)

    def _look(self, due: float) -> None:
        socket, now = self._socket, asyncio.get_running_loop().time()
        if socket is None:
            return
        self.loop_lag_s = now - due
        if self.loop_lag_s > _LATE_S:
            self._session.log.warning("the event loop was late", seconds=round(self.loop_lag_s, 1))
        self._stamp_streams()
        if socket.reads != self._reads:
            self._reads = socket.reads
            self._seen_at = now
            self._probed_at = None
        elif self._probed_at is None:
            # A loop that was held up has not read what lies in the socket: ask before judging.
            if now - self._seen_at >= self._interval:
                self._probe(now)
        elif now - self._probed_at >= self._timeout + self.loop_lag_s:
            self._silent(now - self._seen_at)
            return
        self._look_again()

    def _probe(self, now: float) -> None:
        self._probed_at = now
        self.probes += 1
        try:
            data = self._session.encode(lambda ib: ib.reqCurrentTime())
            self._session.scheduler.submit(Command(data, Lane.ORDER))
        except PoseiError as error:
            self._session.log.warning("no sign of life could be asked for", error=error.message)

    def _stamp_streams(self) -> None:
        now = self._session.clock.timestamp_ns()
        counts: dict[int, int] = {}
        for req_id, stream in self._session.streams.by_id.items():
            counts[req_id] = stream.received
            if stream.received != self._counts.get(req_id, 0):
                stream.last_seen_ns = now
        self._counts = counts
