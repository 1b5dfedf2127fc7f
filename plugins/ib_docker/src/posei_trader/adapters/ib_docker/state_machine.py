"""Decide where a gateway stands from its log, its handshakes and its container: no I/O, no clock.

Everything that happens is told to the machine together with the present time in seconds (any
monotonic clock). It answers with notices in the order in which they became true. The last event
wins: a login line of an earlier life of the program says nothing about the present one.

Ready means: the container runs, the login was completed in this life, the settings were applied,
and the TWS handshake answers. An open port means nothing: Docker's proxy and the image's socat
accept long before the gateway does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.markers import LogKind
from posei_trader.adapters.ib_docker.session import (
    EXIT_CAUSES,
    Doubt,
    Fail,
    ForceFullLogin,
    LoginSession,
    Progress,
    Tell,
)
from posei_trader.adapters.ib_docker.states import (
    IDLE,
    TERMINAL,
    Advice,
    Failure,
    FullLoginNeeded,
    GatewayState,
    HealthLost,
    RestartBegan,
    RestartDone,
    StateChanged,
    TwoFactorRequested,
)
from posei_trader.adapters.ib_docker.stopwatch import Stopwatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.ib_docker.errors import GatewayError
    from posei_trader.adapters.ib_docker.log_parser import LogEvent
    from posei_trader.adapters.ib_docker.session import Step
    from posei_trader.adapters.ib_docker.states import Notice

_ATTEMPT_WITHIN: Final = 10.0  # IBC types the password and goes on within a second
_TERMINATED: Final = 143  # SIGTERM: somebody asked, also when the log could not be read any more
_SERVING: Final = frozenset({GatewayState.READY, GatewayState.DEGRADED})

# In a log that two gateways share, only these lines are true for both whoever wrote them: going on
# after them would lock an account.
_TRUE_FOR_BOTH: Final = frozenset(
    {LogKind.CREDENTIALS_REFUSED, LogKind.LOGIN_FAILED, LogKind.THROTTLED, LogKind.STOP_REQUESTED}
)


@dataclass(frozen=True, slots=True)
class MachineRules:
    """What one machine has to expect; times in seconds."""

    mode: str = "paper"
    api_port: int | None = None
    """Where the image should serve the API inside the container; None believes it."""
    timeout: float = 300.0
    two_fa_timeout: float = 180.0
    two_fa_pushes: int = 1
    configuration_grace: float = 30.0
    probe_failures: int = 3
    shared_log: bool = False
    """Two gateways write into one log: what a line says about a serving one is not certain."""


class GatewayMachine:
    """Follow one gateway (one API port) from nothing to ready and through all its restarts."""

    def __init__(self, rules: MachineRules, now: float) -> None:
        self.rules = rules
        self.state = GatewayState.ABSENT
        self._failed_in = GatewayState.ABSENT
        self.failure: Failure | None = None
        self.session = LoginSession(
            rules.mode,
            two_fa_seconds=rules.two_fa_timeout,
            two_fa_pushes=rules.two_fa_pushes,
            api_port=rules.api_port,
        )
        self.watch = Stopwatch(now)
        self._notices: list[Notice] = []
        self._adopted = False
        self._unconfirmed = False
        self._probe_failures = 0
        self._restart_began: float | None = None
        self._epoch = self.session.epoch
        self._typed_at: float | None = None
        self._logged_in_at: float | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the gateway serves."""
        return self.state is GatewayState.READY

    @property
    def logged_in(self) -> bool:
        """Whether the login of the present life of the program was completed."""
        return self.session.logged_in and self.state not in IDLE

    @property
    def last_working_state(self) -> GatewayState:
        """The state now, or for a failed gateway the one in which it failed."""
        return self._failed_in if self.state is GatewayState.FAILED else self.state

    @property
    def wants_probe(self) -> bool:
        """Whether a handshake would tell something now."""
        if self.state is GatewayState.BOOTING:
            return self._adopted
        if self.state is GatewayState.RESTARTING:
            return self.session.logged_in and (self.session.configured or self._unconfirmed)
        return self.state is GatewayState.PROBING or self.state in _SERVING

    # --- what the controller tells -----------------------------------------------------------

    def pulling(self, now: float) -> list[Notice]:
        """Note that the image is being fetched."""
        return self._run(now, lambda: self._enter(GatewayState.PULLING))

    def created(self, now: float) -> list[Notice]:
        """Note that the container exists but does not run yet."""
        return self._run(now, lambda: self._enter(GatewayState.CREATED))

    def started(self, now: float, *, adopted: bool = False) -> list[Notice]:
        """Note that the container runs; `adopted` when it ran before we came.

        The log of an adopted container may have been rotated, so for it an answered handshake is
        enough as long as no line contradicts.
        """
        return self._run(now, lambda: self._container_started(adopted=adopted))

    def stopping(self, now: float) -> list[Notice]:
        """Note that we asked the container to stop; an earlier failure is settled by that."""
        return self._run(now, lambda: self._leave(GatewayState.STOPPING))

    def stopped(self, now: float) -> list[Notice]:
        """Note that the container does not run any more, as we asked."""
        return self._run(now, lambda: self._leave(GatewayState.STOPPED))

    def restarting(self, reason: str, now: float) -> list[Notice]:
        """Note that we are about to restart the container ourselves."""

        def begin() -> None:
            self.failure = None
            self.session.container_started()  # an answer of the old program proves nothing
            self._note_times()
            self._begin_restart(reason)

        return self._run(now, begin)

    def fail(self, failure: Failure, now: float) -> list[Notice]:
        """Note a failure that the controller found itself."""
        return self._run(now, lambda: self._fail(failure))

    def log(self, event: LogEvent, now: float) -> list[Notice]:
        """Take in one event of the log."""
        return self._run(now, lambda: self._read(event))

    def probe(self, now: float, *, answered: bool) -> list[Notice]:
        """Take in the result of one TWS handshake."""
        return self._run(now, self._probe_answered if answered else self._probe_failed)

    def exited(self, code: int, now: float) -> list[Notice]:
        """Take in the end of the container, with its exit code."""
        return self._run(now, lambda: self._container_ended(code))

    def tick(self, now: float) -> list[Notice]:
        """Look at the clock: limits that have passed become failures."""
        return self._run(now, self._check_limits)

    # --- transitions -------------------------------------------------------------------------

    def _run(self, now: float, action: Callable[[], None]) -> list[Notice]:
        self.watch.advance(self.state, now)
        action()
        notices, self._notices = self._notices, []
        return notices

    def _enter(self, state: GatewayState) -> None:
        if state is self.state:
            return
        previous, self.state = self.state, state
        self.watch.enter()
        self._notices.append(StateChanged(self.rules.mode, previous, state, self.failure))

    def _leave(self, state: GatewayState) -> None:
        self.failure = None
        self._restart_began = None
        self._enter(state)

    def _progress(self, state: GatewayState, reason: str) -> None:
        if self.state in _SERVING:
            self._begin_restart(reason)
        if state is GatewayState.TWO_FA:
            self._ask_for_second_factor()
        elif self._restart_began is not None:
            state = GatewayState.RESTARTING
        self._enter(state)

    def _ask_for_second_factor(self) -> None:
        if self.state is not GatewayState.TWO_FA:
            seconds = self.rules.two_fa_timeout
            self._notices.append(TwoFactorRequested(self.rules.mode, self.session.pushes, seconds))

    def _begin_restart(self, reason: str) -> None:
        if self._restart_began is None:
            self._restart_began = self.watch.now
            self.watch.recharge()
            self._notices.append(RestartBegan(self.rules.mode, reason))
        self._enter(GatewayState.RESTARTING)

    def _fail(self, failure: Failure) -> None:
        if self.state in TERMINAL:
            return
        self.failure = failure
        self._failed_in = self.state
        self._restart_began = None
        self._enter(GatewayState.FAILED)

    def _fail_as(self, kind: type[GatewayError], message: str) -> None:
        self._fail(Failure(kind, message))

    # --- the container -----------------------------------------------------------------------

    def _container_started(self, *, adopted: bool) -> None:
        self.failure = None
        self._adopted = adopted
        self._probe_failures = 0
        self.session.container_started()
        self._note_times()
        if self._restart_began is None:
            self.watch.recharge()
            self._enter(GatewayState.BOOTING)

    def _container_ended(self, code: int) -> None:
        if self.state is GatewayState.STOPPING:
            self._enter(GatewayState.STOPPED)
            return
        words = self.session.last_words
        text = f"the container ended with exit code {code}" + (f": {words}" if words else "")
        if code == _TERMINATED or (self.session.stop_requested and code in {0, 1}):
            self._fail_as(errors.StoppedElsewhere, "somebody else stopped the container")
        else:
            self._fail_as(EXIT_CAUSES.get(code, errors.Crashed), text)

    # --- the log -----------------------------------------------------------------------------

    def _read(self, event: LogEvent) -> None:
        if self.state in IDLE or not self.session.knows(event.kind):
            return
        if self.rules.shared_log and self.state in _SERVING and event.kind not in _TRUE_FOR_BOTH:
            self._doubt()
            return
        steps = self.session.read(event)
        self._note_times()
        for step in steps:
            if self.state in IDLE:
                return
            self._take(step)

    def _note_times(self) -> None:
        """Remember since when the present life of the program has waited for what comes next."""
        session, now = self.session, self.watch.now
        if session.epoch != self._epoch:
            self._epoch = session.epoch
            self._unconfirmed = False
        self._typed_at = _since(self._typed_at, now) if session.waiting_for_attempt else None
        self._logged_in_at = _since(self._logged_in_at, now) if session.logged_in else None

    def _take(self, step: Step) -> None:
        match step:
            case Progress(state=state, reason=reason):
                self._progress(state, reason)
            case Fail(failure=failure):
                self._fail(failure)
            case ForceFullLogin(reason=reason):
                self._begin_restart(reason)
                self._notices.append(FullLoginNeeded(self.rules.mode, reason))
            case Doubt():
                self._doubt()
            case Tell(notice=notice):
                self._notices.append(notice)

    def _doubt(self) -> None:
        if self.state is GatewayState.READY:
            self._enter(GatewayState.DEGRADED)

    # --- handshakes --------------------------------------------------------------------------

    def _probe_answered(self) -> None:
        if not self.wants_probe:
            return
        self._probe_failures = 0
        if self.state is not GatewayState.READY:
            self._serve()

    def _serve(self) -> None:
        self.session.served()
        self.watch.recharge()
        if self._unconfirmed:
            text = (
                "the log never confirmed that the settings were applied; "
                "the first order will show whether the API is read-only"
            )
            self._notices.append(Advice(self.rules.mode, text))
        self._enter(GatewayState.READY)
        if self._restart_began is not None:
            seconds = self.watch.now - self._restart_began
            self._restart_began = None
            self._notices.append(RestartDone(self.rules.mode, seconds))

    def _probe_failed(self) -> None:
        if self.state is not GatewayState.READY:
            return
        self._probe_failures += 1
        if self._probe_failures >= self.rules.probe_failures:
            self._notices.append(HealthLost(self.rules.mode, self._probe_failures))
            self._enter(GatewayState.DEGRADED)

    # --- the clock ---------------------------------------------------------------------------

    def _check_limits(self) -> None:
        if self.state in IDLE:
            return
        if self.state is GatewayState.TWO_FA:
            self._check_two_fa()
        elif self.watch.charged > self.rules.timeout:
            self._out_of_time()
        elif self._typed_in_vain():
            self._fail_as(errors.CredentialsMissing, "the login was left at an empty user name")
        elif self._settings_unconfirmed():
            self._unconfirmed = True
            self._progress(GatewayState.PROBING, "")

    def _check_two_fa(self) -> None:
        # IBC itself sends the next push, if it may; the slack is for its reaction.
        if self.watch.in_state > self.rules.two_fa_timeout * 1.2:
            self._fail_as(errors.TwoFactorTimeout, "nobody confirmed the second factor")

    def _typed_in_vain(self) -> bool:
        return self._typed_at is not None and self.watch.now - self._typed_at > _ATTEMPT_WITHIN

    def _settings_unconfirmed(self) -> bool:
        if self._logged_in_at is None or self.session.configured or self._unconfirmed:
            return False
        return self.watch.now - self._logged_in_at > self.rules.configuration_grace

    def _out_of_time(self) -> None:
        spent = f"{self.watch.charged:.0f} s"
        if self.session.dialog:
            text = f"not ready after {spent}; the window {self.session.dialog!r} is open"
            self._fail_as(errors.DialogNeedsHuman, text)
        elif self.state is GatewayState.DEGRADED:
            self._fail_as(errors.Unresponsive, f"the API has not answered for {spent}")
        else:
            self._fail_as(
                errors.StartTimeout, f"not ready after {spent}, last state {self.state.value!r}"
            )


def _since(known: float | None, now: float) -> float:
    return now if known is None else known
