"""The message bus: topics that are resolved once, and plain calls from there on.

A publisher keeps the :class:`Topic` it was given and calls :meth:`Topic.publish`; that is one loop
over a tuple of handlers. Subscribing, which is rare, rebuilds the tuples it touches.
"""

from __future__ import annotations

import logging
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ErrorHandler", "Handler", "MessageBus", "Topic"]

Handler: TypeAlias = "Callable[[Any], object]"
"""What is called with a message.

The topic's name decides the message's type, which no type checker can follow: the one place where
core gives up exact types, so that listeners can declare the type that they expect.
"""

ErrorHandler: TypeAlias = "Callable[[str, Exception], None]"
"""What is told that a handler raised: the topic's name and the error. It must not raise."""

_log: Final = logging.getLogger("posei.MessageBus")


def _log_failure(topic: str, error: Exception) -> None:
    _log.error("a handler of %s raised", topic, exc_info=error)


@final
class Topic:
    """A name, and who listens to it now.

    Attributes:
        name: The name.
        handlers: Who is called, in the order of subscription. Replaced, never changed.
    """

    __slots__ = ("_on_error", "handlers", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.handlers: tuple[Handler, ...] = ()
        self._on_error: dict[Handler, ErrorHandler] = {}

    def publish(self, message: object) -> None:
        """Call every handler. What one raises is reported and never stops the others."""
        for handler in self.handlers:
            try:
                handler(message)
            except Exception as error:  # noqa: BLE001  one listener may not stop the others
                self.failed(handler, error)

    def failed(self, handler: Handler, error: Exception) -> None:
        """Report that a handler raised, to whom it named when it subscribed, or to the log."""
        self._on_error.get(handler, _log_failure)(self.name, error)

    def _attach(self, handler: Handler, on_error: ErrorHandler) -> None:
        if handler not in self.handlers:
            self.handlers = (*self.handlers, handler)
        self._on_error[handler] = on_error

    def _detach(self, handler: Handler) -> None:
        self.handlers = tuple(known for known in self.handlers if known != handler)
        self._on_error.pop(handler, None)


@final
class MessageBus:
    """Connect publishers and listeners by topic names such as ``data.quotes.AAPL.XNAS``.

    A pattern may contain ``*`` (any text, dots included) and ``?``; it also catches topics that
    are made later. A handler that is subscribed to a topic twice is called once.
    """

    def __init__(self) -> None:
        self._topics: dict[str, Topic] = {}
        self._patterns: dict[tuple[str, Handler], ErrorHandler] = {}

    def topic(self, name: str) -> Topic:
        """Return the topic of a name; the same object every time."""
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = Topic(name)
            for (pattern, handler), on_error in self._patterns.items():
                if fnmatchcase(name, pattern):
                    found._attach(handler, on_error)  # noqa: SLF001  bus and topic are one unit
        return found

    def publish(self, name: str, message: object) -> None:
        """Publish to a topic by its name; :meth:`Topic.publish` is the fast form."""
        self.topic(name).publish(message)

    def subscribe(
        self, pattern: str, handler: Handler, on_error: ErrorHandler | None = None
    ) -> None:
        """Listen to a topic, or to all that fit a pattern. Idempotent.

        Args:
            pattern: A name, or a pattern with ``*`` or ``?``.
            handler: What is called with each message, on the publisher's thread, before the
                publisher goes on.
            on_error: What is told that the handler raised; None logs it with its traceback.
        """
        report = on_error or _log_failure
        if not _is_pattern(pattern):
            self.topic(pattern)._attach(handler, report)  # noqa: SLF001  bus and topic are one unit
            return
        self._patterns[pattern, handler] = report
        for name, topic in self._topics.items():
            if fnmatchcase(name, pattern):
                topic._attach(handler, report)  # noqa: SLF001  bus and topic are one unit

    def unsubscribe(self, pattern: str, handler: Handler) -> None:
        """Stop listening; the pattern must be spelt as it was subscribed. Idempotent.

        A handler that listens to a topic by its name and by a pattern loses both there.
        """
        self._patterns.pop((pattern, handler), None)
        for name, topic in self._topics.items():
            if name == pattern or fnmatchcase(name, pattern):
                topic._detach(handler)  # noqa: SLF001  bus and topic are one unit

    def topics(self) -> list[str]:
        """Return the names of the topics that were made so far."""
        return sorted(self._topics)


def _is_pattern(text: str) -> bool:
    return "*" in text or "?" in text
