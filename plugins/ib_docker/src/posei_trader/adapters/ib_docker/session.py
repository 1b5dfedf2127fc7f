"""Read the log events of one gateway as the story of its login: pure, one object per gateway.

A *session* here is one life of the Java process. The container may live through many of them: the
daily restart happens inside it, and then no fact of the previous life holds any more. `read` turns
an event into steps; what a step does to the state of the gateway is the state machine's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker import errors
from posei_trader.adapters.ib_docker.log_parser import wait_seconds
from posei_trader.adapters.ib_docker.markers import LogKind
from posei_trader.adapters.ib_docker.states import Advice, Failure, GatewayState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from posei_trader.adapters.ib_docker.errors import GatewayError
    from posei_trader.adapters.ib_docker.log_parser import LogEvent

_LOGIN_WINDOW_TRIES: Final = 3
_SERVER_TRIES: Final = 2

EXIT_CAUSES: Final[Mapping[int, type[GatewayError]]] = {
    79: errors.SettingRefused,
    80: errors.SettingRefused,
    81: errors.SettingRefused,
    82: errors.SettingRefused,
    83: errors.EntryPointMissing,
    86: errors.ExistingSession,
    87: errors.TwoFactorTimeout,
    88: errors.LoginWindowTimeout,
    137: errors.Killed,
}
"""Exit codes of IBC's launcher (and of the kernel) that say more than "it ended"."""


_FORWARDED: Final = re.compile(r"\d+ onto [\d.]+:(?P<port>\d+)(?: > trading mode (?P<mode>\w+))?")

# IBC's scenarios for an existing session in which ours ends, or waits for a click that never comes.
_WE_YIELD: Final = frozenset({"1", "2", "4", "6"})


@dataclass(frozen=True, slots=True)
class Progress:
    """Go on towards ready; for a serving gateway this is a restart, and `reason` says why."""

    state: GatewayState
    reason: str = "the program logs in again"


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class ForceFullLogin:
    """Restart the container, so that it logs in from scratch."""

    reason: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """Trust nothing until the next handshake answers."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell the listeners."""

    notice: Advice


Step = Progress | Fail | ForceFullLogin | Doubt | Tell


class LoginSession:
    """Keep what the log has said in the present life of the program."""

    def __init__(
        self,
        mode: str,
        *,
        two_fa_seconds: float = 180.0,
        two_fa_pushes: int = 1,
        api_port: int | None = None,
    ) -> None:
        self._mode = mode
        self._api_port = api_port
        self._two_fa_seconds = two_fa_seconds
        self._two_fa_pushes = two_fa_pushes
        self._handlers = self._table()
        self._token_offered = False
        self._full_logins_forced = 0
        self.epoch = 0
        self.read_only: bool | None = None
        self.auto_restart: str | None = None
        self._begin_epoch()
        self._forget_troubles()

    def _begin_epoch(self) -> None:
        self.epoch += 1
        self.resumed = self._token_offered
        self.logged_in = False
        self.configured = False
        self.waiting_for_attempt = False

    def _forget_troubles(self) -> None:
        self.pushes = 0
        self.last_words = ""
        self.dialog = ""
        self.stop_requested = False
        self._in_two_fa = False
        self._window_timeouts = 0
        self._server_failures = 0
        self._error_text_follows = False

    def container_started(self) -> None:
        """Note that the whole container begins anew: no token survives that."""
        self._token_offered = False
        self._begin_epoch()
        self._forget_troubles()

    def served(self) -> None:
        """Note that the gateway serves: what went wrong before is of no interest any more."""
        self._forget_troubles()
        self._full_logins_forced = 0

    def knows(self, kind: LogKind) -> bool:
        """Whether events of this kind can change anything."""
        return kind in self._handlers

    def read(self, event: LogEvent) -> list[Step]:
        """Take in one event and return what follows from it."""
        before = self._settle_login_error(event.kind)
        handler = self._handlers.get(event.kind)
        return before if handler is None else [*before, *handler(event)]

    def _settle_login_error(self, kind: LogKind) -> list[Step]:
        # "Login error message:" is followed by the reason; only one reason is worth a second try.
        if not self._error_text_follows or kind is LogKind.LOGIN_ERROR:
            return []
        self._error_text_follows = False
        if kind is LogKind.SERVER_UNREACHABLE:
            return []
        return [_fail(errors.LoginRefused, "IB refused the login")]

    def _table(self) -> Mapping[LogKind, Callable[[LogEvent], list[Step]]]:
        return {
            LogKind.BOOTING: self._on_booting,
            LogKind.PORT_FORWARDED: self._on_port_forwarded,
            LogKind.SESSION_STARTING: self._on_session_starting,
            LogKind.SESSION_RESUMING: self._on_session_resuming,
            LogKind.FULL_LOGIN: self._on_full_login,
            LogKind.TOKEN_LOGIN: self._on_token_login,
            LogKind.LOGIN_WINDOW: self._on_login_progress,
            LogKind.LOGIN_ATTEMPT: self._on_login_progress,
            LogKind.PASSWORD_TYPED: self._on_password_typed,
            LogKind.TWO_FA_REQUESTED: self._on_two_fa_requested,
            LogKind.TWO_FA_ENDED: self._on_two_fa_ended,
            LogKind.TWO_FA_NEW_PUSH: self._on_login_progress,
            LogKind.TWO_FA_HUNG: self._on_two_fa_hung,
            LogKind.TWO_FA_DEVICE: _failing(errors.TwoFactorDevice, "the second factor"),
            LogKind.LOGGED_IN: self._on_logged_in,
            LogKind.CONFIGURED: self._on_configured,
            LogKind.READ_ONLY_SET: self._on_read_only_set,
            LogKind.AUTO_RESTART_SET: self._on_auto_restart_set,
            LogKind.CREDENTIALS_REFUSED: self._on_credentials_refused,
            LogKind.LOGIN_FAILED: _failing(errors.LoginRefused, "IB refused the login"),
            LogKind.LOGIN_ERROR: self._on_login_error,
            LogKind.SERVER_UNREACHABLE: self._on_server_unreachable,
            LogKind.THROTTLED: self._on_throttled,
            LogKind.SESSION_SCENARIO: self._on_session_scenario,
            LogKind.SESSION_TAKEN: self._on_session_taken,
            LogKind.SHUTTING_DOWN: self._on_shutting_down,
            LogKind.EXITED: self._on_exited,
            LogKind.RESTART_PLANNED: self._on_restart_planned,
            LogKind.PROGRAM_ERROR: self._on_program_error,
            LogKind.SETTING_ERROR: _failing(errors.SettingRefused, "the image refused a setting"),
            LogKind.API_WEDGED: lambda _event: [Doubt()],
            LogKind.DIALOG_NEEDS_HUMAN: self._on_dialog,
            LogKind.STOP_REQUESTED: self._on_stop_requested,
        }

    # --- a new life --------------------------------------------------------------------------

    def _on_booting(self, _event: LogEvent) -> list[Step]:
        self.container_started()
        return [Progress(GatewayState.BOOTING, "the container was restarted")]

    def _on_port_forwarded(self, event: LogEvent) -> list[Step]:
        # Nothing would ever answer at the port that was published: say so, do not wait for it.
        found = _FORWARDED.match(event.value)
        if found is None or self._api_port is None or found["mode"] not in {None, self._mode}:
            return []
        if int(found["port"]) == self._api_port:
            return []
        text = (
            f"this image serves the API at port {found['port']} of the container, and the profile "
            f"has {self._api_port}: choose another image_profile"
        )
        return [_fail(errors.SettingRefused, text)]

    def _on_session_starting(self, _event: LogEvent) -> list[Step]:
        self._begin_epoch()
        return [Progress(GatewayState.LOGIN)]

    def _on_session_resuming(self, _event: LogEvent) -> list[Step]:
        self._token_offered = True
        self._begin_epoch()
        return [Progress(GatewayState.LOGIN)]

    def _on_token_login(self, _event: LogEvent) -> list[Step]:
        self._token_offered = True
        self.resumed = True
        return []

    def _on_full_login(self, _event: LogEvent) -> list[Step]:
        self._token_offered = False
        self.resumed = False
        return []

    # --- login -------------------------------------------------------------------------------

    def _on_login_progress(self, _event: LogEvent) -> list[Step]:
        self.waiting_for_attempt = False
        self._in_two_fa = False
        return [Progress(GatewayState.LOGIN)]

    def _on_password_typed(self, _event: LogEvent) -> list[Step]:
        self.waiting_for_attempt = True
        return [Progress(GatewayState.LOGIN)]

    def _on_two_fa_requested(self, _event: LogEvent) -> list[Step]:
        # Three different lines speak of the same push.
        self.waiting_for_attempt = False
        if not self._in_two_fa:
            self._in_two_fa = True
            self.pushes += 1
        if self.pushes > self._two_fa_pushes:
            text = f"nobody confirmed the second factor, asked {self._two_fa_pushes} time(s)"
            return [_fail(errors.TwoFactorTimeout, text)]
        return [Progress(GatewayState.TWO_FA)]

    def _on_two_fa_ended(self, event: LogEvent) -> list[Step]:
        if float(event.value) >= self._two_fa_seconds:
            return []  # missed: the next line says what IBC does about it
        self._in_two_fa = False
        return [Progress(GatewayState.LOGIN)]

    def _on_two_fa_hung(self, _event: LogEvent) -> list[Step]:
        return [_fail(errors.TwoFactorTimeout, "nobody confirmed the second factor")]

    def _on_logged_in(self, _event: LogEvent) -> list[Step]:
        self.logged_in = True
        self.waiting_for_attempt = False
        self._in_two_fa = False
        state = GatewayState.PROBING if self.configured else GatewayState.CONFIGURING
        return [Progress(state)]

    def _on_configured(self, _event: LogEvent) -> list[Step]:
        self.configured = True
        return [Progress(GatewayState.PROBING)] if self.logged_in else []

    def _on_read_only_set(self, event: LogEvent) -> list[Step]:
        self.read_only = event.value.lower() == "true"
        return []

    def _on_auto_restart_set(self, event: LogEvent) -> list[Step]:
        self.auto_restart = event.value
        return []

    # --- refusals ----------------------------------------------------------------------------

    def _on_credentials_refused(self, _event: LogEvent) -> list[Step]:
        # The same window means two things: after an automatic restart IB rejected the saved
        # session, and IBC does not know what to do about it.
        if not self.resumed:
            return [_fail(errors.BadCredentials, "IB does not know this user name and password")]
        if self._full_logins_forced:
            return [_fail(errors.TokenRejected, "IB rejected the saved session twice")]
        self._full_logins_forced += 1
        return [ForceFullLogin("IB rejected the saved session after a restart")]

    def _on_login_error(self, _event: LogEvent) -> list[Step]:
        self._error_text_follows = True
        return []

    def _on_server_unreachable(self, event: LogEvent) -> list[Step]:
        self._server_failures += 1
        if self._server_failures >= _SERVER_TRIES:
            return [_fail(errors.ServerUnreachable, f"no login possible: {event.value}")]
        return [Tell(Advice(self._mode, f"{event.value}; one more attempt"))]

    def _on_throttled(self, event: LogEvent) -> list[Step]:
        seconds = wait_seconds(event.value)
        text = f"IB refuses logins for another {seconds} s after too many failed attempts"
        return [Fail(Failure(errors.TooManyAttempts, text, float(seconds)))]

    def _on_session_scenario(self, event: LogEvent) -> list[Step]:
        if event.value not in _WE_YIELD:
            return [Tell(Advice(self._mode, "another session of this user was ended"))]
        waits = "nobody decides which session ends" if event.value == "1" else "ours was ended"
        return [_fail(errors.ExistingSession, f"the user is logged in elsewhere, and {waits}")]

    def _on_session_taken(self, _event: LogEvent) -> list[Step]:
        self.logged_in = False
        reason = "another session of this user took over"
        return [Tell(Advice(self._mode, reason)), Progress(GatewayState.LOGIN, reason)]

    # --- ends and restarts -------------------------------------------------------------------

    def _on_shutting_down(self, _event: LogEvent) -> list[Step]:
        self.logged_in = False
        return [Progress(GatewayState.BOOTING, "the program shuts down")]

    def _on_exited(self, event: LogEvent) -> list[Step]:
        code = int(event.value)
        self._token_offered = False
        self.logged_in = False
        cause = EXIT_CAUSES.get(code)
        if code == 88:
            self._window_timeouts += 1
        hopeless = {
            87: self.pushes >= self._two_fa_pushes,
            88: self._window_timeouts >= _LOGIN_WINDOW_TRIES,
        }
        if cause is not None and hopeless.get(code, True):
            return [_fail(cause, f"the program ended with IBC's exit status {code}")]
        return [Progress(GatewayState.BOOTING, f"the program ended with exit status {code}")]

    def _on_restart_planned(self, event: LogEvent) -> list[Step]:
        if event.value.lower().startswith("gateway will be cold restarted at"):
            return [Tell(Advice(self._mode, event.value))]  # a time of day, not a restart
        return [Progress(GatewayState.BOOTING, event.value)]

    def _on_program_error(self, event: LogEvent) -> list[Step]:
        self.last_words = event.value
        return []

    def _on_dialog(self, event: LogEvent) -> list[Step]:
        self.dialog = event.value
        return [Tell(Advice(self._mode, f"the window {event.value!r} may wait for an answer"))]

    def _on_stop_requested(self, _event: LogEvent) -> list[Step]:
        self.stop_requested = True
        return []


def _fail(kind: type[GatewayError], message: str) -> Fail:
    return Fail(Failure(kind, message))


def _failing(kind: type[GatewayError], text: str) -> Callable[[LogEvent], list[Step]]:
    def fail(event: LogEvent) -> list[Step]:
        return [_fail(kind, f"{text}: {event.value}" if event.value else text)]

    return fail
