"""What the controller asks of a container engine; nothing in it knows Docker's package.

Every method blocks and may be called from any thread; the controller calls them in worker threads.
Every failure is one of the classes in `errors`: `EngineUnavailable` when nobody answers,
`EngineRefused` when the answer is an error without a class of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from posei_trader.adapters.ib_docker.states import PullProgress


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """Who answered."""

    url: str
    version: str
    api_version: str
    architecture: str
    operating_system: str
    storage_driver: str
    data_root: str
    """Where the engine keeps images and containers, on its own machine."""
    is_local: bool
    """Whether files of this machine can be mounted, and published ports are on this machine."""


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image that the engine has."""

    id: str
    architecture: str
    digests: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a published port is reached."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class ContainerPlan:
    """Everything needed to create a container; secrets are not part of it."""

    name: str
    image: str
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[int, Address] = field(default_factory=dict)
    """Port in the container to address on the host; port 0 takes a free one."""
    read_only_mounts: Mapping[str, str] = field(default_factory=dict)
    """Path in the container to directory on the host."""
    volumes: Mapping[str, str] = field(default_factory=dict)
    """Path in the container to the name of a volume."""
    memory_directories: tuple[str, ...] = ()
    """Paths in the container that live in memory only."""
    memory_owner: tuple[int, int] | None = None
    """User and group number of those; without it they are open to every user of the container."""
    command: tuple[str, ...] | None = None
    network: str | None = None
    platform: str | None = None
    memory_mb: int = 2048
    cpus: float = 2.0
    pids_limit: int = 512
    hardened: bool = False
    restart_policy: str = "no"


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What the engine says about one container now."""

    id: str
    name: str
    status: str
    running: bool
    exit_code: int
    error: str
    oom_killed: bool
    started_at: str
    restart_count: int
    image_id: str
    image: str
    labels: Mapping[str, str]
    ports: Mapping[int, Address]
    mounts: Mapping[str, str]
    """Path in the container to path on the host."""


class LogStream(Protocol):
    """The log of a running container as it grows; ends when the container ends or on `close`."""

    def __iter__(self) -> Iterator[bytes]:
        """Yield chunks, cut anywhere; blocks while there is nothing new."""

    def close(self) -> None:
        """End the iteration at once, also from another thread. Idempotent."""


class ContainerEngine(Protocol):
    """A container engine."""

    @property
    def published_host(self) -> str:
        """The host on which published ports are reached from here."""

    def info(self) -> EngineInfo:
        """Say who answers."""

    def image(self, reference: str) -> ImageFacts | None:
        """Return the image, or None when the engine does not have it."""

    def pull(
        self, reference: str, platform: str | None, report: Callable[[PullProgress], bool]
    ) -> None:
        """Fetch the image; `report` returns False to cancel.

        Raises:
            ImageNotFound: The registry has no such image.
            PullFailed: It could not be fetched, or `report` cancelled.
        """

    def create(self, plan: ContainerPlan) -> str:
        """Create a container without starting it, and return its id.

        Raises:
            NameInUse: The name is taken.
        """

    def start(self, container_id: str) -> None:
        """Start a container.

        Raises:
            PortInUse: A port of its plan is taken; the container still exists.
        """

    def stop(self, container_id: str, grace: float) -> None:
        """Ask the program to end, and kill it after `grace` seconds. Idempotent."""

    def kill(self, container_id: str) -> None:
        """End the program without asking. Idempotent."""

    def signal(self, container_id: str, name: str) -> None:
        """Send a signal to the program."""

    def remove(self, container_id: str) -> None:
        """Remove a container and its anonymous volumes, running or not. Idempotent."""

    def inspect(self, name_or_id: str) -> ContainerFacts | None:
        """Return what is known about a container, or None when there is none."""

    def find(self, labels: Mapping[str, str]) -> list[ContainerFacts]:
        """Return all containers, running or not, that carry these labels."""

    def publishers(self, port: int) -> list[str]:
        """Return the names of running containers that publish this port of the host."""

    def logs(
        self, container_id: str, *, since: str | None = None, tail: int | None = None
    ) -> bytes:
        """Return the log so far, each line with the engine's time stamp."""

    def follow(self, container_id: str, *, since: str | None = None) -> LogStream:
        """Follow the log, each line with the engine's time stamp."""

    def feed(self, container_id: str, command: Sequence[str], lines: Sequence[str]) -> None:
        """Run a command in the container and write lines to its input; nothing is recorded."""

    def close(self) -> None:
        """Let go of the connections. Idempotent."""
