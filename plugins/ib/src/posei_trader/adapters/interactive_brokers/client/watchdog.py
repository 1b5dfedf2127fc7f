"""Liveness by round trip: when nothing comes for a while, the gateway is asked what time it is.

A socket that is half open keeps silent; one that only has nothing to say answers. The same timer
shows how late the event loop is, and stamps when each stream was last seen. What time it is at the
gateway is asked once a minute in any case: clocks drift, and are set.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.clock import REPLAY_NS
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.errors import PoseiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.transport import GatewaySocket

__all__ = ["Watchdog"]

_LOOKS_PER_INTERVAL: Final = 4
_SECOND: Final = 1_000_000_000
_ASK_TIME_EVERY_NS: Final = 60 * _SECOND
_LARGE_OFFSET_NS: Final = 2 * _SECOND


@final
class Watchdog:
    """Look at a socket now and then.

    Args:
        session: What sends the probe.
        options: How long without a byte before a probe is sent, how long without one after it
            before the gateway counts as silent, and how late the event loop may be.
        silent: Called with the seconds of silence.
    """

    def __init__(
        self, session: Session, options: ConnectionOptions, silent: Callable[[float], None]
    ) -> None:
        self._session = session
        self._interval = options.probe_interval
        self._timeout = options.probe_timeout
        self._longest_lag = options.longest_lag
        self._silent = silent
        self._socket: GatewaySocket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reads = 0
        self._seen_at = 0.0
        self._probed_at: float | None = None
        self._asked_time_ns = 0
        self._is_offset_told = False
        self.loop_lag_s = 0.0
        """How late the last look was."""
        self.loop_lag_max_s = 0.0
        """How late the latest look ever was."""
        self.loop_stalls = 0
        """How often the event loop was later than `longest_lag`."""
        self.clock_offset_ns: int | None = None
        """How far the gateway's clock is ahead of ours, from the last probe; None before one."""
        self.round_trip_s: float | None = None
        """How long the last probe took."""
        self.probes = 0

    def start(self, socket: GatewaySocket) -> None:
        """Watch a socket that has just become ready."""
        self.stop()
        self._socket = socket
        self._reads = socket.reads
        now = self._seen_at = asyncio.get_running_loop().time()
        self._probe(now)
        self._look_again()

    def stop(self) -> None:
        """Watch nothing. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._socket = None
        self._probed_at = None

    def answered(self, server_time_s: int) -> None:
        """Take note of what time it is at the gateway: the answer to a probe, or to a question."""
        # The answer is cut to a second: on average, half of one is missing.
        venue_ns = server_time_s * _SECOND + _SECOND // 2
        self.clock_offset_ns = venue_ns - self._session.clock.timestamp_ns()
        self._tell_offset(self.clock_offset_ns)
        if self._probed_at is not None:
            self.round_trip_s = asyncio.get_running_loop().time() - self._probed_at
            self._probed_at = None

    def _tell_offset(self, offset_ns: int) -> None:
        if abs(offset_ns) < _SECOND:
            self._is_offset_told = False
        elif _LARGE_OFFSET_NS <= abs(offset_ns) < REPLAY_NS and not self._is_offset_told:
            self._is_offset_told = True
            self._session.log.warning(
                "our clock and the gateway's differ: bars that the clock closes come later",
                ahead_s=round(-offset_ns / _SECOND, 1),
                remedy="synchronize this machine's clock, and the gateway's: with NTP, for example",
            )

    def _look_again(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(self._interval, self._timeout) / _LOOKS_PER_INTERVAL
        self._timer = loop.call_at(loop.time() + pause, self._look, loop.time() + pause)

    def _look(self, due: float) -> None:
        socket, now = self._socket, asyncio.get_running_loop().time()
        if socket is None:
            return
        self._measure_lag(now - due)
        self._session.streams.stamp()
        if socket.reads != self._reads:
            self._reads = socket.reads
            self._seen_at = now
            self._probed_at = None
            asked_before_ns = self._session.clock.timestamp_ns() - self._asked_time_ns
            if asked_before_ns >= _ASK_TIME_EVERY_NS:
                self._probe(now)
        elif self._probed_at is None:
            # A loop that was held up has not read what lies in the socket: ask before judging.
            if now - self._seen_at >= self._interval:
                self._probe(now)
        elif now - self._probed_at >= self._timeout + self.loop_lag_s:
            self._silent(now - self._seen_at)
            return
        self._look_again()

    def _measure_lag(self, seconds: float) -> None:
        self.loop_lag_s = seconds
        self.loop_lag_max_s = max(self.loop_lag_max_s, seconds)
        if seconds > self._longest_lag:
            self.loop_stalls += 1
            self._session.log.warning(
                "the event loop was late: something blocks it",
                seconds=round(seconds, 3),
                stalls=self.loop_stalls,
            )

    def _probe(self, now: float) -> None:
        self._probed_at = now
        self._asked_time_ns = self._session.clock.timestamp_ns()
        self.probes += 1
        try:
            data = self._session.encode(lambda ib: ib.reqCurrentTime())
            self._session.scheduler.submit(Command(data, Lane.ORDER))
        except PoseiError as error:
            self._session.log.warning("no sign of life could be asked for", error=error.message)
