"""Turning matches into fills: execution, money, commission, reports, in IB's order."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.accounts.commissions import commission_currency, order_commission
from posei_ib_sim.orders.state import Fill, SimOrder, Status

if TYPE_CHECKING:
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.orders.matching import Match
    from posei_ib_sim.orders.registry import OrderRegistry
    from posei_ib_sim.orders.reporting import OrderSink

__all__ = ["Booker"]


@final
class Booker:
    """Books fills.

    Args:
        clock: Gives the time of a fill.
        accounts: Take the money.
        registry: Gives execution ids and keeps the fills.
        sink: Is told, in IB's sequence.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        accounts: AccountBook,
        registry: OrderRegistry,
        sink: OrderSink,
    ) -> None:
        self._clock = clock
        self._accounts = accounts
        self._registry = registry
        self._sink = sink
        self.commission_delay_ns = 0

    def book(self, order: SimOrder, match: Match) -> Fill:
        """Book one match: execDetails, then the pair of open order and status, then commission."""
        fill = self._fill(order, match)
        order.fills.append(fill)
        self._registry.fills.append(fill)
        self._sink.execution(fill)
        if order.remaining <= 0:
            order.status = Status.FILLED
            order.completed_ns = self._clock.now_ns
            order.completed_status = f"Filled Size: {order.filled.normalize():f}"
        self._sink.open_order(order)
        self._sink.order_status(order)
        if self.commission_delay_ns:
            self._clock.call_later(self.commission_delay_ns, lambda: self._sink.commission(fill))
        else:
            self._sink.commission(fill)
        self._sink.account_changed(order.account_id)
        return fill

    def book_exercise(
        self, order: SimOrder, delivered: Decimal, contracts: ContractDatabase
    ) -> None:
        """Book the exercise of an option order in full, or its lapse when nothing is delivered.

        The option leaves at price zero. A deliverable underlying comes (goes, for a put) at the
        strike, multiplier times over; an index pays its intrinsic value in cash.
        """
        option = order.contract
        account = self._accounts.get(order.account_id)
        quantity = order.quantity
        currency = option.currency
        underlying = contracts.get(option.under_con_id)
        price = Decimal(0)
        if delivered and underlying.sec_type == "IND":
            spot = self._accounts.price(underlying)
            inner = spot - option.strike if option.right == "C" else option.strike - spot
            price = max(inner, Decimal(0))
        account.apply_fill(option, -quantity, price, Decimal(0), currency)
        if delivered and underlying.sec_type != "IND":
            signed = delivered if option.right == "C" else -delivered
            if underlying.sec_type == "FUT":
                signed /= Decimal(option.multiplier or "1")
            account.apply_fill(underlying, signed, option.strike, Decimal(0), currency)
        order.status = Status.FILLED
        order.completed_ns = self._clock.now_ns
        order.completed_status = "Exercised" if delivered else "Lapsed"
        self._sink.open_order(order)
        self._sink.order_status(order)
        self._sink.account_changed(order.account_id)

    def _fill(self, order: SimOrder, match: Match) -> Fill:
        account = self._accounts.get(order.account_id)
        contract = order.contract
        quantity, price = match.quantity, match.price
        currency = commission_currency(contract, account.base_currency)
        value = quantity * price * contract.money_factor
        order.value += value * self._accounts.rate(contract.currency, currency)
        cumulative = order.filled + quantity
        owed = order_commission(contract, cumulative, abs(order.value))
        commission = max(owed - order.charged, Decimal(0))
        order.charged += commission
        signed = quantity if order.is_buy else -quantity
        realized = account.apply_fill(contract, signed, price, commission, currency)
        average = (order.average_price * order.filled + price * quantity) / cumulative
        return Fill(
            exec_id=self._registry.next_exec_id(),
            ts_ns=self._clock.now_ns,
            client_id=order.client_id,
            order_id=order.order_id,
            perm_id=order.perm_id,
            account_id=order.account_id,
            contract=contract,
            exchange=_venue(order),
            side="BOT" if order.is_buy else "SLD",
            quantity=quantity,
            price=price,
            cumulative=cumulative,
            average_price=price_decimal(round(float(average), 8)),
            liquidity=match.liquidity,
            order_ref=order.request.orderRef,
            commission=commission,
            commission_currency=currency,
            realized=realized,
        )


def _venue(order: SimOrder) -> str:
    contract = order.contract
    if contract.exchange == "SMART" and contract.primary_exchange:
        return contract.primary_exchange
    return contract.exchange
