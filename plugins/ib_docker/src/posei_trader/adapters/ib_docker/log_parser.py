"""Turn the byte stream of a container's log into events: pure, incremental, unaware of Docker.

The stream may be cut anywhere: in a line, in a UTF-8 sequence, between CR and LF. What was fed is
never looked at twice, so that the whole log costs time proportional to its length.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.ib_docker.markers import IBC_MARKERS, LogKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_trader.adapters.ib_docker.markers import Marker

MAX_LINE: Final = 16_384
"""A longer line is cut here; no line that means anything comes near it."""

# Docker's own stamp before each line (`timestamps=True`): UTC, up to nine decimals.
_STAMP = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) ?")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One whole line: Docker's time stamp when it was asked for, and the text without line end."""

    text: str
    stamp: str | None = None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line that means something: its kind, the value found in it, and the line itself."""

    kind: LogKind
    value: str = ""
    line: str = ""
    stamp: str | None = None


class LineSplitter:
    """Join chunks of bytes into lines.

    Undecodable bytes become U+FFFD; nothing raises. `feed` gives the lines that are complete;
    `close` gives what is left when the stream has ended.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._pending = ""

    def feed(self, chunk: bytes) -> Iterator[LogLine]:
        """Yield the lines that `chunk` completes."""
        *lines, rest = (self._pending + self._decoder.decode(chunk)).split("\n")
        # A line without end must not grow for ever; its tail is never a marker.
        self._pending = rest[: MAX_LINE + 1]
        for text in lines:
            yield _line(text)

    def close(self) -> Iterator[LogLine]:
        """Yield the unfinished last line, if there is one."""
        rest = self._pending + self._decoder.decode(b"", final=True)
        self._pending = ""
        self._decoder.reset()
        if rest:
            yield _line(rest)


class LogParser:
    """Find the events in lines, with the marker table of one image family.

    The parser keeps no state between lines: what an event means in its context is the state
    machine's business.
    """

    def __init__(self, markers: Sequence[Marker] = IBC_MARKERS) -> None:
        self._markers = tuple(markers)

    def parse(self, line: LogLine) -> LogEvent | None:
        """Return the event of `line`, or None when no marker knows it."""
        for marker in self._markers:
            match = marker.search(line.text)
            if match is not None:
                value = next((group for group in match.groups() if group), "")
                return LogEvent(marker.kind, value.strip(), line.text, line.stamp)
        return None

    def parse_all(self, log: bytes | str) -> list[LogEvent]:
        """Return every event of a whole log."""
        splitter = LineSplitter()
        data = log.encode() if isinstance(log, str) else log
        lines = [*splitter.feed(data), *splitter.close()]
        return [event for event in map(self.parse, lines) if event is not None]


def wait_seconds(text: str) -> int:
    """Return the seconds that a throttling line asks to wait; 15 minutes if it names none."""
    minutes = re.search(r"(\d+) *minute", text)
    seconds = re.search(r"(\d+) *second", text)
    total = (int(minutes[1]) * 60 if minutes else 0) + (int(seconds[1]) if seconds else 0)
    return total or 900


def _line(text: str) -> LogLine:
    text = text.removesuffix("\r")[:MAX_LINE]
    match = _STAMP.match(text)
    if match is None:
        return LogLine(text)
    return LogLine(text[match.end() :], match[1])
