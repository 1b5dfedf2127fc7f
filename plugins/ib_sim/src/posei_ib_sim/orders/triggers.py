"""IB's trigger methods: which prices set off a stop, an order if touched, or a price condition.

A price that has to rise is reached by the bid, one that has to fall by the ask: a stop to buy goes
off when somebody bids the trigger, one to sell when somebody offers it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.board import Board

__all__ = ["TRIGGER_METHODS", "method_of", "trigger_prices"]

DEFAULT, DOUBLE_BID_ASK, LAST, DOUBLE_LAST = 0, 1, 2, 3
BID_ASK, LAST_OR_BID_ASK, MIDPOINT = 4, 7, 8
TRIGGER_METHODS: Final = frozenset(
    {DEFAULT, DOUBLE_BID_ASK, LAST, DOUBLE_LAST, BID_ASK, LAST_OR_BID_ASK, MIDPOINT}
)
"""The methods that IB knows."""

_OF_QUOTES: Final = frozenset({DOUBLE_BID_ASK, BID_ASK, LAST_OR_BID_ASK})
_OF_TRADES: Final = frozenset({LAST, DOUBLE_LAST, LAST_OR_BID_ASK})


def method_of(wanted: int | None, contract: SimContract) -> int:
    """Return the method that is used for a contract.

    The default is two quotes in a row for options, else the last trade; where nothing is printed,
    every method goes by quotes.
    """
    method = wanted or DEFAULT
    if method == DEFAULT:
        method = DOUBLE_BID_ASK if contract.sec_type in {"OPT", "FOP"} else LAST
    if not contract.has_trades and method in _OF_TRADES:
        return DOUBLE_BID_ASK if method == DOUBLE_LAST else BID_ASK
    return method


def trigger_prices(method: int, board: Board, event: MarketEvent, *, rises: bool) -> list[Decimal]:
    """Return the prices that all have to be beyond the trigger for an event to set an order off.

    An empty list means that the event is none that counts for the method.
    """
    if isinstance(event, Quote):
        if method == MIDPOINT:
            both = event.bid > 0 and event.ask > 0
            return [price_decimal(event.mid)] if both else []
        if method not in _OF_QUOTES:
            return []
        quotes = [event]
        if method == DOUBLE_BID_ASK:
            if board.quote_before is None:
                return []
            quotes.append(board.quote_before)
        prices = [one.bid if rises else one.ask for one in quotes]
        return [price_decimal(price) for price in prices] if min(prices) > 0 else []
    if method not in _OF_TRADES:
        return []
    if method == DOUBLE_LAST:
        if board.last_before is None:
            return []
        return [price_decimal(event.price), price_decimal(board.last_before)]
    return [price_decimal(event.price)]
