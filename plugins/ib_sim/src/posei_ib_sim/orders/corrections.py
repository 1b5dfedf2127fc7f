"""Executions that change afterwards: corrected prices and sizes, and busts.

A venue may correct or bust a trade after it was reported. IB reports the execution again under an
id whose last part is one higher (`.01`, then `.02`); the latest revision counts.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.orders.registry import OrderRegistry
    from posei_ib_sim.orders.reporting import OrderSink
    from posei_ib_sim.orders.state import Fill, SimOrder

__all__ = ["Corrections"]


@final
class Corrections:
    """Changes fills that were booked and reported, with all that follows from them.

    Args:
        accounts: Cash and positions, booked anew.
        registry: The fills and orders.
        sink: Is told.
    """

    def __init__(self, accounts: AccountBook, registry: OrderRegistry, sink: OrderSink) -> None:
        self._accounts: Final = accounts
        self._registry: Final = registry
        self._sink: Final = sink

    def correct(self, fill: Fill, price: Decimal, quantity: Decimal | None = None) -> Fill:
        """Correct the price, and perhaps the size, of a fill; the money follows.

        Raises:
            ConfigurationError: The fill is not a current one, or is that of a whole combo, whose
                money is booked on its legs.
        """
        size = fill.quantity if quantity is None else quantity
        return self._revise(fill, price, size)

    def bust(self, fill: Fill) -> Fill:
        """Take a fill back as if it had never been; its commission is refunded.

        The revision that is reported has no size. The order does not come back to life.

        Raises:
            ConfigurationError: As for `correct`.
        """
        return self._revise(fill, fill.price, Decimal(0))

    def _revise(self, fill: Fill, price: Decimal, quantity: Decimal) -> Fill:
        stem, _, revision = fill.exec_id.rpartition(".")
        new_id = f"{stem}.{int(revision) + 1:02d}"
        account = self._accounts.get(fill.account_id)
        signed = quantity if fill.side == "BOT" else -quantity
        try:
            realized = account.amend(fill.contract, fill.exec_id, new_id, signed, price)
        except KeyError:
            raise ConfigurationError(
                f"execution {fill.exec_id!r} cannot be corrected; name the latest revision of a "
                "fill, for a combo that of a leg"
            ) from None
        revised = msgspec.structs.replace(
            fill,
            exec_id=new_id,
            price=price,
            quantity=quantity,
            commission=fill.commission if quantity else Decimal(0),
        )
        order = self._registry.by_perm_id(fill.perm_id)
        fills = self._registry.fills
        fills[:] = [revised if one.exec_id == fill.exec_id else one for one in fills]
        if order is not None:
            mine = order.fills
            mine[:] = [revised if one.exec_id == fill.exec_id else one for one in mine]
            self._restate(order)
        for number, one in enumerate(fills):
            if one.account_id == fill.account_id and one.exec_id in realized:
                fills[number] = msgspec.structs.replace(one, realized=realized[one.exec_id])
        revised = next(one for one in fills if one.exec_id == new_id)
        if not quantity:
            revised = msgspec.structs.replace(revised, realized=None)
            fills.remove(next(one for one in fills if one.exec_id == new_id))
        self._report(revised, order)
        return revised

    def _restate(self, order: SimOrder) -> None:
        """Add up an order's fills again, the busted ones left out."""
        order.fills[:] = [fill for fill in order.fills if fill.quantity]
        filled = value = Decimal(0)
        by_id = {}
        for number, fill in enumerate(order.fills):
            filled += fill.quantity
            value += fill.quantity * fill.price
            order.fills[number] = by_id[fill.exec_id] = msgspec.structs.replace(
                fill,
                cumulative=filled,
                average_price=price_decimal(round(float(value / filled), 8)),
            )
        fills = self._registry.fills
        fills[:] = [by_id.get(one.exec_id, one) for one in fills]

    def _report(self, fill: Fill, order: SimOrder | None) -> None:
        self._sink.execution(fill)
        if order is not None:
            self._sink.open_order(order)
            self._sink.order_status(order)
        self._sink.commission(fill)
        self._sink.account_changed(fill.account_id)
