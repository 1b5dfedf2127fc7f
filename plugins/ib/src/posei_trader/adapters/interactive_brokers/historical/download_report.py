"""What a download tells while it runs and when it has ended."""

from __future__ import annotations

import msgspec

from posei_trader.adapters.interactive_brokers.historical.results import HistoryGap, Skipped
from posei_trader.errors import PoseiError
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId

__all__ = ["DownloadProgress", "DownloadReport", "StreamReport"]


class DownloadProgress(msgspec.Struct, frozen=True):
    """How far a download has come.

    Attributes:
        fraction: Of all the time that is to be fetched, from 0 to 1.
        streams_done: Streams that have ended.
        streams: Streams in all.
        records: Bars and ticks received.
        records_per_s: The same for each second since the start.
        elapsed_s: Seconds since the start.
        eta_s: Seconds that it will take still, by the speed so far and by what IB's pacing rules
            demand at least; None while nothing tells.
    """

    fraction: float
    streams_done: int
    streams: int
    records: int
    records_per_s: float
    elapsed_s: float
    eta_s: float | None


class StreamReport(msgspec.Struct, kw_only=True):
    """What became of one stream.

    Attributes:
        kind: ``bars``, ``quote_ticks`` or ``trade_ticks``.
        key: The bar type, or the instrument's id.
        start_ns: First moment of what was wanted, UNIX ns UTC; where IB's history begins, if that
            is later.
        end_ns: End of what was wanted and can be complete, not included.
        fetched: Records that IB sent this time.
        written: How many of them are new.
        rows: Rows of the span that the catalog holds now.
        gaps: Where the market was open and there is nothing.
        gaps_unknown: Why nobody can say what is missing; empty where somebody can.
        problems: What the verification found.
        error: Why the stream is not whole; None if it is.
    """

    kind: str
    key: BarType | InstrumentId
    start_ns: int
    end_ns: int
    fetched: int = 0
    written: int = 0
    rows: int = 0
    gaps: tuple[HistoryGap, ...] = ()
    gaps_unknown: str = ""
    problems: tuple[str, ...] = ()
    error: PoseiError | None = None

    @property
    def is_whole(self) -> bool:
        """Whether everything that was wanted is stored, and verified."""
        return self.error is None and not self.problems


class DownloadReport(msgspec.Struct, frozen=True):
    """What became of a download.

    Attributes:
        streams: Stream by stream, in the order asked.
        skipped: What IB is known not to have.
    """

    streams: tuple[StreamReport, ...]
    skipped: tuple[Skipped, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether every stream is."""
        return all(stream.is_whole for stream in self.streams)

    @property
    def written(self) -> int:
        """How many records are new."""
        return sum(stream.written for stream in self.streams)

    @property
    def errors(self) -> tuple[PoseiError, ...]:
        """Why streams are not whole."""
        return tuple(stream.error for stream in self.streams if stream.error is not None)
