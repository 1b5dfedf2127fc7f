"""Bring one gateway up, keep watching it, take it down: the asynchronous heart of this plugin.

One supervisor task follows the log and one pulse task asks for handshakes and looks at the clock;
both tell the state machines, and what the machines answer decides what is done. Blocking engine
calls run in worker threads. Everything here belongs to the event loop that called `start`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.board import Board
from posei_trader.adapters.ib_docker.handshake import HandshakeFailed, shake_hands
from posei_trader.adapters.ib_docker.launcher import Launcher
from posei_trader.adapters.ib_docker.local_state import LocalState, RefusedLogin
from posei_trader.adapters.ib_docker.log_pump import follow
from posei_trader.adapters.ib_docker.redaction import Redactor
from posei_trader.adapters.ib_docker.replay import last_life, whole_lines
from posei_trader.adapters.ib_docker.states import Failure
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.ib_docker.config import DockerizedIBGatewayConfig
    from posei_trader.adapters.ib_docker.engine.seam import ContainerEngine, ContainerFacts
    from posei_trader.adapters.ib_docker.launcher import Launched
    from posei_trader.adapters.ib_docker.states import Notice

_log = get_logger("DockerizedIBGateway")

_REFOLLOW_PAUSE: Final = 0.2
_LOG_REFUSALS: Final = 20  # an engine that is removing a container says so only after a while
_ENGINE_PAUSE: Final = 0.5
_CRASH_WINDOW: Final = 3600.0

# Going on after one of these would lock the account: the loops that repeat the login are inside
# the container, so only ending the container ends them.
_BREAKERS: Final = (errors.BadCredentials, errors.LoginRefused, errors.TooManyAttempts)
_EVERY_INTERFACE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_RESTARTABLE: Final = (errors.Crashed, errors.Killed, errors.Unresponsive)


class GatewayController:
    """Run the gateway of one configuration.

    Args:
        config: What to run.
        engine: The container engine.
        listener: Is told every notice, on the event loop, in order. It must not block.
    """

    def __init__(
        self,
        config: DockerizedIBGatewayConfig,
        engine: ContainerEngine,
        listener: Callable[[Notice], None] | None = None,
    ) -> None:
        self.config = config
        self.engine = engine
        self.redact = Redactor(config.secret_values())
        self.state = LocalState(config.state_dir)
        self.container: ContainerFacts | None = None
        self.adopted = False
        self.board: Board | None = None
        self._listener = listener
        self._launcher = Launcher(config, engine, self.state, self._pull_progress)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._error: errors.GatewayError | None = None
        self._created_id = ""
        self._secrets_out = False
        self._log_refusals = 0
        self._engine_lost_at: float | None = None
        self._crashes: deque[float] = deque(maxlen=100)

    # --- asked from outside ------------------------------------------------------------------

    @property
    def is_ready(self) -> bool:
        """Whether all gateways serve, as far as the supervisor knows."""
        return self.board is not None and self.board.is_ready

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor is at work."""
        return self._supervisor is not None and not self._supervisor.done()

    @property
    def vnc_password(self) -> str | None:
        """The VNC password in use."""
        return self._launcher.vnc_password

    def address(self, mode: str) -> tuple[str, int]:
        """Return where the API of this mode is reached.

        Raises:
            NotStarted: There is no container.
        """
        return api_address(self.config, self.engine, self._container(), mode)

    async def start(
        self, *, limit: float | None = None, force: bool = False, adopt_any: bool = False
    ) -> None:
        """Start or adopt the container and return when the gateway is ready.

        While the supervisor is at work this only waits. Cancelling takes down what this call has
        created. The supervisor goes on until `stop` or `detach`. Not for concurrent callers.

        Args:
            limit: Replaces the configured `timeout`.
            force: Try credentials that were refused a short while ago.
            adopt_any: Take a running instance as it is, whatever its settings.

        Raises:
            GatewayError: The class says why; `diagnosis` holds the evidence.
        """
        if self.is_supervised:
            await self._until_ready()
            return
        self._loop = asyncio.get_running_loop()
        self._launcher.cancelled.clear()
        self._error = None
        self._engine_lost_at = None
        board = self.board = Board(self.config, self.redact, self._listener, timeout=limit)
        try:
            await self._launch(board, force=force, adopt_any=adopt_any)
            self._supervisor = asyncio.create_task(self._supervise(board))
            await self._until_ready()
        except asyncio.CancelledError:
            await asyncio.shield(self._abandon())
            raise

    async def restart(self) -> None:
        """Replace the container and return when the new one, logged in anew, is ready.

        Raises:
            NotStarted: The supervisor is not at work.
            GatewayError: As `start`.
        """
        board = self.board
        if board is None or not self.is_supervised:
            raise errors.NotStarted("only a started gateway can be restarted")
        board.tell(lambda machine, now: machine.restarting("a restart was asked for", now))
        board.full_login_wanted = True
        board.urgent.set()
        await self._until_ready()

    async def stop(self) -> bool:
        """Stop watching, stop and remove the container; returns whether there was one. Idempotent.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        await self.detach()
        board = self.board
        if board is not None:
            board.tell(lambda machine, now: machine.stopping(now))
        known = self.container.id if self.container else None
        existed = await asyncio.to_thread(self._launcher.take_down, known)
        self.container = None
        if board is not None:
            board.tell(lambda machine, now: machine.stopped(now))
        return existed

    async def detach(self) -> None:
        """Stop watching and leave the container as it is. Idempotent."""
        task, self._supervisor = self._supervisor, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # --- starting ----------------------------------------------------------------------------

    async def _launch(self, board: Board, *, force: bool, adopt_any: bool) -> None:
        launch = partial(self._launcher.launch, force=force, adopt_any=adopt_any)
        launched = await self._make(launch)
        self._secrets_out = not launched.adopted
        if launched.adopted:
            board.boots = 1
            board.tell(lambda machine, now: machine.started(now, adopted=True))
            await self._replay(board, launched.container)
        else:
            board.tell(lambda machine, now: machine.created(now))
            board.tell(lambda machine, now: machine.started(now))

    async def _make(self, step: Callable[[], Launched]) -> Launched:
        """Run a step that makes a container, to its end even when we are cancelled meanwhile.

        Its thread cannot be killed: it is asked to stop, and what it has made must be known to be
        taken down.
        """
        work = asyncio.create_task(asyncio.to_thread(step))
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self._launcher.cancelled.set()
            with suppress(errors.GatewayError):
                self._launched(await work)
            raise
        self._launched(work.result())
        return work.result()

    def _launched(self, launched: Launched) -> None:
        self.container = launched.container
        if not launched.adopted:
            self._created_id = launched.container.id
        # A blocking start is followed by others of the same object: that adopts nothing.
        self.adopted = launched.container.id != self._created_id

    async def _replay(self, board: Board, facts: ContainerFacts) -> None:
        log = await asyncio.to_thread(self.engine.logs, facts.id)
        lines = whole_lines(log)
        for line in lines:
            board.remember(line)
        for event in last_life(lines, self.config.profile.markers):
            board.take(event)

    async def _until_ready(self) -> None:
        board = self.board
        while board is not None and (not board.is_ready or self._secrets_out):
            news = board.news
            if self._error is not None:
                raise self._error
            if self._supervisor is None:
                raise errors.NotStarted("the gateway was stopped while it was starting")
            if self._supervisor.done():
                self._supervisor.result()  # a defect of ours must not look like a timeout
            await news.wait()

    async def _abandon(self) -> None:
        await self.detach()
        if self.container is not None and not self.adopted:
            await asyncio.to_thread(self._launcher.take_down, self.container.id)
            self.container = None

    # --- watching ----------------------------------------------------------------------------

    async def _supervise(self, board: Board) -> None:
        pulse = asyncio.create_task(self._pulse(board))
        rounds = asyncio.create_task(self._rounds(board))
        try:
            done, _ = await asyncio.wait({pulse, rounds}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a defect of ours must be seen, whichever task it ended
        finally:
            pulse.cancel()
            rounds.cancel()
            await asyncio.gather(pulse, rounds, return_exceptions=True)
            board.announce()

    async def _rounds(self, board: Board) -> None:
        while await self._one_round(board):
            pass

    async def _one_round(self, board: Board) -> bool:
        """Follow the log until something must be done, and do it; returns whether to go on."""
        try:
            refused = await self._follow_log(board)
            board.urgent.clear()
            if board.failure is not None:
                return await self._after_failure(board, board.failure)
            if board.full_login_wanted:
                await self._restart_container(board)
            elif board.is_ready and self._secrets_out:
                await self._wipe_secrets(board)
            else:
                unchanged = await self._look_at_container(board)
                self._log_refusals = self._log_refusals + 1 if refused and unchanged else 0
                if refused and self._log_refusals > _LOG_REFUSALS:
                    raise refused  # nothing has happened to the container that would explain it
            self._engine_lost_at = None
        except errors.EngineUnavailable as error:
            await self._engine_lost(board, error)
        except errors.GatewayError as error:
            board.fail(Failure(type(error), error.message))
        return True

    async def _follow_log(self, board: Board) -> errors.EngineRefused | None:
        """Read on until the log ends or something is urgent; returns why it cannot be read."""
        if board.urgent.is_set():
            return None
        reading = asyncio.create_task(self._read_log(board))
        urgent = asyncio.create_task(board.urgent.wait())
        try:
            await asyncio.wait({reading, urgent}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            reading.cancel()
            urgent.cancel()
            problem, _ = await asyncio.gather(reading, urgent, return_exceptions=True)
        if isinstance(problem, errors.EngineRefused):
            return problem
        if isinstance(problem, Exception):
            raise problem
        return None

    async def _read_log(self, board: Board) -> None:
        facts = self._container()
        # Not from the start time on: a quick program writes before the engine has noted it.
        async with aclosing(follow(self.engine, facts.id, board.last_stamp)) as lines:
            async for line in lines:
                self._engine_lost_at = None
                board.read(line)

    async def _look_at_container(self, board: Board) -> bool:
        """Find out whether the container ended or was restarted; returns whether it did neither."""
        known = self._container()
        found = await asyncio.to_thread(self._launcher.look, known.id)
        if found.running and found.started_at != known.started_at:
            self.container = found
            self._secrets_out = True
            await asyncio.to_thread(self._launcher.deliver_again, found.id)
            return False
        if found.running or found.status == "restarting":
            await asyncio.sleep(_REFOLLOW_PAUSE)
            return found.running
        self.container = found
        with suppress(errors.EngineRefused):  # it is being removed, and its log with it
            log = await asyncio.to_thread(self.engine.logs, found.id, since=board.last_stamp)
            board.read_rest(whole_lines(log))
        board.tell(lambda machine, now: machine.exited(found.exit_code, now))
        return False

    async def _pulse(self, board: Board) -> None:
        while True:
            news = board.news
            for mode, machine in board.machines.items():
                if machine.wants_probe:
                    answered = await self._answers(mode)
                    board.publish(machine.probe(time.monotonic(), answered=answered))
                if self._engine_lost_at is None:
                    board.publish(machine.tick(time.monotonic()))
            pause = self.config.health_interval if board.is_ready else self.config.probe_interval
            if board.news is news:
                # Not `wait_for`: up to Python 3.11 it may swallow our own cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await news.wait()

    async def _answers(self, mode: str) -> bool:
        try:
            await shake_hands(*self.address(mode), timeout=self.config.handshake_timeout)
        except (HandshakeFailed, errors.NotStarted):
            return False
        return True

    # --- acting ------------------------------------------------------------------------------

    async def _after_failure(self, board: Board, failure: Failure) -> bool:
        if board.has_served and issubclass(failure.kind, _RESTARTABLE) and self._may_restart():
            board.tell(lambda machine, now: machine.restarting(failure.message, now))
            await self._restart_container(board)
            return True
        await self._give_up(board, failure)
        return False

    def _may_restart(self) -> bool:
        now = time.monotonic()
        recent = [moment for moment in self._crashes if now - moment < _CRASH_WINDOW]
        self._crashes.append(now)
        return len(recent) < self.config.crash_restarts

    async def _restart_container(self, board: Board) -> None:
        board.full_login_wanted = False
        self._secrets_out = True
        await self._make(partial(self._launcher.restart, self._container()))
        board.last_stamp = None
        board.boots = 0
        board.tell(lambda machine, now: machine.started(now))

    async def _wipe_secrets(self, board: Board) -> None:
        await asyncio.to_thread(self._launcher.wipe_secrets, self._container().id)
        self._secrets_out = False
        board.announce()

    async def _give_up(self, board: Board, failure: Failure) -> None:
        container = self._container()
        error = failure.kind(failure.message, diagnosis=board.describe(container))
        if isinstance(error, errors.TooManyAttempts):
            error.retry_after = failure.retry_after
        breaker = issubclass(failure.kind, _BREAKERS)
        if breaker:
            await asyncio.to_thread(self._block_login, failure)
        keep = self.config.leave_running_on_failure
        if breaker or not (keep or self.adopted):
            # A kept container is stopped all the same when going on could lock the account.
            with suppress(errors.EngineUnavailable):
                await asyncio.to_thread(self._launcher.take_down, container.id, keep=keep)
            self.container = container if keep else None
        self._error = error

    def _block_login(self, failure: Failure) -> None:
        now = time.time()
        wait = max(self.config.login_block, failure.retry_after)
        refusal = RefusedLogin(failure.kind.cause, now, now + wait)
        self.state.remember_refusal(self._launcher.login_hash, refusal)

    async def _engine_lost(self, board: Board, error: errors.EngineUnavailable) -> None:
        now = time.monotonic()
        if self._engine_lost_at is None:
            _log.warning("container engine lost", reason=error.message)
        if self._engine_lost_at is None or board.is_ready:
            # As long as the API answers nothing is lost but the view of the container.
            self._engine_lost_at = now
        if now - self._engine_lost_at > board.timeout:
            board.fail(Failure(errors.EngineUnavailable, error.message))
        else:
            await asyncio.sleep(_ENGINE_PAUSE)

    # --- small ones --------------------------------------------------------------------------

    def _container(self) -> ContainerFacts:
        if self.container is None:
            raise errors.NotStarted("the gateway has no container, so it has no port")
        return self.container

    def _pull_progress(self, progress: Notice) -> None:
        if self._loop is not None and self.board is not None:
            self._loop.call_soon_threadsafe(self.board.report, progress)


def api_address(
    config: DockerizedIBGatewayConfig,
    engine: ContainerEngine,
    container: ContainerFacts,
    mode: str,
) -> tuple[str, int]:
    """Return host and port of the API of one mode.

    Raises:
        NotStarted: The container publishes no such port; it may have ended.
    """
    inside = config.profile.api_port(mode)
    if config.network:
        return container.name, inside
    published = container.ports.get(inside)
    if published is None:
        raise errors.NotStarted(f"the container publishes no port for {mode!r}")
    # The engine's machine may be another one, and "every interface" is no address to connect to.
    reachable = published.host not in _EVERY_INTERFACE and engine.published_host == "127.0.0.1"
    return published.host if reachable else engine.published_host, published.port
