"""What a research request returns: the records, what IB does not have, and what is missing."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId

RecordT = TypeVar("RecordT")


class Skipped(msgspec.Struct, frozen=True):
    """A part of a request that IB is known not to have.

    Attributes:
        instrument: The instrument or contract.
        what: The bars or ticks that were asked for.
        reason: Why there are none.
        remedy: What to ask for instead.
    """

    instrument: str
    what: str
    reason: str
    remedy: str


class HistoryGap(msgspec.Struct, frozen=True):
    """A stretch of trading of which IB sent nothing.

    No error by itself: where nobody traded there is no bar of trades.

    Attributes:
        kind: ``bars``, ``quote_ticks`` or ``trade_ticks``.
        key: The bar type, or the instrument's id.
        start_ns: First moment without data, UNIX ns UTC.
        end_ns: End, UNIX ns UTC, not included.
        missing: Bars that could be there; 0 for ticks.
        is_whole_session: Whether a session has no data at all.
        hours: Who says that the market was open.
    """

    kind: str
    key: BarType | InstrumentId
    start_ns: int
    end_ns: int
    missing: int
    is_whole_session: bool
    hours: str


class Unchecked(msgspec.Struct, frozen=True):
    """A stream of which nobody can say whether something is missing.

    Attributes:
        kind: ``bars``, ``quote_ticks`` or ``trade_ticks``.
        key: The bar type, or the instrument's id.
        reason: Why not.
    """

    kind: str
    key: BarType | InstrumentId
    reason: str


class HistoryResult(list[RecordT], Generic[RecordT]):
    """Records in the order of time, and what else there is to know about them.

    Attributes:
        skipped: The parts of the request that IB does not have.
        gaps: Where the market was open and IB sent nothing, by stream and time.
        unchecked: The streams whose gaps are unknown.
    """

    def __init__(
        self,
        records: list[RecordT],
        skipped: tuple[Skipped, ...] = (),
        gaps: tuple[HistoryGap, ...] = (),
        unchecked: tuple[Unchecked, ...] = (),
    ) -> None:
        super().__init__(records)
        self.skipped = skipped
        self.gaps = gaps
        self.unchecked = unchecked


class HistoryProgress(msgspec.Struct, frozen=True):
    """How far a request has come.

    Attributes:
        done: Answers of IB that are in.
        total: Answers that are needed, as far as is known; grows when a span needs more.
        records: Bars or ticks received.
        elapsed_s: Seconds since the start.
        eta_s: Seconds that it will take still: by the speed so far, and not less than IB's pacing
            rules demand. None while nothing tells.
    """

    done: int
    total: int
    records: int
    elapsed_s: float
    eta_s: float | None
