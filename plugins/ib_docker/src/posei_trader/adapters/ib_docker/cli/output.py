"""What the commands print: one answer on standard output, progress and errors beside it."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from posei_trader.adapters.ib_docker.errors import GatewayError
from posei_trader.adapters.ib_docker.states import (
    Advice,
    FullLoginNeeded,
    HealthLost,
    PullProgress,
    RestartBegan,
    RestartDone,
    StateChanged,
    TwoFactorRequested,
)
from posei_trader.errors import PoseiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.adapters.ib_docker.states import Notice

_PLAIN_EVERY: Final = 2.0


def answer(what: object, *, as_json: bool, text: str) -> None:
    """Print the answer of a command."""
    print(msgspec.json.encode(what).decode() if as_json else text)


@contextmanager
def answering(*, as_json: bool) -> Iterator[None]:
    """Answer with the error, too, when JSON was asked for; people read it on standard error.

    Raises:
        PoseiError: The error itself, for whoever reports it.
    """
    try:
        yield
    except PoseiError as error:
        if as_json:
            print(msgspec.json.encode({"error": described(error)}).decode())
        if isinstance(error, GatewayError) and error.__cause__ is not None:
            # Its text is in ours already; it stays in the traceback of --debug.
            error.__context__, error.__cause__ = error.__cause__, None
            error.__suppress_context__ = False
        raise


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Take what is being started down also when the program is asked to end (SIGTERM).

    As SIGINT, it cancels the work of an event loop that runs. An exception raised wherever the
    program is at that moment would miss it, and leave behind what was begun.
    """
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def described(error: PoseiError) -> dict[str, object]:
    """Return an error as plain data."""
    data: dict[str, object] = {
        "cause": error.cause if isinstance(error, GatewayError) else type(error).__name__,
        "message": error.message,
        "field": error.field,
        "remedy": error.remedy,
        "retryable": error.retryable,
        "exit_code": error.exit_code,
    }
    if isinstance(error, GatewayError) and error.diagnosis is not None:
        diagnosis = error.diagnosis
        data["diagnosis"] = {
            "instance": diagnosis.instance,
            "state": diagnosis.state,
            "seconds_per_state": diagnosis.seconds_per_state,
            "container": diagnosis.container,
            "log_tail": list(diagnosis.log_tail),
        }
    return data


class Narrator:
    """Tell on standard error what a gateway is doing; a bar while its image is fetched."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._began = time.monotonic()
        self._bar: Progress | None = None
        self._said_at = 0.0

    def __call__(self, notice: Notice) -> None:
        """Tell one notice."""
        if isinstance(notice, PullProgress):
            self._pulling(notice)
            return
        self.close()
        text = _sentence(notice)
        if text:
            self.say(text)

    def say(self, text: str) -> None:
        """Tell something that no notice tells."""
        spent = time.monotonic() - self._began
        self._console.print(f"[{spent:6.1f} s] {text}", markup=False, soft_wrap=True)

    def close(self) -> None:
        """End the bar, if there is one. Idempotent."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _pulling(self, progress: PullProgress) -> None:
        if not self._console.is_terminal:
            now = time.monotonic()
            if now - self._said_at > _PLAIN_EVERY:
                self._said_at = now
                done = f"{progress.current / 1e6:.0f} of {progress.total / 1e6:.0f} MB"
                layers = f"{progress.layers_done} of {progress.layers} layers"
                print(f"fetching {progress.image}: {done}, {layers}", file=sys.stderr)
            return
        if self._bar is None:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                DownloadColumn(),
                TransferSpeedColumn(),
                console=self._console,
            )
            self._bar.add_task(progress.image)
            self._bar.start()
        (task,) = self._bar.task_ids
        self._bar.update(task, completed=progress.current, total=progress.total or None)


def _sentence(notice: Notice) -> str:
    match notice:
        case StateChanged(state=state, mode=mode, failure=failure):
            return f"{mode}: {state.value}" + (f": {failure.message}" if failure else "")
        case TwoFactorRequested(seconds=seconds, push=push):
            return f"confirm the login on your phone within {seconds:.0f} s (request {push})"
        case RestartBegan(reason=reason):
            return f"restarting: {reason}"
        case RestartDone(seconds=seconds):
            return f"serves again after {seconds:.0f} s"
        case HealthLost(failures=failures):
            return f"the API has not answered {failures} times in a row"
        case FullLoginNeeded(reason=reason):
            return f"a full login is needed: {reason}"
        case Advice(text=text):
            return text
        case _:
            return ""
