"""Nothing that the tests log may show a secret or a whole account number.

Every record that a logger of ours handles in the run is looked at, in every worker. What is found
fails the run at its end, with the test that logged it. Clients that others wrote, which the tests
of the simulator run, log as they please.
"""

from __future__ import annotations

import logging
import os
import re
import traceback
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import SecretStr

if TYPE_CHECKING:
    from collections.abc import Generator

ACCOUNT: Final = re.compile(r"(?<![A-Za-z0-9])(?:D[UFI]|[UFI])\d{6,}(?![A-Za-z0-9])")
"""Account numbers of IB: U1234567, F1234567 for advisors, I1234567; with a D for paper."""

SHORTEST_SECRET: Final = 7
FEWEST_CHARACTERS: Final = 5
"""Shorter ones, and rows of few characters that property tests make, stand in texts by chance."""

OURS: Final = ("posei", "asyncio", "root")
KEPT: Final = 40
KEY: Final = "log_secrecy"


class LogWatch:
    """Looks at every record, and knows every secret that was made."""

    def __init__(self) -> None:
        self.records = 0
        self.found: list[str] = []
        self.secrets: set[str] = set()
        self._undo: list[tuple[type, str, Any]] = []

    def start(self) -> None:
        """Begin to look."""
        watch, handle, make = self, logging.Logger.handle, SecretStr.__init__

        def looked_at(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.name.startswith(OURS):
                watch.look(record)
            handle(logger, record)

        def remembered(secret: SecretStr, value: str) -> None:
            if (
                isinstance(value, str)
                and len(value) >= SHORTEST_SECRET
                and len(set(value)) >= FEWEST_CHARACTERS
            ):
                watch.secrets.add(value)
            make(secret, value)

        self._replace(logging.Logger, "handle", looked_at)
        self._replace(SecretStr, "__init__", remembered)

    def _replace(self, owner: type, name: str, method: object) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, method)

    def stop(self) -> None:
        """Put everything back."""
        for owner, name, method in self._undo:
            setattr(owner, name, method)
        self._undo.clear()

    def look(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        self.records += 1
        text = shown(record)
        leak = ACCOUNT.search(text)
        what = f"account number {leak[0]}" if leak else self._secret(text)
        if what and len(self.found) < KEPT:
            test = os.environ.get("PYTEST_CURRENT_TEST", "between tests")
            self.found.append(f"{test}: {record.name} logged the {what}: {text[:300]!r}")

    def _secret(self, text: str) -> str | None:
        return next((f"secret {one!r}" for one in tuple(self.secrets) if one in text), None)


def shown(record: logging.LogRecord) -> str:
    """Return all that a handler could print of a record."""
    text = record.getMessage()
    if record.exc_info and record.exc_info[1] is not None:
        text += "".join(traceback.format_exception(record.exc_info[1]))
    return text


WATCH: Final = pytest.StashKey[LogWatch]()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Generator[None]:
    """Put loggers back after each test: programs set them up for their whole process."""
    before = state_of_loggers()
    yield
    for name, (level, propagates, handlers) in state_of_loggers().items():
        was = before.get(name, (logging.NOTSET, True, []))
        if (level, propagates, handlers) != was:
            logger = logging.getLogger(name)
            logger.setLevel(was[0])
            logger.propagate = was[1]
            logger.handlers[:] = was[2]


def state_of_loggers() -> dict[str, tuple[int, bool, list[logging.Handler]]]:
    """Return level, propagation and handlers of every logger of ours."""
    return {
        name: (logger.level, logger.propagate, list(logger.handlers))
        for name, logger in logging.root.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and name.startswith(OURS)
    }


def pytest_configure(config: pytest.Config) -> None:
    """Begin with the run."""
    watch = config.stash[WATCH] = LogWatch()
    watch.start()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End with the run."""
    config.stash[WATCH].stop()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Fail a run that logged what must not be shown; a worker tells the run's end."""
    yield
    found = session.config.stash[WATCH].found
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output[KEY] = found  # a worker of xdist: the run's end is elsewhere
    elif found and session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over what a worker found."""
    found = getattr(node, "workeroutput", {}).get(KEY, [])
    node.config.stash[WATCH].found.extend(found)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print what was found."""
    found = config.stash[WATCH].found
    if found:
        terminalreporter.section("secrets in the log", red=True, bold=True)
        for line in found:
            terminalreporter.line(line)
