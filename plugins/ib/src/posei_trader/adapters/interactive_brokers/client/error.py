"""Errors: every code goes to whom it concerns, as the table in `error_codes` says."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, final

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.describe import masked
from posei_trader.adapters.interactive_brokers.client.session import Notice, Session
from posei_trader.adapters.interactive_brokers.error_codes import (
    About,
    Action,
    ErrorRule,
    Severity,
    error_for,
    rule_for,
)
from posei_trader.adapters.interactive_brokers.wire.errors import excerpt

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.requests import Request
    from posei_trader.adapters.interactive_brokers.client.stream_records import Stream

__all__ = ["InteractiveBrokersClientErrorMixin", "ReportedError"]

_REMEMBERED: Final = 100
_LONGEST_TEXT: Final = 2_000
_LONGEST_REASON: Final = 200
_MOST_CODES: Final = 1_000
_OTHER_CODES: Final = -1
_LOGGED_IN_FULL: Final = 10
_HOLD_S: Final = 10.0
_TOO_FAST: Final = 100
_NO_CONTRACT: Final = 200
_LEVELS: Final = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}
_CONNECTION: Final = frozenset({About.FARM, About.CONNECTION})


@final
@dataclass(frozen=True, slots=True)
class ReportedError:
    """A code that IB reported."""

    ts_ns: int
    req_id: int
    code: int
    message: str


@final
@dataclass(slots=True)
class _ErrorState:
    """The error part's state."""

    counts: Counter[int] = field(default_factory=Counter)
    recent: deque[ReportedError] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    malformed: int = 0
    unhandled: Counter[str] = field(default_factory=Counter)


class InteractiveBrokersClientErrorMixin(ClientPart):
    """Route IB's codes, count them, and log them once."""

    _errors: _ErrorState

    def _init_error(self, session: Session) -> None:
        self._errors = _ErrorState()
        session.callbacks["error"] = self._error

    def error_counts(self) -> dict[int, int]:
        """Return how often each code came."""
        return dict(self._errors.counts)

    def recent_errors(self) -> tuple[ReportedError, ...]:
        """Return the last codes, oldest first."""
        return tuple(self._errors.recent)

    # --- what IB says -----------------------------------------------------------------------------

    def _error(self, req_id: int, code: int, message: str, reject_json: str, _time_ms: int) -> None:
        message = message[:_LONGEST_TEXT]
        rule = rule_for(code, message)
        counts = self._errors.counts
        counts[code if code in counts or len(counts) < _MOST_CODES else _OTHER_CODES] += 1
        now = self._session.clock.timestamp_ns()
        self._errors.recent.append(ReportedError(now, req_id, code, message))
        if code == _TOO_FAST:
            self._session.scheduler.hold(_HOLD_S)
        if rule.about in _CONNECTION:
            self._log_code(rule, req_id, code, message, "")
            self._session.on_notice(Notice(req_id, code, message, rule))
        elif req_id > 0:
            self._bound_error(req_id, code, message, reject_json, rule)
        else:
            self._log_code(rule, req_id, code, message, "")

    def _bound_error(
        self, req_id: int, code: int, message: str, reject_json: str, rule: ErrorRule
    ) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            subject = request.question.subject
            if code == _NO_CONTRACT:
                # Who looks a contract up often expects this, and is told by the exception.
                self._session.log.debug("IB has no such contract", subject=subject, text=message)
            else:
                self._log_code(rule, req_id, code, message, subject)
            self._request_error(request, code, message, rule)
            return
        stream = self._session.streams.find(req_id)
        if stream is not None:
            self._log_code(rule, req_id, code, message, stream.plan.subject)
            self._stream_error(stream, code, message, rule)
            return
        if self._session.on_order_code(req_id, code, message, reject_json, rule):
            self._log_code(rule, req_id, code, message, f"order id {req_id}")
        else:
            self._session.log.debug("a code came late", code=code, req_id=req_id, text=message)

    def _request_error(
        self, request: Request[Any], code: int, message: str, rule: ErrorRule
    ) -> None:
        if rule.request is Action.NOTE:
            return
        if rule.request is Action.EMPTY:
            self._session.requests.complete(request)
            return
        error = error_for(code, message, request.question.subject)
        if rule.request in {Action.RETRY, Action.REISSUE}:
            self._session.requests.retry(request, error)
        else:
            self._session.requests.fail(request, error)

    def _stream_error(self, stream: Stream, code: int, message: str, rule: ErrorRule) -> None:
        streams, action = self._session.streams, rule.stream or rule.request
        if action is Action.NOTE:
            return
        if action is Action.RESET_BOOK:
            streams.guarded(stream.target.depth_reset)
            return
        error = error_for(code, message, stream.plan.subject)
        if action in {Action.RETRY, Action.REISSUE}:
            streams.reissue_later(stream, error)
        else:
            streams.fail(stream, error)

    # --- bytes that make no sense -----------------------------------------------------------------

    def _malformed(self, message_id: int, payload: bytes, error: Exception) -> None:
        """Count a message that does not decode; the next one is unharmed.

        The first are logged one by one, then each tenth, hundredth... of their number: garbage
        without end must not fill the disk.
        """
        self._errors.malformed += 1
        count = self._errors.malformed
        if count <= _LOGGED_IN_FULL or str(count).strip("0") == "1":
            self._session.log.error(
                "a message does not decode and is skipped",
                message_id=message_id,
                size=len(payload),
                error=f"{type(error).__name__}: {error}"[:_LONGEST_REASON],
                payload=excerpt(payload),
                malformed=count,
            )

    def _unhandled(self, name: str) -> None:
        """Count a callback that nobody handles."""
        self._errors.unhandled[name] += 1

    def _log_code(
        self, rule: ErrorRule, req_id: int, code: int, message: str, subject: str
    ) -> None:
        fields = {"subject": subject} if subject else {}
        self._session.log.log(
            _LEVELS[rule.severity],
            "IB reported a code",
            about=rule.about.value,
            code=code,
            req_id=req_id,
            text=masked(message),
            **fields,
        )
