"""Profit and loss from the fills alone: cash that flowed, nothing else. The demo's referee."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from posei_trader.model.positions import signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order


class CashFlow(NamedTuple):
    """What the fills of one instrument did, in its settlement currency.

    Attributes:
        held: Units bought less units sold.
        cash: Money received less money paid; the profit, once nothing is held.
        commission: What it cost.
    """

    held: Decimal = Decimal(0)
    cash: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """Return the cash less the costs."""
        return self.cash - self.commission


def cash_flows(
    orders: Iterable[Order], instruments: Mapping[InstrumentId, Instrument]
) -> dict[InstrumentId, CashFlow]:
    """Add up the fills of orders by instrument."""
    flows: dict[InstrumentId, CashFlow] = {}
    for order in orders:
        multiplier = instruments[order.instrument_id].multiplier.as_decimal()
        held, cash, commission = flows.get(order.instrument_id, CashFlow())
        for fill in order.fills:
            units = signed(order.side, fill.quantity)
            held += units
            cash -= units * fill.price.as_decimal() * multiplier
            if fill.commission is not None:
                commission += fill.commission.as_decimal()
        flows[order.instrument_id] = CashFlow(held, cash, commission)
    return flows
