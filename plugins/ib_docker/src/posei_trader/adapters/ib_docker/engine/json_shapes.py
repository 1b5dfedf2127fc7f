"""The parts of the engine's JSON answers that we read, as types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from posei_trader.adapters.ib_docker.engine.seam import Address, ContainerFacts, ImageFacts

if TYPE_CHECKING:
    from collections.abc import Mapping


class _State(msgspec.Struct, rename="pascal"):
    status: str = ""
    running: bool = False
    exit_code: int = 0
    error: str = ""
    oom_killed: bool = msgspec.field(default=False, name="OOMKilled")
    started_at: str = ""


class _Config(msgspec.Struct, rename="pascal"):
    image: str = ""
    labels: dict[str, str] | None = None
    cmd: list[str] | None = None
    user: str = ""


class _PortBinding(msgspec.Struct, rename="pascal"):
    host_ip: str = ""
    host_port: str = ""


class _Network(msgspec.Struct, rename="pascal"):
    ports: dict[str, list[_PortBinding] | None] | None = None


class _Mount(msgspec.Struct, rename="pascal"):
    source: str = ""
    destination: str = ""


class _Container(msgspec.Struct, rename="pascal"):
    id: str
    name: str = ""
    image: str = ""
    restart_count: int = 0
    state: _State = msgspec.field(default_factory=_State)
    config: _Config = msgspec.field(default_factory=_Config)
    network_settings: _Network = msgspec.field(default_factory=_Network)
    mounts: list[_Mount] | None = None


class _Image(msgspec.Struct, rename="pascal"):
    id: str
    architecture: str = ""
    repo_digests: list[str] | None = None
    config: _Config | None = None


class ListedPort(msgspec.Struct, rename="pascal"):
    """One port in the engine's list of containers."""

    public_port: int | None = None


class ListedContainer(msgspec.Struct, rename="pascal"):
    """One row of the engine's list of containers."""

    id: str
    names: list[str] | None = None
    ports: list[ListedPort] | None = None


def container_facts(answer: Mapping[str, object]) -> ContainerFacts:
    """Return what an `inspect` answer says."""
    raw = msgspec.convert(answer, _Container)
    return ContainerFacts(
        id=raw.id,
        name=raw.name.lstrip("/"),
        status=raw.state.status,
        running=raw.state.running,
        exit_code=raw.state.exit_code,
        error=raw.state.error,
        oom_killed=raw.state.oom_killed,
        started_at=raw.state.started_at,
        restart_count=raw.restart_count,
        image_id=raw.image,
        image=raw.config.image,
        labels=raw.config.labels or {},
        ports=_published(raw.network_settings.ports or {}),
        mounts={mount.destination: mount.source for mount in raw.mounts or ()},
    )


def image_facts(answer: Mapping[str, object]) -> ImageFacts:
    """Return what an image `inspect` answer says."""
    raw = msgspec.convert(answer, _Image)
    config = raw.config or _Config()
    return ImageFacts(
        id=raw.id,
        architecture=raw.architecture,
        digests=tuple(raw.repo_digests or ()),
        command=tuple(config.cmd or ()),
        user=config.user,
    )


def listed(answer: object) -> list[ListedContainer]:
    """Return the rows of the engine's list of containers."""
    return msgspec.convert(answer, list[ListedContainer])


def _published(ports: Mapping[str, list[_PortBinding] | None]) -> dict[int, Address]:
    found: dict[int, Address] = {}
    for inside, bindings in ports.items():
        number = inside.partition("/")[0]
        for binding in bindings or ():
            # With IPv6 there are two; the first is the one that was asked for.
            found.setdefault(int(number), Address(binding.host_ip, int(binding.host_port)))
    return found
