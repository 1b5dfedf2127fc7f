"""The gaps of a stream in the catalog: its rows against the sessions stored beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.persistence import arrow_values, schemas
from posei_trader.persistence.coverage import Span, missing_spans
from posei_trader.persistence.files import key_directory
from posei_trader.persistence.gaps import CALENDAR, bar_gaps, first_open, tick_gaps
from posei_trader.persistence.session_rows import sessions_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.coverage import Coverage
    from posei_trader.persistence.gaps import Gap
    from posei_trader.persistence.sessions import Session
    from posei_trader.persistence.streams import Streams

__all__ = ["ALL_HOURS", "REGULAR", "gaps_of"]

REGULAR: Final = "regular"
ALL_HOURS: Final = "all"
"""The labels of what was downloaded: regular trading hours only, or all hours."""


def gaps_of(
    streams: Streams,
    coverage: Coverage,
    kind: str,
    key: InstrumentId | BarType,
    wanted: Span,
    sessions: list[Session] | None,
) -> list[Gap]:
    """Return where a stream has a gap, in the spans that are known whole.

    Of rows that were not downloaded nobody knows what else was asked for: then it is the span
    from the first row to the end of the session of the last one.

    Args:
        streams: Where the rows and the sessions are.
        coverage: What was downloaded.
        kind: ``bars``, ``quote_ticks``, ``trade_ticks``.
        key: Of what.
        wanted: Where to look.
        sessions: The sessions; None for those that are stored.

    Raises:
        InvalidRequest: no sessions are given, and none are stored.
    """
    spec = key.spec if isinstance(key, BarType) else None
    first = wanted.start_ns if spec is None else first_open(spec, wanted.start_ns)
    table = streams.read(schemas.named(kind), key_directory(key), max(first, 0), wanted.end_ns)
    moments = arrow_values.arrow_to_time(table["ts_event"])
    parts = list(_known(streams, coverage, kind, key, wanted, sessions, moments))
    if spec is None:
        found = [tick_gaps(moments, hours, *span) for span, hours in parts]
    elif spec.aggregation in CALENDAR:
        # Looked for once: a week may lie in two spans.
        whole = sorted({one for span, hours in parts for one in hours if _is_within(one, span)})
        found = [bar_gaps(moments, spec, whole, *wanted)]
    else:
        found = [bar_gaps(moments, spec, hours, *span) for span, hours in parts]
    return sorted(gap for gaps in found for gap in gaps)


def _known(
    streams: Streams,
    coverage: Coverage,
    kind: str,
    key: InstrumentId | BarType,
    wanted: Span,
    sessions: list[Session] | None,
    moments: list[int],
) -> Iterator[tuple[Span, list[Session]]]:
    """Yield the spans, each with the sessions whose data it should have."""
    whole, regular = (coverage.spans(kind, key, label) for label in (ALL_HOURS, REGULAR))
    if not whole and not regular:
        if moments:
            hours = _stored(streams, key, ALL_HOURS) if sessions is None else sessions
            yield from ((span, hours) for span in _clipped([_of_rows(moments, hours)], wanted))
        return
    # All hours have the regular ones in them.
    regular = [more for one in regular for more in missing_spans(whole, *one)]
    for label, known in ((ALL_HOURS, whole), (REGULAR, regular)):
        asked = _clipped(known, wanted)
        if asked:
            hours = _stored(streams, key, label) if sessions is None else sessions
            yield from ((span, hours) for span in asked)


def _clipped(spans: list[Span], wanted: Span) -> list[Span]:
    cut = (
        Span(max(one.start_ns, wanted.start_ns), min(one.end_ns, wanted.end_ns)) for one in spans
    )
    return [one for one in cut if one.start_ns < one.end_ns]


def _of_rows(moments: list[int], sessions: list[Session]) -> Span:
    begun = [one.close_ns for one in sessions if one.open_ns <= moments[-1]]
    return Span(moments[0], max([moments[-1] + 1, *begun]))


def _is_within(session: Session, span: Span) -> bool:
    return span.start_ns <= session.open_ns and session.close_ns <= span.end_ns


def _stored(streams: Streams, key: InstrumentId | BarType, label: str) -> list[Session]:
    instrument_id = key.instrument_id if isinstance(key, BarType) else key
    table = streams.read(schemas.SESSIONS, key_directory(instrument_id))
    sessions = sessions_of(table, regular=label == REGULAR)
    if not sessions:
        command = "posei ib download" + (" --all-hours" if label == ALL_HOURS else "")
        raise InvalidRequest(
            f"it is not known when this instrument trades ({label} hours)",
            field="sessions",
            value=str(instrument_id),
            remedy=f"download it with `{command}`, which stores the hours; or give sessions",
        )
    return sessions
