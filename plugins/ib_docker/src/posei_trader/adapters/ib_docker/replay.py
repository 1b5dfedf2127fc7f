"""Make sense of a log that was written before we came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.log_parser import LineSplitter, LogLine, LogParser
from posei_trader.adapters.ib_docker.markers import LogKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.adapters.ib_docker.log_parser import LogEvent
    from posei_trader.adapters.ib_docker.markers import Marker

_ENDS: Final = frozenset({LogKind.EXITED, LogKind.BOOTING})


def whole_lines(log: bytes) -> list[LogLine]:
    """Return the lines of a log that is complete."""
    splitter = LineSplitter()
    return [*splitter.feed(log), *splitter.close()]


def last_life(lines: Sequence[LogLine], markers: Sequence[Marker]) -> list[LogEvent]:
    """Return the events of the last life of the program.

    What earlier lives went through, failures included, is over: the container that ran on is proof.
    """
    parser = LogParser(markers)
    events = [event for event in map(parser.parse, lines) if event is not None]
    ends = [position for position, event in enumerate(events) if event.kind in _ENDS]
    return events[ends[-1] + 1 :] if ends else events
