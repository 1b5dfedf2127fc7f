"""Docker's (and podman's) engine behind our seam, by the `docker` package, loaded on first use."""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, cast

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.engine.json_shapes import (
    container_facts,
    image_facts,
    listed,
)
from posei_trader.adapters.ib_docker.engine.locate import EngineAddress, locate
from posei_trader.adapters.ib_docker.engine.pulling import PullMeter
from posei_trader.adapters.ib_docker.engine.seam import EngineInfo
from posei_trader.adapters.ib_docker.engine.translation import (
    refused,
    translated,
    unavailable,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import docker
    import requests
    from docker.types.daemon import CancellableStream

    from posei_trader.adapters.ib_docker.engine.seam import (
        ContainerFacts,
        ContainerPlan,
        ImageFacts,
        LogStream,
    )
    from posei_trader.adapters.ib_docker.states import PullProgress

_MEGABYTE: Final = 1024 * 1024
_CALL_TIMEOUT: Final = 60


class DockerEngine:
    """Talk to one engine. Connecting is lazy: constructing asks nobody anything."""

    def __init__(self, url: str | None = None) -> None:
        self._asked = url
        self._client: docker.APIClient | None = None
        self._closer: Callable[[], object] | None = None
        self._address: EngineAddress | None = None
        self._connecting = threading.Lock()

    @property
    def address(self) -> EngineAddress:
        """Where the engine is looked for.

        Raises:
            DockerPackageMissing: The `docker` package is not installed.
        """
        if self._address is None:
            self._address = locate(
                self._asked, os.environ, _context_host, lambda path: Path(path).exists()
            )
        return self._address

    @property
    def published_host(self) -> str:
        """The host on which published ports are reached from here."""
        return self.address.published_host

    def _api(self) -> docker.APIClient:
        with self._connecting:
            if self._client is None:
                self._client = self._connect()
                # Whoever forgets to close an engine loses no socket by it.
                self._closer = weakref.finalize(self, self._client.close)
            return self._client

    def _connect(self) -> docker.APIClient:
        _require_package()
        import docker  # noqa: PLC0415 - loaded on first use
        from docker.errors import DockerException  # noqa: PLC0415 - same
        from docker.utils import kwargs_from_env  # noqa: PLC0415 - same

        address = self.address
        tls = kwargs_from_env().get("tls", False) if address.source == "DOCKER_HOST" else False
        try:
            return docker.APIClient(
                base_url=address.url, version="auto", timeout=_CALL_TIMEOUT, tls=tls
            )
        except (DockerException, OSError, ImportError) as error:
            raise unavailable(address.url, address.source, error) from error

    @contextmanager
    def _call(self, field: str | None = None) -> Iterator[docker.APIClient]:
        client = self._api()
        with translated(self.address.url, self.address.source, field=field):
            yield client

    # --- engine and images -------------------------------------------------------------------

    def info(self) -> EngineInfo:
        """Say who answers."""
        with self._call() as api:
            info, version = api.info(), api.version()
        return EngineInfo(
            url=self.address.url,
            version=str(version.get("Version", "")),
            api_version=str(api.api_version),
            architecture=str(info.get("Architecture", "")),
            operating_system=str(info.get("OperatingSystem", "")),
            storage_driver=str(info.get("Driver", "")),
            data_root=str(info.get("DockerRootDir", "")),
            is_local=self.address.is_local,
        )

    def image(self, reference: str) -> ImageFacts | None:
        """Return the image, or None when the engine does not have it."""
        from docker.errors import NotFound  # noqa: PLC0415 - loaded on first use

        with self._call() as api:
            try:
                return image_facts(api.inspect_image(reference))  # type: ignore[no-untyped-call]
            except NotFound:
                return None

    def pull(
        self, reference: str, platform: str | None, report: Callable[[PullProgress], bool]
    ) -> None:
        """Fetch the image; `report` returns False to cancel."""
        from docker.errors import APIError  # noqa: PLC0415 - loaded on first use
        from requests.exceptions import RequestException  # noqa: PLC0415 - same

        meter = PullMeter(reference)
        repository, tag = _split(reference)
        with self._call(field="container_image"), self._cancellable() as api:
            try:
                for event in api.pull(
                    repository, tag=tag, stream=True, decode=True, platform=platform
                ):
                    failed = meter.take(event).error
                    if failed:
                        raise refused(failed, pulling=True, field="container_image")
                    if not report(meter.progress()):
                        raise errors.PullFailed(f"fetching {reference} was cancelled")
            except APIError as error:
                text = str(error.explanation or error)
                raise refused(text, pulling=True, field="container_image") from error
            except RequestException as error:
                raise refused(str(error), pulling=True, field="container_image") from error

    @contextmanager
    def _cancellable(self) -> Iterator[docker.APIClient]:
        """Give a connection of its own, whose answers are closed however it is left.

        The package never closes an answer that was not read to its end, nor one after which it
        failed; closing it is also what makes the engine cancel its work.
        """
        client = self._connect()
        answers: list[requests.Response] = []
        client.hooks["response"].append(lambda answer, *_args, **_kwargs: answers.append(answer))
        try:
            yield client
        finally:
            for answer in answers:
                answer.close()
            client.close()

    # --- the life of a container -------------------------------------------------------------

    def create(self, plan: ContainerPlan) -> str:
        """Create a container without starting it, and return its id."""
        with self._call(field="instance") as api:
            answer = api.create_container(
                plan.image,
                command=list(plan.command) if plan.command else None,
                name=plan.name,
                environment=dict(plan.environment),
                labels=dict(plan.labels),
                ports=list(plan.ports),
                platform=plan.platform,
                host_config=_host_config(api, plan, podman=_is_podman(api)),
            )
        return str(answer["Id"])

    def start(self, container_id: str) -> None:
        """Start a container."""
        with self._call(field="api_port") as api:
            api.start(container_id)

    def stop(self, container_id: str, grace: float) -> None:
        """Ask the program to end, and kill it after `grace` seconds. Idempotent."""
        with self._call() as api, _absent_is_fine():
            api.stop(container_id, timeout=round(grace))

    def kill(self, container_id: str) -> None:
        """End the program without asking. Idempotent."""
        with self._call() as api, _absent_is_fine():
            api.kill(container_id)

    def signal(self, container_id: str, name: str) -> None:
        """Send a signal to the program."""
        with self._call() as api:
            api.kill(container_id, signal=name)

    def remove(self, container_id: str) -> None:
        """Remove a container and its anonymous volumes, running or not. Idempotent."""
        with self._call() as api, _absent_is_fine():
            api.remove_container(container_id, v=True, force=True)

    # --- looking -----------------------------------------------------------------------------

    def inspect(self, name_or_id: str) -> ContainerFacts | None:
        """Return what is known about a container, or None when there is none."""
        from docker.errors import NotFound  # noqa: PLC0415 - loaded on first use

        with self._call() as api:
            try:
                return container_facts(api.inspect_container(name_or_id))
            except NotFound:
                return None

    def find(self, labels: Mapping[str, str]) -> list[ContainerFacts]:
        """Return all containers, running or not, that carry these labels."""
        wanted = [f"{name}={value}" for name, value in labels.items()]
        with self._call() as api:
            rows = listed(api.containers(all=True, filters={"label": wanted}))
        found = (self.inspect(row.id) for row in rows)
        return [facts for facts in found if facts is not None]

    def publishers(self, port: int) -> list[str]:
        """Return the names of running containers that publish this port of the host."""
        with self._call() as api:
            rows = listed(api.containers())
        return [
            (row.names or [row.id[:12]])[0].lstrip("/")
            for row in rows
            if any(listed_port.public_port == port for listed_port in row.ports or ())
        ]

    def logs(
        self, container_id: str, *, since: str | None = None, tail: int | None = None
    ) -> bytes:
        """Return the log so far, each line with the engine's time stamp."""
        with self._call() as api:
            return api.logs(
                container_id,
                timestamps=True,
                since=_seconds(since),
                tail="all" if tail is None else tail,
            )

    def follow(self, container_id: str, *, since: str | None = None) -> LogStream:
        """Follow the log, each line with the engine's time stamp."""
        with ExitStack() as opened, self._call():
            api = opened.enter_context(self._cancellable())
            stream = api.logs(
                container_id, timestamps=True, stream=True, follow=True, since=_seconds(since)
            )
            return _Follower(stream, opened.pop_all().close)

    def feed(self, container_id: str, command: Sequence[str], lines: Sequence[str]) -> None:
        """Run a command in the container and write lines to its input; nothing is recorded."""
        with self._call() as api:
            execution = str(api.exec_create(container_id, list(command), stdin=True)["Id"])
            channel = api.exec_start(execution, socket=True)
            # Only the socket below the package's wrapper can be written to.
            raw = cast("socket.socket", getattr(channel, "_sock", channel))
            try:
                raw.sendall("".join(f"{line}\n" for line in lines).encode("ascii"))
                # The command ends by itself after its last line; reading to the end waits for it.
                while raw.recv(4096):
                    continue
            finally:
                _close_response(channel)
                raw.close()
            code = api.exec_inspect(execution).get("ExitCode")
        if code != 0:
            raise errors.EngineRefused(f"a command in the container ended with exit code {code}")

    def close(self) -> None:
        """Let go of the connections. Idempotent."""
        with self._connecting:
            if self._closer is not None:
                self._closer()
            self._client = self._closer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Follower:
    """Docker's cancellable stream, which raises oddly when it is closed from another thread."""

    def __init__(self, stream: CancellableStream[bytes], let_go: Callable[[], None]) -> None:
        self._stream = stream
        self._let_go = let_go
        self._closed = False
        self._is_read = False

    def __iter__(self) -> Iterator[bytes]:
        self._is_read = True
        try:
            yield from self._stream
        except (OSError, ValueError, AttributeError):
            # The connection was closed under the reader: by us, or by an engine that is gone. The
            # follower's owner looks at the container next and finds out which.
            return
        finally:
            self._let_go()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        from docker.errors import DockerException  # noqa: PLC0415 - loaded on first use

        # It may have ended by itself; and over ssh it ends only with the container.
        with suppress(OSError, AttributeError, DockerException):
            self._stream.close()
        if not self._is_read:  # a reader lets go at the end of its reading
            self._let_go()


def _close_response(owner: object) -> None:
    """Close the HTTP response that the package hangs on its streams and never closes itself."""
    response = getattr(owner, "_response", None)
    if response is not None:
        response.close()


def _require_package() -> None:
    try:
        import docker  # noqa: F401, PLC0415 - asks only whether it is there
    except ImportError as error:
        raise errors.DockerPackageMissing("the Python package 'docker' is not installed") from error


def _context_host() -> str | None:
    _require_package()
    from docker.context import ContextAPI  # noqa: PLC0415 - loaded on first use

    context = ContextAPI.get_current_context()
    return None if context is None else str(context.Host)


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    from docker.errors import APIError, NotFound  # noqa: PLC0415 - loaded on first use

    try:
        yield
    except NotFound:
        return
    except APIError as error:
        text = str(error.explanation or error)
        if "is not running" not in text and "already in progress" not in text:
            raise


def _is_podman(api: docker.APIClient) -> bool:
    """Tell podman from docker: it asks for limits that not every machine may grant."""
    return "podman" in str(api.version().get("Components", "")).lower()


def _host_config(api: docker.APIClient, plan: ContainerPlan, *, podman: bool) -> object:
    from docker.types import LogConfig, Ulimit  # noqa: PLC0415 - loaded on first use

    binds = [f"{host}:{inside}:ro" for inside, host in plan.read_only_mounts.items()]
    binds += [f"{volume}:{inside}" for inside, volume in plan.volumes.items()]
    return api.create_host_config(
        init=True,  # passes signals on from the first moment and reaps what the scripts leave
        port_bindings={
            inside: (address.host, address.port or None) for inside, address in plan.ports.items()
        },
        binds=binds,
        tmpfs=dict.fromkeys(plan.memory_directories, _memory_options(plan, podman=podman)),
        network_mode=plan.network,
        mem_limit=plan.memory_mb * _MEGABYTE,
        memswap_limit=plan.memory_mb * _MEGABYTE,
        nano_cpus=round(plan.cpus * 1e9),
        pids_limit=plan.pids_limit,
        ulimits=[Ulimit(name=name, soft=1024, hard=4096) for name in ("nofile", "nproc")]
        if podman
        else None,
        cap_drop=["ALL"] if plan.hardened else None,
        security_opt=["no-new-privileges:true"] if plan.hardened else None,
        restart_policy={"Name": plan.restart_policy} if plan.restart_policy != "no" else None,
        # With another driver the log could not be read, and the log is how the login is followed.
        log_config=LogConfig(type="json-file", config={"max-size": "10m", "max-file": "3"}),
    )


def _memory_options(plan: ContainerPlan, *, podman: bool) -> str:
    # The mode is lost when an engine restarts a container (the second mount takes over the mode of
    # the directory made for the first), so the owner must suffice; podman does not know the owner.
    if plan.memory_owner is None or podman:
        return "size=1m,mode=1777"
    user, group = plan.memory_owner
    return f"size=1m,mode=0755,uid={user},gid={group}"


def _split(reference: str) -> tuple[str, str | None]:
    if "@" in reference:
        return reference, None
    head, separator, tail = reference.rpartition(":")
    return (head, tail) if separator and "/" not in tail else (reference, "latest")


def _seconds(stamp: str | None) -> float | None:
    """Return UNIX seconds of an engine's stamp, cut to whole microseconds."""
    if not stamp:
        return None
    from datetime import datetime  # noqa: PLC0415 - only here

    whole, _, fraction = stamp.rstrip("Z").partition(".")
    moment = datetime.fromisoformat(f"{whole}.{fraction[:6]:0<6}+00:00")
    return moment.timestamp()
