"""Which spans of a stream are known whole: so that a download can go on where it was killed.

    {root}/coverage/{kind}/instrument_id={id}[/spec=.../source=...]/{start}-{end}-{label}.span

The name of the empty file is the whole record. It appears after the rows of its span are on disk,
so what it promises is there. A span without any rows has one too: that nothing happened is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.errors import DataFileError
from posei_trader.persistence.files import key_directory

if TYPE_CHECKING:
    from posei_trader.model.bars import BarType
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.files import FileStore

__all__ = ["Coverage", "Span", "missing_spans"]

_SUFFIX: Final = ".span"
_ROOT: Final = "coverage"


class Span(NamedTuple):
    """A span of time, UNIX ns UTC, its end not included."""

    start_ns: int
    end_ns: int


@final
class Coverage:
    """Keep what is known whole. Several processes may add to it at once.

    Args:
        files: Where the catalog keeps its files.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files

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
            DataFileError: the place is not writable, or the disk is full.
        """
        if end_ns > start_ns:
            self._files.mark(self._directory(kind, key), _name(Span(start_ns, end_ns), label))

    def spans(self, kind: str, key: InstrumentId | BarType, label: str) -> list[Span]:
        """Return what is known whole, ascending, apart from each other."""
        return _merged(self._all(kind, key).get(label, []))

    def labels(self, kind: str, key: InstrumentId | BarType) -> frozenset[str]:
        """Return which data there are."""
        return frozenset(self._all(kind, key))

    def tidy(self, kind: str, key: InstrumentId | BarType) -> None:
        """Join the notes of a stream; what is known stays known whatever kills the process."""
        directory = self._directory(kind, key)
        for label, spans in self._all(kind, key).items():
            merged = _merged(spans)
            for span in merged:
                if span not in spans:
                    self._files.mark(directory, _name(span, label))
            for span in set(spans) - set(merged):
                self._files.remove(f"{self._files.root}/{directory}/{_name(span, label)}")

    def _directory(self, kind: str, key: InstrumentId | BarType) -> str:
        return f"{_ROOT}/{kind}/{key_directory(key)}"

    def _all(self, kind: str, key: InstrumentId | BarType) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = {}
        for path in self._files.marks(self._directory(kind, key), _SUFFIX):
            name = path.rpartition("/")[2].removesuffix(_SUFFIX)
            start, _, rest = name.partition("-")
            end, _, label = rest.partition("-")
            if not (start.isdigit() and end.isdigit() and label):
                raise DataFileError(
                    "a note of the catalog's coverage is not one of ours",
                    field="path",
                    value=path,
                    remedy="move it out of the catalog's directory",
                )
            found.setdefault(label, []).append(Span(int(start), int(end)))
        return found


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


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start_ns <= merged[-1].end_ns:
            merged[-1] = Span(merged[-1].start_ns, max(merged[-1].end_ns, span.end_ns))
        else:
            merged.append(span)
    return merged


def _name(span: Span, label: str) -> str:
    return f"{span.start_ns:019d}-{span.end_ns:019d}-{label}{_SUFFIX}"
