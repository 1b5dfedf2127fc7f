"""Look for everything that could keep a gateway from starting, without starting it."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from posei_trader.adapters.ib_docker.errors import GatewayError
from posei_trader.adapters.ib_docker.launcher import matching_architecture
from posei_trader.adapters.ib_docker.local_state import LocalState
from posei_trader.adapters.ib_docker.plan import own_labels, ports
from posei_trader.adapters.ib_docker.port_check import require_free

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine, EngineInfo

_ROOM_TO_FETCH: Final = 3_000_000_000  # the image packed and unpacked
_ROOM_TO_RUN: Final = 200_000_000


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    ok: bool
    detail: str
    remedy: str | None = None


def examine(config: DockerizedIBGatewayConfig, engine: ContainerEngine) -> list[Finding]:
    """Return all findings; nothing is changed, and nothing stops at the first fault."""
    findings = [*_credentials(config), _time_zone(config)]
    try:
        info = engine.info()
    except GatewayError as error:
        return [*findings, Finding("engine", ok=False, detail=error.message, remedy=error.remedy)]
    version = f"{info.version} (API {info.api_version}) on {info.operating_system}"
    place = f"{info.architecture}, {info.storage_driver}, at {info.url}"
    findings.append(Finding("engine", ok=True, detail=f"{version}, {place}"))
    findings += [_image(config, engine, info), *_disk(config, engine, info)]
    running = [found for found in engine.find(own_labels(config)) if found.running]
    if running:
        text = f"{running[0].name} runs since {running[0].started_at}"
        return [*findings, Finding("instance", ok=True, detail=text)]
    return [*findings, *_ports(config, engine, info)]


def _credentials(config: DockerizedIBGatewayConfig) -> Iterator[Finding]:
    there = config.username is not None and config.password is not None
    yield Finding(
        "credentials",
        ok=there,
        detail=f"user {config.masked_username}" if there else "user name or password missing",
        remedy=None if there else "set TWS_USERNAME and TWS_PASSWORD",
    )
    if there:
        state, now = LocalState(config.state_dir), time.time()
        refusal = state.refused(state.login_hash(config), now)
        if refusal is not None:
            wait = f"blocked for another {refusal.until - now:.0f} s after {refusal.cause}"
            yield Finding("login", ok=False, detail=wait, remedy="correct them, wait, or --force")


def _time_zone(config: DockerizedIBGatewayConfig) -> Finding:
    try:
        ZoneInfo(config.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return Finding(
            "time zone", ok=False, detail=f"{config.time_zone} is unknown", remedy="use Etc/UTC"
        )
    return Finding("time zone", ok=True, detail=config.time_zone)


def _image(config: DockerizedIBGatewayConfig, engine: ContainerEngine, info: EngineInfo) -> Finding:
    image = engine.image(config.container_image)
    if image is None:
        will = config.pull_policy != "never"
        text = f"{config.container_image} is not here" + (", it will be fetched" if will else "")
        return Finding("image", ok=will, detail=text, remedy=None if will else "posei gateway pull")
    digest = image.digests[0] if image.digests else image.id
    if not (config.platform or matching_architecture(image, info)):
        text = f"{config.container_image} is for {image.architecture}, not {info.architecture}"
        return Finding("image", ok=False, detail=text, remedy="set platform and pull again")
    return Finding("image", ok=True, detail=f"{config.container_image} ({digest})")


def _disk(
    config: DockerizedIBGatewayConfig, engine: ContainerEngine, info: EngineInfo
) -> Iterator[Finding]:
    if not info.is_local:
        return
    try:
        free = shutil.disk_usage(info.data_root).free
    except OSError:
        return  # a virtual machine of the engine's, or not for us to see
    fetched = engine.image(config.container_image) is not None
    there = free > (_ROOM_TO_RUN if fetched else _ROOM_TO_FETCH)
    yield Finding(
        "disk",
        ok=there,
        detail=f"{free / 1e9:.1f} GB free in {info.data_root}",
        remedy=None if there else "make room, for example: docker system prune",
    )


def _ports(
    config: DockerizedIBGatewayConfig, engine: ContainerEngine, info: EngineInfo
) -> Iterator[Finding]:
    for address in ports(config).values() if info.is_local else ():
        where = f"{address.host}:{address.port or 'any free one'}"
        try:
            require_free(engine, address, "api_port")
        except GatewayError as error:
            yield Finding("port", ok=False, detail=error.message, remedy=error.remedy)
        else:
            yield Finding("port", ok=True, detail=f"{where} is free")
