"""Profit and loss by currency: once from the fills alone, once from the node's positions.

The first is the demo's referee: money that flowed, nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from posei_trader.model.positions import signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.positions import Position

Amounts = dict[str, Decimal]
"""Amounts of money by currency code."""


def flows_of_fills(
    orders: Iterable[Order], instruments: Mapping[InstrumentId, Instrument]
) -> Amounts:
    """Return money received less money paid less commissions; profit, once nothing is held."""
    flows: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        instrument = instruments[order.instrument_id]
        currency = instrument.settlement_currency.code
        multiplier = instrument.multiplier.as_decimal()
        for fill in order.fills:
            units = signed(order.side, fill.quantity)
            flows[currency] -= units * fill.price.as_decimal() * multiplier
            if fill.commission is not None:
                flows[fill.commission.currency.code] -= fill.commission.as_decimal()
    return dict(flows)


def profit_of_positions(positions: Iterable[Position]) -> Amounts:
    """Return realized profit less commissions, as the node's positions count it."""
    profit: defaultdict[str, Decimal] = defaultdict(Decimal)
    for position in positions:
        profit[position.instrument.settlement_currency.code] += position.realized
        for commission in position.commissions:
            profit[commission.currency.code] -= commission.as_decimal()
    return dict(profit)


def change_of_cash(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> Amounts:
    """Return what an account's balances gained, currencies without a change left out."""
    codes = sorted({*before, *after})
    changes = {code: after.get(code, Decimal(0)) - before.get(code, Decimal(0)) for code in codes}
    return {code: change for code, change in changes.items() if change}


def agree_to_the_cent(*books: Mapping[str, Decimal]) -> bool:
    """Return whether all books show the same amounts, each rounded to a hundredth."""
    cent = Decimal("0.01")
    rounded = [
        {code: amount.quantize(cent) for code, amount in book.items() if amount.quantize(cent)}
        for book in books
    ]
    return all(book == rounded[0] for book in rounded)
