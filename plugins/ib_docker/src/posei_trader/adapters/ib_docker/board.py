"""The state machines of one container, and those who want to know what they say.

A container holds one gateway, or two that share one log. The board passes everything that happens
to all of them, keeps the last lines of the log, and wakes whoever waits for news.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.errors import Diagnosis
from posei_trader.adapters.ib_docker.log_parser import LogParser
from posei_trader.adapters.ib_docker.markers import LogKind
from posei_trader.adapters.ib_docker.state_machine import GatewayMachine, MachineRules
from posei_trader.adapters.ib_docker.states import FullLoginNeeded, GatewayState, StateChanged
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerFacts
    from posei_trader.adapters.ib_docker.log_parser import LogEvent, LogLine
    from posei_trader.adapters.ib_docker.redaction import Redactor
    from posei_trader.adapters.ib_docker.states import Failure, Notice

_log = get_logger("DockerizedIBGateway")

_TAIL: Final = 60


class Board:
    """Follow the gateways of one start; used on one event loop.

    Args:
        config: What runs.
        redact: Takes the secrets out of what is kept.
        listener: Is told every notice, in order. It must not block.
        timeout: Replaces the configured one.
    """

    def __init__(
        self,
        config: DockerizedIBGatewayConfig,
        redact: Redactor,
        listener: Callable[[Notice], None] | None = None,
        *,
        timeout: float | None = None,
    ) -> None:
        now = time.monotonic()
        self.timeout = timeout or config.timeout
        self.machines = {
            mode: GatewayMachine(
                MachineRules(
                    mode=mode,
                    api_port=config.profile.api_port(mode),
                    timeout=self.timeout,
                    two_fa_timeout=config.two_fa_timeout,
                    two_fa_pushes=config.two_fa_pushes,
                    shared_log=len(config.modes) > 1,
                ),
                now,
            )
            for mode in config.modes
        }
        self.urgent = asyncio.Event()
        """Set when the supervisor must act before it goes on reading the log."""
        self.full_login_wanted = False
        self.has_served = False
        self.last_stamp: str | None = None
        self.boots = 0
        """How often the container has begun, as its log tells."""
        self._config = config
        self._redact = redact
        self._listener = listener
        self._parser = LogParser(config.profile.markers)
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._news = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether all gateways serve."""
        return all(machine.is_ready for machine in self.machines.values())

    @property
    def failure(self) -> Failure | None:
        """Why one of them failed, if one has."""
        return next((one.failure for one in self.machines.values() if one.failure), None)

    @property
    def news(self) -> asyncio.Event:
        """The event that the next change will set; take it anew each time."""
        return self._news

    def announce(self) -> None:
        """Wake everybody who waits for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def tell(self, happening: Callable[[GatewayMachine, float], list[Notice]]) -> None:
        """Tell all machines what happened, at the present time."""
        now = time.monotonic()
        for machine in self.machines.values():
            self.publish(happening(machine, now))

    def publish(self, notices: Sequence[Notice]) -> None:
        """Pass on what a machine answered."""
        for notice in notices:
            if isinstance(notice, FullLoginNeeded):
                self.full_login_wanted = True
                self.urgent.set()
            if isinstance(notice, StateChanged):
                self._state_changed(notice)
            self.report(notice)
        if notices:
            self.announce()

    def fail(self, failure: Failure) -> None:
        """Let all machines fail for a reason that they cannot see themselves."""
        self.tell(lambda machine, now: machine.fail(failure, now))

    def read(self, line: LogLine) -> None:
        """Take in one line of the log."""
        self.remember(line)
        event = self._parser.parse(line)
        if event is None:
            return
        self.take(event)
        if event.kind is LogKind.BOOTING:
            self.boots += 1
            if self.boots > 1:  # the engine restarted it: its ports may be other ones now
                self.urgent.set()

    def read_rest(self, lines: Sequence[LogLine]) -> None:
        """Take in the end of a log: its last words must be known before the end is told."""
        known = self.last_stamp or ""
        for line in lines:
            if line.stamp is None or line.stamp > known:
                self.read(line)

    def take(self, event: LogEvent) -> None:
        """Take in one event of the log."""
        self.tell(lambda machine, now: machine.log(event, now))

    def remember(self, line: LogLine) -> None:
        """Keep a line for a later diagnosis, without its secrets."""
        self.last_stamp = line.stamp or self.last_stamp
        self._tail.append(self._redact(line.text))

    def report(self, notice: Notice) -> None:
        """Log a notice and tell the listener."""
        _log.info("gateway notice", instance=self._config.instance_name, notice=str(notice))
        if self._listener is None:
            return
        try:
            self._listener(notice)
        except Exception:  # noqa: BLE001 - somebody else's code must not stop the watching
            _log.exception("a gateway listener failed", notice=notice)

    def describe(self, container: ContainerFacts) -> Diagnosis:
        """Return the evidence for an error."""
        machine = next((one for one in self.machines.values() if one.failure), None)
        machine = machine or next(iter(self.machines.values()))
        facts = {
            "name": container.name,
            "status": container.status,
            "exit code": str(container.exit_code),
            "restarts": str(container.restart_count),
            "image": container.image,
        }
        published = [f"{inside}->{at.host}:{at.port}" for inside, at in container.ports.items()]
        facts["ports"] = " ".join(published) or "none"
        facts["image id"] = container.image_id[:19]
        if container.oom_killed:
            facts["out of memory"] = "yes"
        if container.error:
            facts["error"] = container.error
        return Diagnosis(
            instance=self._config.instance_name,
            state=machine.last_working_state.value,
            seconds_per_state={
                state.value: round(seconds, 1) for state, seconds in machine.watch.per_state.items()
            },
            container=facts,
            log_tail=tuple(self._tail),
        )

    def _state_changed(self, change: StateChanged) -> None:
        if change.state in {GatewayState.FAILED, GatewayState.DEGRADED}:
            self.urgent.set()
        elif self.is_ready:
            self.has_served = True
            self.urgent.set()
