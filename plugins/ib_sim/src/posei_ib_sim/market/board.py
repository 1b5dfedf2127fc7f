"""The last state of one instrument: what a subscriber is told first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import numpy as np

from posei_ib_sim.market.columns import middle
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.columns import Floats, TickColumns

__all__ = ["Board"]


@final
class Board:
    """Quote, last trade and the day's figures of one contract.

    `reference` is the price of last resort, before anything has been seen; `quote_before` and
    `last_before` are what came before the present quote and trade.
    The day is the venue's trading session; figures start anew with the first event of the next.
    """

    __slots__ = (
        "_day_end_ns",
        "close",
        "contract",
        "day_volume",
        "high",
        "hours",
        "last",
        "last_before",
        "last_ns",
        "last_size",
        "low",
        "open",
        "quote",
        "quote_before",
        "reference",
        "trade_count",
        "turnover",
    )

    def __init__(self, contract: SimContract, hours: HoursBook) -> None:
        self.contract: Final = contract
        self.hours: Final = hours
        self.quote: Quote | None = None
        self.quote_before: Quote | None = None
        self.reference = contract.reference_price
        self.last: float | None = None
        self.last_before: float | None = None
        self.last_size = 0.0
        self.last_ns = 0
        self.open: float | None = None
        self.high: float | None = None
        self.low: float | None = None
        self.close: float | None = None
        self.day_volume = 0.0
        self.trade_count = 0
        self.turnover = 0.0
        self._day_end_ns = 0

    @property
    def mark(self) -> float:
        """The price positions are valued at: last trade, else the middle, else the reference."""
        if self.last is not None:
            return self.last
        if self.quote is not None:
            return self.quote.mid
        if self.close is not None:
            return self.close
        return self.reference

    @property
    def vwap(self) -> float:
        """The day's volume-weighted average price, 0 before the first trade."""
        return self.turnover / self.day_volume if self.day_volume else 0.0

    def is_open(self, ts_ns: int) -> bool:
        """Tell whether the contract trades at a moment."""
        return self.hours.is_open(self.contract.hours, ts_ns, liquid=False)

    def apply(self, event: MarketEvent) -> None:
        """Take an event in."""
        if event.ts_ns >= self._day_end_ns:
            self._new_day(event.ts_ns)
        if isinstance(event, Quote):
            self.quote_before, self.quote = self.quote, event
            if self.contract.has_trades:
                return
            price = event.mid
        else:
            price = event.price
            self.last_before = self.last
            self.last, self.last_size, self.last_ns = price, event.size, event.ts_ns
            self.day_volume += event.size
            self.turnover += price * event.size
            self.trade_count += 1
        if self.open is None or self.high is None or self.low is None:
            self.open = self.high = self.low = price
        elif price > self.high:
            self.high = price
        elif price < self.low:
            self.low = price

    def prime(self, events: Iterable[MarketEvent]) -> None:
        """Take in the events of the past that lead to the present state."""
        for event in events:
            self.apply(event)

    def prime_columns(self, ticks: TickColumns) -> None:
        """Do the same with columns, far sooner."""
        if ticks.price is not None and not self.contract.has_trades:
            # Only one by one the order of middles and trades can be kept.
            self.prime(ticks.events())
            return
        begin = 0
        while begin < len(ticks):
            if ticks.ts[begin] >= self._day_end_ns:
                self._new_day(int(ticks.ts[begin]))
            end = int(np.searchsorted(ticks.ts, self._day_end_ns))
            self._prime_day(ticks.take(slice(begin, end)))
            begin = end

    def _prime_day(self, ticks: TickColumns) -> None:
        prices = np.zeros(0)
        if ticks.bid is not None:
            quotes = ticks.take(~np.isnan(ticks.bid))
            names = ("ts", "bid", "ask", "bid_size", "ask_size")
            rows = zip(*(getattr(quotes, name)[-2:].tolist() for name in names), strict=True)
            for row in rows:
                self.quote_before, self.quote = self.quote, Quote(*row)
            if not self.contract.has_trades:
                prices = middle(quotes.bid, quotes.ask)
        if ticks.price is not None:
            trades = ticks.take(~np.isnan(ticks.price))
            prices = trades.price
            for price in prices[-2:].tolist():
                self.last_before, self.last = self.last, price
            if len(trades):
                self.last_size, self.last_ns = float(trades.size[-1]), int(trades.ts[-1])
            self.day_volume = _added(self.day_volume, trades.size)
            self.turnover = _added(self.turnover, prices * trades.size)
            self.trade_count += len(trades)
        if not len(prices):
            return
        self.open = float(prices[0]) if self.open is None else self.open
        highest, lowest = float(prices.max()), float(prices.min())
        self.high = highest if self.high is None else max(self.high, highest)
        self.low = lowest if self.low is None else min(self.low, lowest)

    def _new_day(self, ts_ns: int) -> None:
        if self._day_end_ns:
            self.close = self.mark
        template = self.contract.hours
        sessions = [s for s in self.hours.around(template, ts_ns, 10) if s.close_ns > ts_ns]
        # Past the last known session a plain day must do; data decides, not the calendar.
        self._day_end_ns = sessions[0].close_ns if sessions else ts_ns + 86_400_000_000_000
        self.open = self.high = self.low = None
        self.day_volume = self.turnover = 0.0
        self.trade_count = 0


def _added(total: float, values: Floats) -> float:
    """Add values in their order: to the same double as one by one."""
    return float(np.cumsum(np.concatenate(([total], values)))[-1])
