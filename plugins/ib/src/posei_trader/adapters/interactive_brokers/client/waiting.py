"""Historical requests that wait: who is next is seen from the heads of a few lines.

Thousands may wait, and every answer, timer and new request asks who is next: looking at all of
them each time would keep the event loop from ticks and orders.
"""

from __future__ import annotations

from collections import OrderedDict
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, TypeAlias, final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from posei_trader.adapters.interactive_brokers.client.scheduler import Command
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalBudget, HistoricalCost

__all__ = ["WaitingHistory"]

_Kind: TypeAlias = "tuple[bool, int]"
"""Whether bars are small, and the weight: a rule of the login is the same for all of a kind."""


@final
class _Line:
    """Requests of one kind and group, by their numbers: only the first can be the next one."""

    __slots__ = ("commands", "group")

    def __init__(self, group: Hashable) -> None:
        self.group = group
        self.commands: OrderedDict[int, Command] = OrderedDict()

    @property
    def head(self) -> int:
        """Return the number of the first."""
        return next(iter(self.commands))


@final
class _Lines:
    """The lines of one kind, in the order of their heads."""

    def __init__(self, budget: HistoricalBudget) -> None:
        self._budget = budget
        self._by_group: dict[Hashable, _Line] = {}
        self._queue: list[tuple[int, int, _Line]] = []
        """Each line once. What was withdrawn leaves a number that is too low, or an empty line:
        that is put right when it comes first."""

    def add(self, number: int, command: Command, group: Hashable) -> _Line:
        line = self._by_group.get(group)
        if line is None:
            line = self._by_group[group] = _Line(group)
            self._enqueue(number, line)
        line.commands[number] = command
        return line

    def first(self, now: int, places: dict[Command, tuple[int, _Line]]) -> _Line | int | None:
        """Return the line whose head may go and came first; else how long until one may."""
        passed: list[tuple[int, int, _Line]] = []
        soonest: int | None = None
        found: _Line | None = None
        while self._queue and found is None:
            number, _, line = self._queue[0]
            if not line.commands:
                heappop(self._queue)
                if self._by_group.get(line.group) is line:
                    del self._by_group[line.group]
                continue
            if number != line.head:
                heappop(self._queue)
                self._enqueue(line.head, line)
                continue
            cost = _cost(line.commands[number])
            delay = self._budget.own_delay_ns(cost, now)
            if delay == 0:
                found = line
            elif len(line.commands) > 1 and self._budget.repeat_delay_ns(cost, now) == delay:
                # Identical to one of just now: it waits by itself, and holds up nobody behind it.
                apart = _Line(object())
                apart.commands[number] = command = line.commands.pop(number)
                places[command] = (number, apart)
                self._enqueue(number, apart)
            else:
                passed.append(heappop(self._queue))
                soonest = delay if soonest is None else min(soonest, delay)
        for entry in passed:
            heappush(self._queue, entry)
        return found or soonest

    def _enqueue(self, number: int, line: _Line) -> None:
        heappush(self._queue, (number, id(line), line))


@final
class WaitingHistory:
    """Historical requests that wait: of those that may go, the one that came first is the next.

    Args:
        budget: IB's rules.
    """

    def __init__(self, budget: HistoricalBudget) -> None:
        self._budget = budget
        self._numbers = count()
        self._kinds: dict[_Kind, _Lines] = {}
        self._places: dict[Command, tuple[int, _Line]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def costs(self) -> Iterator[HistoricalCost]:
        """Return what each counts for."""
        return map(_cost, self._places)

    def add(self, command: Command) -> None:
        """Put a request behind the others."""
        cost = _cost(command)
        kind = cost.is_small, cost.weight
        lines = self._kinds.get(kind)
        if lines is None:
            lines = self._kinds[kind] = _Lines(self._budget)
        number = next(self._numbers)
        self._places[command] = number, lines.add(number, command, cost.group)

    def remove(self, command: Command) -> bool:
        """Take a request out; False when it is not there."""
        place = self._places.pop(command, None)
        if place is None:
            return False
        number, line = place
        del line.commands[number]
        if not self._places:
            self._kinds.clear()
        return True

    def clear(self) -> list[Command]:
        """Take all out, in their order."""
        commands = list(self._places)
        self._places.clear()
        self._kinds.clear()
        return commands

    def take(self, now: int) -> tuple[Command | None, int | None]:
        """Take out who may go now; else say how long to wait, None for "until one has ended"."""
        best: _Line | None = None
        soonest: int | None = None
        for (is_small, weight), lines in self._kinds.items():
            if self._budget.is_closed(is_small=is_small):
                continue
            first: _Line | int | None = self._budget.shared_delay_ns(is_small, weight, now)
            if first == 0:
                first = lines.first(now, self._places)
            if isinstance(first, _Line):
                best = first if best is None or first.head < best.head else best
            elif first is not None:
                soonest = first if soonest is None else min(soonest, first)
        if best is None:
            return None, soonest
        command = best.commands[best.head]
        self.remove(command)
        return command, None


def _cost(command: Command) -> HistoricalCost:
    """Return what a request counts for."""
    assert command.cost is not None  # noqa: S101 - what has no cost does not wait here
    return command.cost
