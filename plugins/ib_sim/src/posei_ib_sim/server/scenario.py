"""Scenarios: faults that happen by themselves, at simulated times or on events.

A scenario file is TOML:

    [[step]]
    at = 60               # simulated seconds after time began, or a time: 2024-03-05T15:00:00Z
    every = 86400         # and again each day; optional
    do = "farm_broken"
    farm = "usfarm"

    [[step]]
    on = "fill"           # "connect", "subscription", "order", "fill", "message" of any client,
    count = 3             # or a request's name such as "PlaceOrderRequest"; here the third one
    do = "drop"

A step waits for its event to be handled: a drop takes with it what has not left by then.

`do` names a method of `Faults`; the other keys are its arguments.
"""

from __future__ import annotations

import datetime as dt
import inspect
import json
import shlex
import tomllib
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from posei_ib_sim.clock import NANOSECONDS, SimulatedClock
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.logs import get_logger
from posei_ib_sim.server.faults import Faults
from posei_ib_sim.wire import CLIENT_MESSAGE_IDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "Scenario",
    "ScenarioRunner",
    "Step",
    "load_scenario",
    "parse_fault",
    "perform",
    "scenario_of",
]

_log = get_logger(__name__)

Event = str
"""What steps can wait for: one of `_EVENTS`, or the name of a client's message."""
_EVENTS: Final = ("connect", "subscription", "order", "fill", "message")
_REQUESTS: Final = frozenset(kind.__name__ for kind in CLIENT_MESSAGE_IDS)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One fault and its moment."""

    do: str
    at: float | dt.datetime | None = None
    every: float | None = None
    on: Event | None = None
    count: int = 1
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


class Scenario(msgspec.Struct, frozen=True):
    """The steps of a scenario."""

    name: str
    steps: tuple[Step, ...]


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Return a built-in scenario by name, or one from a TOML file.

    Raises:
        ConfigurationError: There is none, or a step cannot be performed.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"scenario={str(path)!r} cannot be read: {error}") from error
        return _parsed(path.stem, text)
    folder = resources.files("posei_ib_sim.server") / "scenarios"
    names = sorted(item.name.removesuffix(".toml") for item in folder.iterdir())
    if str(name_or_path) not in names:
        raise ConfigurationError(
            f"scenario={str(name_or_path)!r} is no scenario; write one of {', '.join(names)}, or "
            "the path of a .toml file"
        )
    text = (folder / f"{name_or_path}.toml").read_text(encoding="utf-8")
    return _parsed(str(name_or_path), text)


def scenario_of(name_or_path: str | Path | None, faults: Sequence[str]) -> Scenario:
    """Return a scenario and single faults as one.

    Raises:
        ConfigurationError: As `load_scenario` and `parse_fault`.
    """
    scenario = load_scenario(name_or_path) if name_or_path is not None else Scenario("faults", ())
    return Scenario(scenario.name, (*scenario.steps, *map(parse_fault, faults)))


def parse_fault(text: str) -> Step:
    """Return a step written as words: a fault, then KEY=VALUE as in a scenario file.

    For example "drop at=60 after_bytes=10" or "farm_broken on=order farm=usfarm".

    Raises:
        ConfigurationError: It cannot be performed, or has no moment.
    """
    do, *words = shlex.split(text) or [""]
    row: dict[str, Any] = {"do": do}
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key):
            raise ConfigurationError(f"fault {text!r}: {word!r} is no KEY=VALUE")
        row[key] = _value(value)
    return _step(f"fault {text!r}", row)


def _value(text: str) -> object:
    for read in (json.loads, dt.datetime.fromisoformat):
        try:
            value: object = read(text)
        except ValueError:
            continue
        return value
    return text


def perform(faults: Faults, do: str, arguments: Mapping[str, Any]) -> None:
    """Cause a fault by name.

    Raises:
        ConfigurationError: There is no such fault, or it does not take the arguments.
    """
    _check(do, arguments)
    getattr(faults, do)(**arguments)


def _parsed(name: str, text: str) -> Scenario:
    try:
        rows = tomllib.loads(text).get("step", [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"scenario {name!r} is no TOML: {error}") from error
    steps = [_step(f"scenario {name!r}, step {n}", row) for n, row in enumerate(rows, 1)]
    return Scenario(name, tuple(steps))


def _step(where: str, row: Mapping[str, Any]) -> Step:
    rest = dict(row)
    do, at, on = rest.pop("do", ""), rest.pop("at", None), rest.pop("on", None)
    count = rest.pop("count", 1) if on is not None else 1
    every = rest.pop("every", None)
    if (at is None) == (on is None):
        raise ConfigurationError(f"{where}: write either `at` (seconds) or `on` (an event)")
    if on is not None and on not in _EVENTS and on not in _REQUESTS:
        raise ConfigurationError(
            f"{where}: on={on!r} is not one of {', '.join(_EVENTS)}, nor a request such as "
            "PlaceOrderRequest"
        )
    _check_times(where, at, every)
    try:
        _check(str(do), rest)
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from None
    return Step(do=do, at=at, every=every, on=on, count=count, arguments=rest)


def _check_times(where: str, at: object, every: object) -> None:
    if isinstance(at, dt.datetime) and at.tzinfo is None:
        raise ConfigurationError(f"{where}: at={at} names no zone; write for example {at}Z")
    if not isinstance(at, int | float | dt.datetime | None):
        raise ConfigurationError(f"{where}: at={at!r} is neither seconds nor a date and time")
    if every is not None and not (at is not None and isinstance(every, int | float) and every > 0):
        raise ConfigurationError(f"{where}: every={every!r} needs `at` and seconds above 0")


def _check(do: str, arguments: Mapping[str, Any]) -> None:
    method = inspect.getattr_static(Faults, do, None)
    if do.startswith("_") or not inspect.isfunction(method):
        known = ", ".join(name for name in vars(Faults) if not name.startswith("_"))
        raise ConfigurationError(f"do={do!r} is no fault; known are {known}")
    try:
        inspect.signature(method).bind(None, **arguments)
    except TypeError as error:
        raise ConfigurationError(f"do={do!r}: {error}") from None


@final
class ScenarioRunner:
    """Performs a scenario's steps when their moments come.

    Args:
        scenario: The steps.
        faults: Performs them.
        clock: The simulated clock; `at` counts from its present time.
    """

    def __init__(self, scenario: Scenario, faults: Faults, clock: SimulatedClock) -> None:
        self._faults = faults
        self._waiting: list[Step] = []
        self._seen: Counter[str] = Counter()
        self._clock = clock
        start = clock.now_ns
        for step in scenario.steps:
            if step.at is None:
                self._waiting.append(step)
            else:
                timed = isinstance(step.at, dt.datetime)
                seconds = step.at.timestamp() if isinstance(step.at, dt.datetime) else step.at
                self._plan(step, int(seconds * NANOSECONDS) + (0 if timed else start))

    def _plan(self, step: Step, due_ns: int) -> None:
        def run() -> None:
            if step.every is not None:
                period = int(step.every * NANOSECONDS)
                missed = max(0, self._clock.now_ns - due_ns) // period
                self._plan(step, due_ns + (missed + 1) * period)
            self._do(step)

        self._clock.call_at(due_ns, run)

    def happened(self, event: Event) -> None:
        """Note an event that steps may wait for."""
        self._seen[event] += 1
        due: Sequence[Step] = [
            step for step in self._waiting if step.on == event and step.count == self._seen[event]
        ]
        for step in due:
            self._waiting.remove(step)
            self._do(step)

    def _do(self, step: Step) -> None:
        _log.warning("scenario step", do=step.do, **step.arguments)
        perform(self._faults, step.do, step.arguments)
