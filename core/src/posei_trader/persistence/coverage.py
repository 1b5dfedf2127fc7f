"""Which spans of a stream are known whole: so that a download can go on where it was killed.

    {root}/coverage/{kind}/instrument_id={id}[/spec=.../source=...]/{start}-{end}-{label}-{rows}.span

The name of the empty file is the whole record. It appears after the rows of its span are on disk,
and tells how many they were: a span that has fewer later has lost some. There may be more, since
spans of different labels share their rows. A span without any rows has a note too: that nothing
happened is known. Notes of the first versions do not tell the number of rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.errors import DataFileError
from posei_trader.persistence import schemas
from posei_trader.persistence.files import directory_key, key_directory
from posei_trader.persistence.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from posei_trader.model.bars import BarType
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.files import FileStore

__all__ = ["COVERAGE", "Coverage", "Loss", "Span", "missing_spans"]

COVERAGE: Final = "coverage"
"""The directory of the notes, below the root."""

_SUFFIX: Final = ".span"


class Span(NamedTuple):
    """A span of time, UNIX ns UTC, its end not included."""

    start_ns: int
    end_ns: int


class Loss(NamedTuple):
    """A span that was known whole, and is not any more.

    Attributes:
        path: The note of it.
        span: The span.
        noted: How many rows it had.
        found: How many of them there are.
    """

    path: str
    span: Span
    noted: int
    found: int


class _Note(NamedTuple):
    path: str
    span: Span
    label: str
    rows: int


@final
class Coverage:
    """Keep what is known whole. Several processes may add to it at once.

    Args:
        files: Where the catalog keeps its files.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files
        self._streams = Streams(files)

    def add(
        self, kind: str, key: InstrumentId | BarType, start_ns: int, end_ns: int, label: str
    ) -> None:
        """Note that a span is known whole; its rows have to be stored already.

        Args:
            kind: ``bars``, ``quote_ticks``, ...
            key: Of what.
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, UNIX ns UTC, not included.
            label: Letters and digits that say which data: spans of different labels are apart.

        Raises:
            InvalidRequest: there is no such kind.
            DataFileError: the place is not writable, or the disk is full.
        """
        if end_ns > start_ns:
            self._mark(kind, key, Span(start_ns, end_ns), label)

    def spans(self, kind: str, key: InstrumentId | BarType, label: str) -> list[Span]:
        """Return what was noted as whole, ascending, apart from each other."""
        return _merged(note.span for note in self._notes(kind, key) if note.label == label)

    def kept(
        self,
        kind: str,
        key: InstrumentId | BarType,
        labels: Iterable[str],
        start_ns: int,
        end_ns: int,
    ) -> list[Span]:
        """Return what is known whole around a span, without what has lost rows since.

        Args:
            kind: ``bars``, ``quote_ticks``, ...
            key: Of what.
            labels: Which data; what is known of any of them is known.
            start_ns: First moment to look at, UNIX ns UTC.
            end_ns: End, not included.

        Raises:
            DataFileError: a data file or a note is damaged.
        """
        wanted = frozenset(labels)
        return _merged(
            note.span
            for note in self._notes(kind, key)
            if note.label in wanted
            and note.span.start_ns < end_ns
            and start_ns < note.span.end_ns
            and self._loss(kind, key, note) is None
        )

    def losses(self, kind: str, key: InstrumentId | BarType) -> list[Loss]:
        """Return the spans that have fewer rows than when they were noted."""
        losses = (self._loss(kind, key, note) for note in self._notes(kind, key))
        return [loss for loss in losses if loss is not None]

    def labels(self, kind: str, key: InstrumentId | BarType) -> frozenset[str]:
        """Return which data there are."""
        return frozenset(note.label for note in self._notes(kind, key))

    def streams(self) -> Iterator[tuple[str, InstrumentId | BarType]]:
        """Yield the kind and the key of everything that has a note, whether it has rows or not."""
        for kind in schemas.BY_NAME:
            for directory in self._files.directories(f"{COVERAGE}/{kind}"):
                key = directory_key(directory)
                if self._notes(kind, key):
                    yield kind, key

    def tidy(self, kind: str, key: InstrumentId | BarType) -> None:
        """Join the notes of a stream; what is known stays known whatever kills the process.

        A note whose rows are lost is not joined: that would be to forget the loss. It goes when
        other notes say that its span is known whole again.
        """
        for label in self.labels(kind, key):
            notes = [note for note in self._notes(kind, key) if note.label == label]
            good = [note for note in notes if self._loss(kind, key, note) is None]
            merged = _merged(note.span for note in good)
            keep: set[str] = set()
            for span in merged:
                whole = [note for note in good if note.span == span]
                if whole:
                    keep.add(max(whole, key=lambda note: note.rows).path)
                else:
                    self._mark(kind, key, span, label)
            for note in notes:
                if note.path not in keep and _lies_within(note.span, merged):
                    self._files.remove(note.path)

    def _mark(self, kind: str, key: InstrumentId | BarType, span: Span, label: str) -> None:
        rows = self._streams.count(schemas.named(kind), key_directory(key), *span)
        name = f"{span.start_ns:019d}-{span.end_ns:019d}-{label}-{rows}{_SUFFIX}"
        self._files.mark(_directory(kind, key), name)

    def _loss(self, kind: str, key: InstrumentId | BarType, note: _Note) -> Loss | None:
        if not note.rows:
            return None
        found = self._streams.count(schemas.named(kind), key_directory(key), *note.span)
        return Loss(note.path, note.span, note.rows, found) if found < note.rows else None

    def _notes(self, kind: str, key: InstrumentId | BarType) -> list[_Note]:
        found: list[_Note] = []
        for path in self._files.marks(_directory(kind, key), _SUFFIX):
            start, _, rest = path.rpartition("/")[2].removesuffix(_SUFFIX).partition("-")
            end, _, rest = rest.partition("-")
            label, _, rows = rest.partition("-")
            if not (start.isdigit() and end.isdigit() and label and (rows or "0").isdigit()):
                raise DataFileError(
                    "a note of the catalog's coverage is not one of ours",
                    field="path",
                    value=path,
                    remedy="move it out of the catalog's directory",
                )
            found.append(_Note(path, Span(int(start), int(end)), label, int(rows or 0)))
        return found


def _directory(kind: str, key: InstrumentId | BarType) -> str:
    return f"{COVERAGE}/{kind}/{key_directory(key)}"


def missing_spans(known: list[Span], start_ns: int, end_ns: int) -> list[Span]:
    """Return what of a span is not known, ascending.

    Args:
        known: Ascending, apart from each other.
        start_ns: First moment of the span.
        end_ns: Its end, not included.
    """
    missing: list[Span] = []
    at = start_ns
    for span in known:
        if span.end_ns <= at:
            continue
        if span.start_ns >= end_ns:
            break
        if span.start_ns > at:
            missing.append(Span(at, span.start_ns))
        at = span.end_ns
    if at < end_ns:
        missing.append(Span(at, end_ns))
    return missing


def _merged(spans: Iterable[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start_ns <= merged[-1].end_ns:
            merged[-1] = Span(merged[-1].start_ns, max(merged[-1].end_ns, span.end_ns))
        else:
            merged.append(span)
    return merged


def _lies_within(span: Span, spans: list[Span]) -> bool:
    return any(one.start_ns <= span.start_ns and span.end_ns <= one.end_ns for one in spans)
