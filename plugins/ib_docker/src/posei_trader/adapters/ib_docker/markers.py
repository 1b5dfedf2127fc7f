"""The log lines of IBC and of the image's scripts, as a table: meaning and recognition.

Texts are matched without regard to case, because IBC changed the case of its lines between versions
("Detected ..." and "detected ..."). A line that no marker knows changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class LogKind(StrEnum):
    """What one line of the log says."""

    BOOTING = "booting"
    PORT_FORWARDED = "port_forwarded"
    SESSION_STARTING = "session_starting"
    SESSION_RESUMING = "session_resuming"
    FULL_LOGIN = "full_login"
    TOKEN_LOGIN = "token_login"  # noqa: S105 - the name of an event, not a secret
    LOGIN_WINDOW = "login_window"
    PASSWORD_TYPED = "password_typed"  # noqa: S105 - the name of an event, not a secret
    LOGIN_ATTEMPT = "login_attempt"
    TWO_FA_REQUESTED = "two_fa_requested"
    TWO_FA_ENDED = "two_fa_ended"
    TWO_FA_NEW_PUSH = "two_fa_new_push"
    TWO_FA_HUNG = "two_fa_hung"
    TWO_FA_DEVICE = "two_fa_device"
    TWO_FA_UNFINISHED = "two_fa_unfinished"
    LOGGED_IN = "logged_in"
    READ_ONLY_SET = "read_only_set"
    AUTO_RESTART_SET = "auto_restart_set"
    CONFIGURED = "configured"
    CREDENTIALS_REFUSED = "credentials_refused"
    LOGIN_FAILED = "login_failed"
    LOGIN_ERROR = "login_error"
    SERVER_UNREACHABLE = "server_unreachable"
    THROTTLED = "throttled"
    SESSION_CONFLICT = "session_conflict"
    SESSION_SCENARIO = "session_scenario"
    SESSION_TAKEN = "session_taken"
    SHUTTING_DOWN = "shutting_down"
    RESTART_PLANNED = "restart_planned"
    EXITED = "exited"
    LOGIN_WINDOW_TIMEOUT = "login_window_timeout"
    PROGRAM_ERROR = "program_error"
    SETTING_ERROR = "setting_error"
    API_REFUSED = "api_refused"
    API_WEDGED = "api_wedged"
    DIALOG_NEEDS_HUMAN = "dialog_needs_human"
    STOP_REQUESTED = "stop_requested"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Marker:
    """Recognize one kind of line by a regular expression; its first group, if any, is the value."""

    kind: LogKind
    pattern: re.Pattern[str]

    def search(self, line: str) -> re.Match[str] | None:
        """Return the match of this marker in `line`, or None."""
        return self.pattern.search(line)


def marker(kind: LogKind, pattern: str) -> Marker:
    """Make a marker from a regular expression that is matched anywhere in a line, ignoring case."""
    return Marker(kind, re.compile(pattern, re.IGNORECASE))


# The order matters where one text contains another: the first match wins.
IBC_MARKERS: Final[tuple[Marker, ...]] = (
    # the image's own scripts
    marker(LogKind.BOOTING, r"\.> Starting IBC/IB gateway"),
    marker(LogKind.PORT_FORWARDED, r"Forking :::(\d+ onto 0\.0\.0\.0:\d+.*)"),
    marker(LogKind.SETTING_ERROR, r"(Invalid TRADING_MODE.*)"),
    marker(LogKind.SETTING_ERROR, r"(error: both .* are set \(but are exclusive\))"),
    marker(LogKind.STOP_REQUESTED, r"Received SIGINT or SIGTERM\. Shutting down"),
    marker(LogKind.STOPPED, r"^\.> Done"),
    marker(LogKind.API_REFUSED, r"socat\[\d+\] E connect\(.*Connection refused"),
    marker(LogKind.API_WEDGED, r"socat\[\d+\] E .*Connection timed out"),
    # a new life of the Java process
    marker(LogKind.SESSION_RESUMING, r"IBC: (?:Re-starting session|Re-login to session)"),
    marker(LogKind.SESSION_STARTING, r"Starting session: will exit if login dialog"),
    marker(LogKind.SESSION_STARTING, r"IBC: version:"),
    marker(LogKind.FULL_LOGIN, r"autorestart file not found"),
    marker(LogKind.TOKEN_LOGIN, r"autorestart file found at"),
    # login
    marker(LogKind.LOGIN_WINDOW, r"Login dialog WINDOW_OPENED: LoginState is LOGGED_OUT"),
    marker(LogKind.PASSWORD_TYPED, r"IBC: Setting password"),
    marker(LogKind.LOGIN_ATTEMPT, r"Login attempt: (\d+)"),
    marker(LogKind.LOGGED_IN, r"Login has completed"),
    marker(
        LogKind.READ_ONLY_SET, r"Read-Only API checkbox is (?:now|already) set to: (true|false)"
    ),
    marker(
        LogKind.AUTO_RESTART_SET,
        r"Auto restart time (?:set to|changed from .* to|already set to):? *(.+)",
    ),
    marker(LogKind.CONFIGURED, r"Configuration tasks completed"),
    # second factor
    marker(LogKind.TWO_FA_UNFINISHED, r"login has not completed after Second Factor Auth"),
    marker(LogKind.TWO_FA_REQUESTED, r"Second Factor Authentication initiated"),
    marker(LogKind.TWO_FA_REQUESTED, r"detected dialog entitled: Second Factor Authentication"),
    marker(LogKind.TWO_FA_REQUESTED, r"frame has now become SecondFactorAuthenticationDialog"),
    marker(LogKind.TWO_FA_ENDED, r"Duration since login: (\d+) seconds"),
    marker(LogKind.TWO_FA_NEW_PUSH, r"Re-login after second factor authentication timeout in \d+"),
    marker(LogKind.TWO_FA_HUNG, r"second factor authentication timeout not required"),
    marker(LogKind.TWO_FA_DEVICE, r"(You should specify the required second factor device)"),
    marker(LogKind.TWO_FA_DEVICE, r"(could not find second factor device '.*)"),
    # refusals
    marker(LogKind.CREDENTIALS_REFUSED, r"dialog entitled: Unrecognized Username or Password"),
    marker(LogKind.THROTTLED, r"Too many failed login attempts\.? *(Please wait .*)?"),
    marker(LogKind.SERVER_UNREACHABLE, r"(Connection to server failed.*)"),
    marker(LogKind.LOGIN_FAILED, r"\b(Login failed.*)"),
    marker(LogKind.LOGIN_ERROR, r"Login error message:"),  # the next line holds the reason
    marker(LogKind.SESSION_CONFLICT, r"detected dialog entitled: Existing session detected"),
    marker(LogKind.SESSION_SCENARIO, r"\(scenario (\d)\)"),
    marker(LogKind.SESSION_TAKEN, r"Re-login is required"),
    # restarts and ends of the Java process
    marker(LogKind.EXITED, r"IBC returned exit status (\d+)"),
    marker(LogKind.RESTART_PLANNED, r"(IBC will (?:cold-)?restart shortly)"),
    marker(LogKind.RESTART_PLANNED, r"(Gateway will be cold restarted at .*)"),
    marker(LogKind.RESTART_PLANNED, r"(Cold restart in progress)"),
    marker(LogKind.SHUTTING_DOWN, r"detected dialog entitled: Shutdown progress"),
    marker(LogKind.LOGIN_WINDOW_TIMEOUT, r"failed to display login dialog"),
    marker(LogKind.PROGRAM_ERROR, r"(Exiting after error with exit code=\d+)"),
    marker(LogKind.PROGRAM_ERROR, r"(Timed out waiting for Xvfb socket!)"),
    marker(LogKind.PROGRAM_ERROR, r"(=== An error has occurred ===)"),
    # windows that wait for a person
    marker(
        LogKind.DIALOG_NEEDS_HUMAN,
        r"detected dialog entitled: (API client needs write access action confirmation"
        r"|Login Messages|Password Notice|Newer Version|IBKR Gateway)",
    ),
)
"""Lines of IBC 3.19 to 3.24 and of the image scripts of 2025 and 2026."""
