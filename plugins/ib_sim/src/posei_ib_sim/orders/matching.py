"""Meeting orders with market events: what fills, how much, at which price.

Pure functions of an order and an event. The rules:

- An order meets only events later than its arrival, so nothing fills on data that its owner had
  already seen when sending it.
- A quote fills marketable orders at the opposite side, up to the displayed size, first come first
  served; the next quote shows new size.
- A print below a resting buy limit (above a sell limit) fills it at its limit up to the printed
  size; a print exactly at the limit first works off the size displayed before the order came.
- Without any quotes (a file of trades), prints take the place of the opposite side.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.market.book import book_rows
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.market.board import Board
    from posei_ib_sim.orders.state import SimOrder

__all__ = ["ADDED", "REMOVED", "Liquidity", "Match", "queue_at", "size_decimal"]

ADDED = 1
REMOVED = 2
_SWEPT_ROWS: Final = 10


class Match(NamedTuple):
    """A fill to book; liquidity is 1 when the order rested, 2 when it took."""

    quantity: Decimal
    price: Decimal
    liquidity: int


def size_decimal(size: float) -> Decimal:
    """Return a size as an exact decimal, whole sizes without a fraction."""
    return Decimal(int(size)) if size == int(size) else Decimal(repr(size))


class Liquidity:
    """What a contract's market offers now; shared by all orders that meet it, in their order."""

    __slots__ = ("_event", "_is_combo", "_left", "_quote", "_trade_left")

    def __init__(self) -> None:
        self._event: MarketEvent | None = None
        self._is_combo = False
        self._quote: Quote | None = None
        self._left = {True: Decimal(0), False: Decimal(0)}
        self._trade_left = Decimal(0)

    def renew(self, board: Board, event: MarketEvent) -> None:
        """Take the next event in: a quote shows new size, a print brings its own."""
        self._event = event
        self._quote = board.quote
        self._is_combo = bool(board.contract.legs)
        if isinstance(event, Quote):
            self._left = {True: size_decimal(event.ask_size), False: size_decimal(event.bid_size)}
            self._trade_left = Decimal(0)
        else:
            self._trade_left = size_decimal(event.size)

    def stand(self, board: Board) -> None:
        """Offer the standing quote anew, for a market whose data has run out."""
        quote = board.quote
        if quote is not None:
            self.renew(board, quote)

    def opposite(self, *, buy: bool) -> Decimal | None:
        """Return the price at which a buyer or seller can trade now, `None` if at none."""
        event = self._event
        if self._quote is None:
            if event is None or isinstance(event, Quote):
                return None
            return price_decimal(event.price)
        price = self._quote.ask if buy else self._quote.bid
        if self._is_combo:
            # A combo may trade at zero or below; an empty side has no size.
            size = self._quote.ask_size if buy else self._quote.bid_size
            return price_decimal(price) if size > 0 else None
        return price_decimal(price) if price > 0 else None

    def middle(self) -> Decimal | None:
        """Return the middle of the quote, `None` without both sides."""
        quote = self._quote
        if quote is None or quote.bid <= 0 or quote.ask <= 0:
            return None
        return price_decimal(quote.mid)

    def available(self, *, buy: bool) -> Decimal:
        """Return the size left on the opposite side."""
        return self._trade_left if self._quote is None else self._left[buy]

    def take(self, order: SimOrder, limit: Decimal | None) -> Match | None:
        """Let an order take what it can at its limit or better (`None`: at any price)."""
        buy = order.is_buy
        price = self.opposite(buy=buy)
        if price is None:
            return None
        if limit is not None and (price > limit if buy else price < limit):
            return None
        quantity = min(order.workable, self.available(buy=buy))
        if quantity <= 0 or quantity < order.least:
            return None
        self._use(quantity, buy=buy)
        return Match(quantity, price, REMOVED)

    def sweep(self, order: SimOrder, limit: Decimal | None, tick: float) -> Iterator[Match]:
        """Let an order take the rows of the book behind the best one, up to its limit.

        Those rows are there again with the next quote, whoever takes them first.
        """
        quote, buy = self._quote, order.is_buy
        if quote is None:
            return
        for price, size in book_rows(quote, tick, _SWEPT_ROWS, bid=not buy)[1:]:
            at = price_decimal(price)
            if limit is not None and (at > limit if buy else at < limit):
                return
            quantity = min(order.workable, size_decimal(size))
            if quantity <= 0:
                return
            yield Match(quantity, at, REMOVED)

    def rest(self, order: SimOrder, limit: Decimal) -> Match | None:
        """Let a resting limit order be hit by the print, if this event is one."""
        event = self._event
        if event is None or isinstance(event, Quote) or self._quote is None:
            return None
        printed = price_decimal(event.price)
        buy = order.is_buy
        opposite = self.opposite(buy=buy)
        if opposite is not None and (opposite <= limit if buy else opposite >= limit):
            return None  # it is marketable: it takes from quotes, at better prices
        if printed > limit if buy else printed < limit:
            return None
        size = self._trade_left
        if printed == limit:
            size -= order.queue_ahead
            order.queue_ahead = max(Decimal(0), order.queue_ahead - self._trade_left)
            if order.shown and size >= order.shown:
                # The next part of an iceberg queues behind what the others show.
                size = order.shown
                order.queue_ahead = self._displayed(limit, buy=buy)
        quantity = min(order.workable, size)
        if quantity <= 0 or quantity < order.least:
            return None
        self._trade_left -= quantity
        return Match(quantity, limit, ADDED)

    def _displayed(self, limit: Decimal, *, buy: bool) -> Decimal:
        quote = self._quote
        return Decimal(0) if quote is None else _ahead(quote, limit, buy=buy)

    def _use(self, quantity: Decimal, *, buy: bool) -> None:
        if self._quote is None:
            self._trade_left -= quantity
        else:
            self._left[buy] -= quantity


def queue_at(board: Board, limit: Decimal, *, buy: bool) -> Decimal:
    """Return the size displayed before a new limit order at its price.

    Inside the spread nothing is ahead; at or behind the best price, the displayed size is.
    """
    quote = board.quote
    return Decimal(0) if quote is None else _ahead(quote, limit, buy=buy)


def _ahead(quote: Quote, limit: Decimal, *, buy: bool) -> Decimal:
    best = price_decimal(quote.bid if buy else quote.ask)
    ahead = limit <= best if buy else limit >= best
    return size_decimal(quote.bid_size if buy else quote.ask_size) if ahead else Decimal(0)
