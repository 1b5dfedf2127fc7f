"""The book behind a quote: its rows, and the changes that turn one state of it into the next."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from posei_ib_sim.market.events import Quote

__all__ = ["ASK", "BID", "DELETE", "INSERT", "UPDATE", "Change", "Row", "book_rows", "changes"]

INSERT, UPDATE, DELETE = 0, 1, 2
ASK, BID = 0, 1

Row = tuple[float, float]
Change = tuple[int, int, float, float]


def book_rows(quote: Quote, tick: float, count: int, *, bid: bool) -> list[Row]:
    """Return price and size of the first rows of one side.

    The best row is the quote; behind it, sizes are a repeatable function of the price.
    """
    best, amount = (quote.bid, quote.bid_size) if bid else (quote.ask, quote.ask_size)
    if best <= 0:
        return []
    rows = [(best, amount)]
    for level in range(1, count):
        price = round(best - level * tick if bid else best + level * tick, 10)
        if price <= 0:
            break
        digest = hashlib.blake2b(f"{price!r}{bid}".encode(), digest_size=2).digest()
        rows.append((price, float(max(1, int(amount * (1 + digest[0] / 64))))))
    return rows


def changes(old: list[Row], new: list[Row], count: int) -> list[Change]:
    """Return position, operation, price and size of what turns one side into another.

    A client that applies them in order, shifting rows at inserts and deletes, ends with `new`.
    """
    book = list(old)
    wanted = {price for price, _ in new}
    found: list[Change] = []
    for position in range(len(book) - 1, -1, -1):
        if book[position][0] not in wanted:
            found.append((position, DELETE, 0.0, 0.0))
            del book[position]
    for position, row in enumerate(new):
        if position < len(book) and book[position][0] == row[0]:
            if book[position][1] != row[1]:
                found.append((position, UPDATE, *row))
                book[position] = row
        else:
            found.append((position, INSERT, *row))
            book.insert(position, row)
    return [change for change in found if change[0] < count]
