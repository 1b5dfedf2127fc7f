"""What a research request returns: the records, and what of the request IB does not have."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

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


class HistoryResult(list[RecordT], Generic[RecordT]):
    """Records in the order of time, and what was skipped.

    Attributes:
        skipped: The parts of the request that IB does not have.
    """

    def __init__(self, records: list[RecordT], skipped: tuple[Skipped, ...] = ()) -> None:
        super().__init__(records)
        self.skipped = skipped


class HistoryProgress(msgspec.Struct, frozen=True):
    """How far a request has come.

    Attributes:
        done: Answers of IB that are in.
        total: Answers that are needed, as far as is known; grows when a span needs more.
        records: Bars or ticks received.
        elapsed_s: Seconds since the start.
        eta_s: Seconds that it will take still, None while nothing tells.
    """

    done: int
    total: int
    records: int
    elapsed_s: float
    eta_s: float | None
