"""Find, adopt or create the container of an instance: the blocking part of a start.

It runs in one worker thread from beginning to end, so that its steps cannot interleave; a file lock
keeps other processes out meanwhile. Whatever fails after the container was created removes it
again: an engine leaves a dead container behind when a port is taken, and its name would be the next
clash.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.plan import (
    RECEIVE_SECRETS,
    container_name,
    differences,
    make_plan,
    own_labels,
    ports,
    secret_files,
)
from posei_trader.adapters.ib_docker.port_check import require_free, taken
from posei_trader.adapters.ib_docker.secret_files import SecretDirectory, escaped
from posei_trader.errors import PoseiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import (
        Address,
        ContainerEngine,
        ContainerFacts,
        ContainerPlan,
        EngineInfo,
        ImageFacts,
    )
    from posei_trader.adapters.ib_docker.local_state import LocalState
    from posei_trader.adapters.ib_docker.states import PullProgress

_LOCK_WAIT: Final = 60.0
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm"}
_VNC_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True, slots=True)
class Launched:
    """A running container, and whether it ran before."""

    container: ContainerFacts
    adopted: bool


class Launcher:
    """Bring the container of one instance up, and take it down. Methods block."""

    def __init__(
        self,
        config: DockerizedIBGatewayConfig,
        engine: ContainerEngine,
        state: LocalState,
        report: Callable[[PullProgress], None],
    ) -> None:
        self._config = config
        self._engine = engine
        self._state = state
        self._report = report
        self._directory = SecretDirectory(config.instance_name)
        given = config.vnc_password
        self._vnc_password = given.get_secret_value() if given else None
        self._by_exec = False
        self.cancelled = threading.Event()

    @property
    def vnc_password(self) -> str | None:
        """The VNC password, given or made up; None without VNC."""
        return self._vnc_password

    @property
    def login_hash(self) -> str:
        """By which this host remembers the login."""
        return self._state.login_hash(self._config)

    # --- up ----------------------------------------------------------------------------------

    def launch(self, *, force: bool = False, adopt_any: bool = False) -> Launched:
        """Return the running container of the instance, creating it when there is none.

        Args:
            force: Try credentials that were refused a short while ago.
            adopt_any: Take a running instance as it is, whatever its settings.

        Raises:
            GatewayError: One of the classes for credentials, engine, image, port, name, settings.
        """
        self._require_credentials()
        if not force:
            self._require_not_refused()
        engine = self._engine.info()
        with self._alone():
            found = self._existing(adopt_any=adopt_any)
            if found is not None:
                return Launched(found, adopted=True)
            return Launched(self._create(engine, self._ports()), adopted=False)

    def restart(self, old: ContainerFacts) -> Launched:
        """Replace the container by a new one, on the same ports, and return it.

        A new one logs in from scratch: no stale session file of the old one can get in the way, and
        everything that lived in memory is set up again.
        """
        engine = self._engine.info()
        with self._alone():
            self.take_down(old.id)
            same = {
                inside: address for inside, address in old.ports.items() if inside in self._ports()
            }
            try:
                new = self._create(engine, self._ports() | same)
            except errors.PortInUse:
                # Somebody was quicker; where any port will do, another one does.
                if all(address.port for address in self._ports().values()):
                    raise
                new = self._create(engine, self._ports())
        return Launched(new, adopted=False)

    def deliver_again(self, container_id: str) -> None:
        """Put the secrets where a container finds them that the engine itself has restarted."""
        if self._by_exec:
            self._write_into(container_id)

    def look(self, container_id: str) -> ContainerFacts:
        """Return the container as it is now.

        Raises:
            StoppedElsewhere: It does not exist any more.
        """
        facts = self._engine.inspect(container_id)
        if facts is None:
            raise errors.StoppedElsewhere("somebody removed the container")
        return facts

    def _require_credentials(self) -> None:
        missing = self._config.missing_credentials()
        if missing:
            raise errors.CredentialsMissing(
                f"{' and '.join(missing)} must be given to log in", field=missing[0]
            )

    def _require_not_refused(self) -> None:
        now = time.time()
        refusal = self._state.refused(self.login_hash, now)
        if refusal is not None:
            wait = refusal.until - now
            error = errors.LoginBlocked(
                f"IB refused this login {now - refusal.at:.0f} s ago ({refusal.cause}); it is not "
                f"tried again for another {wait:.0f} s, so that the account is not locked"
            )
            error.retry_after = wait
            raise error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        deadline = time.monotonic() + _LOCK_WAIT
        while time.monotonic() < deadline and not self.cancelled.is_set():
            with self._state.try_lock(self._config.instance_name) as mine:
                if mine:
                    yield
                    return
            self.cancelled.wait(0.1)
        raise errors.StartedElsewhere(
            f"another process has been starting {self._config.instance_name!r} for "
            f"{_LOCK_WAIT:.0f} s",
            field="instance",
            value=self._config.instance_name,
        )

    # --- adopt -------------------------------------------------------------------------------

    def _existing(self, *, adopt_any: bool) -> ContainerFacts | None:
        for found in self._engine.find(own_labels(self._config)):
            if found.running and not self._must_go(found, adopt_any=adopt_any):
                self._take_over_secrets(found)
                return found
            self.take_down(found.id)
        return None

    def _take_over_secrets(self, found: ContainerFacts) -> None:
        mounted = found.mounts.get(self._config.profile.secrets_dir, "")
        self._directory.adopt(Path(mounted))

    def _must_go(self, found: ContainerFacts, *, adopt_any: bool) -> bool:
        changed = differences(self._config, self.login_hash, found)
        if not changed or adopt_any or self._config.on_mismatch == "adopt":
            return False
        if self._config.on_mismatch == "recreate":
            return True
        listed = "; ".join(f"{name}: {difference}" for name, difference in changed.items())
        raise errors.ConfigMismatch(
            f"{self._config.instance_name!r} runs with other settings ({listed})",
            field="instance",
            value=self._config.instance_name,
        )

    # --- create ------------------------------------------------------------------------------

    def _ports(self) -> dict[int, Address]:
        return ports(self._config)

    def _create(self, engine: EngineInfo, published: Mapping[int, Address]) -> ContainerFacts:
        image = self._image()
        self._require_platform(image, engine)
        if engine.is_local:
            for address in published.values():
                require_free(self._engine, address, "api_port")
        self._by_exec = self._delivers_by_exec(engine)
        try:
            plan = self._plan(image, published)
            container_id = self._create_container(plan)
            try:
                self._start(container_id, published)
                return self.look(container_id)
            except PoseiError:
                self._engine.remove(container_id)
                raise
        except PoseiError:
            self._directory.remove()
            raise

    def _plan(self, image: ImageFacts, published: Mapping[int, Address]) -> ContainerPlan:
        if self._config.vnc_port and not self._vnc_password:
            self._vnc_password = "".join(secrets.choice(_VNC_ALPHABET) for _ in range(8))
        mounted = self._prepare_secrets()
        return make_plan(
            self._config,
            image,
            credentials=self.login_hash,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            mounted_secrets=str(mounted) if mounted else None,
            published=published,
        )

    def _create_container(self, plan: ContainerPlan) -> str:
        try:
            return self._engine.create(plan)
        except errors.NameInUse as error:
            raise errors.NameInUse(
                f"a container named {plan.name!r} exists, and it is not one of ours",
                field="instance",
                value=self._config.instance_name,
            ) from error

    def _start(self, container_id: str, published: Mapping[int, Address]) -> None:
        try:
            self._engine.start(container_id)
        except errors.PortInUse as error:
            for address in published.values():
                if address.port and str(address.port) in error.message:
                    raise taken(self._engine, address, "api_port") from error
            raise
        if self._by_exec:
            self._write_into(container_id)

    def _image(self) -> ImageFacts:
        config, reference = self._config, self._config.container_image
        image = self._engine.image(reference)
        if config.pull_policy == "never" and image is None:
            raise errors.ImageNotFound(
                f"the engine does not have the image {reference!r}, and pull_policy is 'never'",
                field="container_image",
                value=reference,
                remedy="fetch it first (posei gateway pull), or set pull_policy to 'missing'",
            )
        if config.pull_policy == "always" or image is None:
            self.pull()
            image = self._engine.image(reference)
        if image is None:
            raise errors.ImageNotFound(
                f"the image {reference!r} was fetched but is not there",
                field="container_image",
                value=reference,
            )
        return image

    def pull(self) -> None:
        """Fetch the image, reporting progress.

        Raises:
            ImageNotFound: The registry does not have it.
            PullFailed: It could not be fetched, took longer than `pull_timeout`, or was cancelled.
        """
        deadline = time.monotonic() + self._config.pull_timeout

        def report(progress: PullProgress) -> bool:
            self._report(progress)
            return time.monotonic() < deadline and not self.cancelled.is_set()

        self._engine.pull(self._config.container_image, self._config.platform, report)

    def _require_platform(self, image: ImageFacts, engine: EngineInfo) -> None:
        if self._config.platform or matching_architecture(image, engine):
            return
        raise errors.PlatformMismatch(
            f"the image is for {image.architecture}, the engine runs on {engine.architecture}",
            field="container_image",
            value=self._config.container_image,
        )

    # --- secrets -----------------------------------------------------------------------------

    def _delivers_by_exec(self, engine: EngineInfo) -> bool:
        if self._config.credential_delivery == "file" and not engine.is_local:
            raise errors.EngineRefused(
                "credential_delivery='file' needs an engine on this machine",
                field="credential_delivery",
                value="file",
                remedy="use 'auto' or 'exec'",
            )
        return self._config.credential_delivery == "exec" or not engine.is_local

    def _files(self) -> dict[str, str]:
        vnc = self._vnc_password if self._config.vnc_port else None
        return secret_files(self._config, vnc)

    def _prepare_secrets(self) -> Path | None:
        return None if self._by_exec else self._directory.write(self._files())

    def _write_into(self, container_id: str) -> None:
        lines = [line for name, secret in self._files().items() for line in (name, escaped(secret))]
        directory = self._config.profile.secrets_dir
        command = ("/bin/sh", "-c", RECEIVE_SECRETS, directory)
        self._engine.feed(container_id, command, [*lines, ""])

    def wipe_secrets(self, container_id: str) -> None:
        """Remove the secret files once the program has read them, unless the engine restarts it."""
        if self._config.restart_policy != "no":
            return
        if self._by_exec:
            directory = self._config.profile.secrets_dir
            self._engine.feed(container_id, ("/bin/sh", "-c", 'rm -f "$0"/*', directory), [])
        else:
            self._directory.wipe()

    # --- down --------------------------------------------------------------------------------

    def take_down(self, container_id: str | None = None, *, keep: bool = False) -> bool:
        """Stop and remove the container, or all of the instance; returns whether there was one.

        With `keep` the container is only stopped, so that it can be looked into.
        """
        try:
            if container_id is None:
                found = self._engine.find(own_labels(self._config))
            else:
                facts = self._engine.inspect(container_id)
                found = [] if facts is None else [facts]
            for one in found:
                self._take_over_secrets(one)
                self._engine.stop(one.id, self._config.stop_grace)
                if not keep:
                    self._engine.remove(one.id)
                self._directory.remove()
        finally:
            # Also when the engine is gone: the password must not outlive the wish to use it.
            self._directory.remove()
        return bool(found)

    def name(self) -> str:
        """Return the name of the container."""
        return container_name(self._config)


def matching_architecture(image: ImageFacts, engine: EngineInfo) -> bool:
    """Return whether the engine's processor can run the image; an unnamed one is believed to."""
    theirs = _ARCHITECTURES.get(engine.architecture, engine.architecture)
    return image.architecture in {"", theirs}
