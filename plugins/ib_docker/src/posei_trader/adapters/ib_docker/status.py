"""Look at an instance from outside: what any process can find out without having started it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from posei_trader.adapters.ib_docker.controller import api_address
from posei_trader.adapters.ib_docker.daily_restart import next_restart
from posei_trader.adapters.ib_docker.errors import NotStarted
from posei_trader.adapters.ib_docker.handshake import Handshake, HandshakeFailed, shake_hands
from posei_trader.adapters.ib_docker.plan import IMAGE_DIGEST, own_labels, settings_of
from posei_trader.adapters.ib_docker.replay import last_life, whole_lines
from posei_trader.adapters.ib_docker.state_machine import GatewayMachine, MachineRules
from posei_trader.adapters.ib_docker.states import GatewayState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine, ContainerFacts
    from posei_trader.adapters.ib_docker.log_parser import LogEvent


class Endpoint(msgspec.Struct, frozen=True):
    """The API of one mode, and what it answered just now."""

    mode: str
    state: str
    logged_in: bool
    host: str | None = None
    port: int | None = None
    handshake_ms: float | None = None
    server_version: int | None = None
    reason: str | None = None


class GatewayStatus(msgspec.Struct, frozen=True):
    """One instance as it is now; nothing in it is secret."""

    instance: str
    state: str
    endpoints: tuple[Endpoint, ...] = ()
    container: str | None = None
    container_id: str | None = None
    container_status: str | None = None
    since: str | None = None
    restarts: int = 0
    image: str | None = None
    image_digest: str | None = None
    read_only_api: bool | None = None
    auto_restart: str | None = None
    next_restart: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether every API of the instance serves."""
        return self.state == GatewayState.READY.value


async def look(config: DockerizedIBGatewayConfig, engine: ContainerEngine) -> GatewayStatus:
    """Return the status of an instance: its container, its log, and one handshake each.

    Raises:
        EngineUnavailable: The engine does not answer.
    """
    found = await asyncio.to_thread(engine.find, own_labels(config))
    if not found:
        return GatewayStatus(config.instance_name, GatewayState.ABSENT.value)
    facts = found[0]
    events = await asyncio.to_thread(_events, config, engine, facts)
    machines = [_machine(config, mode, facts, events) for mode in config.modes]
    endpoints = [await _endpoint(config, engine, facts, machine) for machine in machines]
    ready = all(machine.is_ready for machine in machines)
    unfinished = next((machine for machine in machines if not machine.is_ready), machines[0])
    session = machines[0].session
    return GatewayStatus(
        instance=config.instance_name,
        state=(GatewayState.READY if ready else unfinished.state).value,
        endpoints=tuple(endpoints),
        container=facts.name,
        container_id=facts.id[:12],
        container_status=facts.status,
        since=facts.started_at,
        restarts=facts.restart_count,
        image=facts.image,
        image_digest=facts.labels.get(IMAGE_DIGEST),
        read_only_api=session.read_only,
        auto_restart=session.auto_restart,
        next_restart=_next_restart(config, facts, session.auto_restart),
    )


def logged_in(config: DockerizedIBGatewayConfig, log: bytes | str) -> bool:
    """Return whether the last life of the program in this log completed its login."""
    data = log.encode() if isinstance(log, str) else log
    events = last_life(whole_lines(data), config.profile.markers)
    now = time.monotonic()
    machine = GatewayMachine(MachineRules(mode=config.modes[0]), now)
    machine.started(now, adopted=True)
    for event in events:
        machine.log(event, now)
    return machine.logged_in


def _next_restart(
    config: DockerizedIBGatewayConfig, facts: ContainerFacts, time_of_day: str | None
) -> str | None:
    if time_of_day is None or not facts.running:
        return None
    zone = settings_of(facts).get("TIME_ZONE", config.time_zone)
    due = next_restart(time_of_day, zone, datetime.now(UTC))
    return due.strftime("%Y-%m-%dT%H:%M:%SZ") if due else None


def _events(
    config: DockerizedIBGatewayConfig, engine: ContainerEngine, facts: ContainerFacts
) -> list[LogEvent]:
    log = engine.logs(facts.id)
    return last_life(whole_lines(log), config.profile.markers)


def _machine(
    config: DockerizedIBGatewayConfig,
    mode: str,
    facts: ContainerFacts,
    events: Sequence[LogEvent],
) -> GatewayMachine:
    now = time.monotonic()
    shared = len(config.modes) > 1
    machine = GatewayMachine(MachineRules(mode=mode, shared_log=shared), now)
    machine.started(now, adopted=True)
    for event in events:
        machine.log(event, now)
    if not facts.running:
        machine.exited(facts.exit_code, now)
    return machine


async def _endpoint(
    config: DockerizedIBGatewayConfig,
    engine: ContainerEngine,
    facts: ContainerFacts,
    machine: GatewayMachine,
) -> Endpoint:
    mode = machine.rules.mode
    try:
        host, port = api_address(config, engine, facts, mode)
    except NotStarted as error:
        return _described(machine, None, None, error.message)
    answer: Handshake | str
    try:
        answer = await shake_hands(host, port)
    except HandshakeFailed as error:
        answer = str(error)
    machine.probe(time.monotonic(), answered=isinstance(answer, Handshake))
    return _described(machine, host, port, answer)


def _described(
    machine: GatewayMachine, host: str | None, port: int | None, answer: Handshake | str
) -> Endpoint:
    answered = isinstance(answer, Handshake)
    return Endpoint(
        mode=machine.rules.mode,
        state=machine.state.value,
        logged_in=machine.logged_in,
        host=host,
        port=port,
        handshake_ms=round(answer.seconds * 1000, 1) if isinstance(answer, Handshake) else None,
        server_version=answer.server_version if isinstance(answer, Handshake) else None,
        reason=None if answered else str(answer),
    )
