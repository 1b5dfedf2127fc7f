"""Market events: what a venue prints, as small immutable records.

Prices are doubles, as on the wire; sizes too (they fit exactly: IB's sizes have few digits).
Money is never computed with them: the accounts convert each price through its shortest decimal
form, which is the text of the data file.
"""

from __future__ import annotations

import msgspec

__all__ = ["MarketEvent", "Quote", "Trade"]


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask from `ts_ns` (UNIX nanoseconds, UTC) on.

    A price of -1 with size 0 means that side is empty, as IB says it.
    """

    ts_ns: int
    bid: float
    ask: float
    bid_size: float
    ask_size: float

    @property
    def mid(self) -> float:
        """The arithmetic middle, free of binary noise in the twelfth decimal."""
        return round((self.bid + self.ask) / 2.0, 12)


class Trade(msgspec.Struct, frozen=True, gc=False):
    """A print at `ts_ns` (UNIX nanoseconds, UTC)."""

    ts_ns: int
    price: float
    size: float


MarketEvent = Quote | Trade
