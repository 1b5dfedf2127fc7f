"""The gaps of a stream in the catalog: its rows against the sessions stored beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.persistence import arrow_values, schemas
from posei_trader.persistence.coverage import Span, missing_spans
from posei_trader.persistence.files import key_directory
from posei_trader.persistence.gaps import bar_gaps, tick_gaps
from posei_trader.persistence.session_rows import sessions_of

if TYPE_CHECKING:
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.coverage import Coverage
    from posei_trader.persistence.gaps import Gap
    from posei_trader.persistence.schemas import CatalogTable
    from posei_trader.persistence.sessions import Session
    from posei_trader.persistence.streams import Streams

__all__ = ["ALL_HOURS", "REGULAR", "gaps_of"]

REGULAR: Final = "regular"
ALL_HOURS: Final = "all"
"""The labels of what was downloaded: regular trading hours only, or all hours."""


def gaps_of(
    streams: Streams,
    coverage: Coverage,
    rows: CatalogTable,
    wanted: Span,
    sessions: list[Session] | None,
) -> list[Gap]:
    """Return where the rows of a stream have a gap, in the spans that are known whole.

    Of rows that were not downloaded nobody knows what else was asked for: then it is the span
    from the first row to the end of the session of the last one.

    Args:
        streams: Where the sessions are.
        coverage: What was downloaded.
        rows: The rows of the span.
        wanted: The span.
        sessions: The sessions; None for those that are stored.

    Raises:
        InvalidRequest: no sessions are given, and none are stored.
    """
    kind, key, table = rows
    moments = arrow_values.arrow_to_time(table["ts_event"])
    whole, regular = (coverage.spans(kind, key, label) for label in (ALL_HOURS, REGULAR))
    # All hours have the regular ones in them.
    regular = [more for one in regular for more in missing_spans(whole, *one)]
    gaps: list[Gap] = []
    for known, is_regular in ((whole, False), (regular, True)):
        if not known and (is_regular or regular):
            continue
        hours = _stored(streams, key, regular=is_regular) if sessions is None else sessions
        for span in known or _span_of_rows(moments, hours):
            start, end = max(span.start_ns, wanted.start_ns), min(span.end_ns, wanted.end_ns)
            if kind == schemas.BARS.name and isinstance(key, BarType):
                gaps += bar_gaps(moments, key.spec, hours, start, end)
            else:
                gaps += tick_gaps(moments, hours, start, end)
    return sorted(gaps)


def _span_of_rows(moments: list[int], sessions: list[Session]) -> list[Span]:
    if not moments:
        return []
    begun = [one.close_ns for one in sessions if one.open_ns <= moments[-1]]
    return [Span(moments[0], max([moments[-1] + 1, *begun]))]


def _stored(streams: Streams, key: InstrumentId | BarType, *, regular: bool) -> list[Session]:
    instrument_id = key.instrument_id if isinstance(key, BarType) else key
    table = streams.read(schemas.SESSIONS, key_directory(instrument_id))
    sessions = sessions_of(table, regular=regular)
    if not sessions:
        raise InvalidRequest(
            "it is not known when this instrument trades",
            field="sessions",
            value=str(instrument_id),
            remedy="download it with `posei ib download`, which stores the hours; or give sessions",
        )
    return sessions
