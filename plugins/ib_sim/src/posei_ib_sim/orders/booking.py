"""Turning matches into fills: execution, money, commission, reports, in IB's order."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.accounts.advisor import share_out
from posei_ib_sim.accounts.commissions import commission_currency, order_commission
from posei_ib_sim.orders.matching import Match
from posei_ib_sim.orders.state import Fill, SimOrder, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.accounts.advisor import Advisor
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import Leg, SimContract
    from posei_ib_sim.market.events import Quote
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
        advisor: Shares orders out among accounts.
        quote_of: Present quote of a contract, for the legs of combos.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        accounts: AccountBook,
        registry: OrderRegistry,
        sink: OrderSink,
        advisor: Advisor,
        quote_of: Callable[[SimContract], Quote | None],
    ) -> None:
        self._clock = clock
        self._accounts = accounts
        self._registry = registry
        self._sink = sink
        self._advisor = advisor
        self._quote_of = quote_of
        self.commission_delay_ns = 0

    def book(self, order: SimOrder, match: Match) -> Fill:
        """Book one match: execDetails, then the pair of open order and status, then commission."""
        booked: list[Fill] = []
        if order.contract.legs:
            booked = [self._combo_fill(order, match)]
            order.fills += booked
            booked += self._book_legs(order, match)
        else:
            for account_id, quantity in self._parts(order, match.quantity):
                part = Match(quantity, match.price, match.liquidity)
                booked.append(self._fill(order, part, account_id))
                order.fills.append(booked[-1])
        for one in booked:
            self._registry.fills.append(one)
            self._sink.execution(one)
        if order.remaining <= 0 and not order.grows:
            order.status = Status.FILLED
            order.completed_ns = self._clock.now_ns
            order.completed_status = f"Filled Size: {order.filled.normalize():f}"
        self._sink.open_order(order)
        self._sink.order_status(order)
        for one in booked:
            report = partial(self._sink.commission, one)
            if self.commission_delay_ns:
                self._clock.call_later(self.commission_delay_ns, report)
            else:
                report()
        for account_id in dict.fromkeys(one.account_id for one in booked):
            self._sink.account_changed(account_id)
        return order.fills[-1]

    def _parts(self, order: SimOrder, quantity: Decimal) -> list[tuple[str, Decimal]]:
        """Share a match out among the accounts of an advisor's order."""
        if not order.request.faGroup:
            return [(order.account_id, quantity)]
        unit = order.contract.whole_unit
        if sum(order.allocation.values()) != order.quantity:
            order.allocation = self._advisor.shares(order.request, order.contract)
        wanted = dict(order.allocation)
        for fill in order.fills:
            wanted[fill.account_id] = wanted.get(fill.account_id, Decimal(0)) - fill.quantity
        owed = {name: max(amount, Decimal(0)) for name, amount in wanted.items()}
        return [(name, part) for name, part in share_out(quantity, owed, unit).items() if part]

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

    def _book_legs(self, order: SimOrder, match: Match) -> list[Fill]:
        """Book the legs of a combo at prices that add up to the combo's.

        Each leg trades at its own quote; the first one takes what the combo's price differs by.
        """
        legs = order.contract.legs
        prices = [self._leg_price(leg, buy=order.is_buy == (leg.ratio > 0)) for leg in legs]
        total = sum((p * leg.ratio for p, leg in zip(prices, legs, strict=True)), Decimal(0))
        prices[0] += (match.price - total) / legs[0].ratio
        account = self._accounts.get(order.account_id)
        fills = []
        for number, (leg, price) in enumerate(zip(legs, prices, strict=True), 2):
            contract = leg.contract
            size = match.quantity * abs(leg.ratio)
            buys = order.is_buy == (leg.ratio > 0)
            currency = commission_currency(contract, account.base_currency)
            value = size * price * contract.money_factor
            commission = order_commission(
                contract, size, abs(value * self._accounts.rate(contract.currency, currency))
            )
            exec_id = order.fills[-1].exec_id[:-5] + f"{number:02d}.01"
            realized = account.apply_fill(
                contract, size if buys else -size, price, commission, currency, exec_id
            )
            fills.append(
                msgspec.structs.replace(
                    order.fills[-1],
                    exec_id=exec_id,
                    contract=contract,
                    side="BOT" if buys else "SLD",
                    quantity=size,
                    price=price,
                    cumulative=order.filled * abs(leg.ratio),
                    average_price=price,
                    commission=commission,
                    commission_currency=currency,
                    realized=realized,
                )
            )
        return fills

    def _leg_price(self, leg: Leg, *, buy: bool) -> Decimal:
        quote = self._quote_of(leg.contract)
        if quote is None:
            return self._accounts.price(leg.contract)
        return price_decimal(quote.ask if buy else quote.bid)

    def _combo_fill(self, order: SimOrder, match: Match) -> Fill:
        cumulative = order.filled + match.quantity
        average = (order.average_price * order.filled + match.price * match.quantity) / cumulative
        return Fill(
            exec_id=self._registry.next_exec_id(),
            ts_ns=self._clock.now_ns,
            client_id=order.client_id,
            order_id=order.api_id,
            perm_id=order.perm_id,
            account_id=order.account_id,
            contract=order.contract,
            exchange=_venue(order),
            side="BOT" if order.is_buy else "SLD",
            quantity=match.quantity,
            price=match.price,
            cumulative=cumulative,
            average_price=price_decimal(round(float(average), 8)),
            liquidity=match.liquidity,
            order_ref=order.request.orderRef,
            commission=Decimal(0),
            commission_currency=order.contract.currency,
            realized=None,
            attached=order.attached,
        )

    def _fill(self, order: SimOrder, match: Match, account_id: str) -> Fill:
        account = self._accounts.get(account_id)
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
        exec_id = self._registry.next_exec_id()
        realized = account.apply_fill(contract, signed, price, commission, currency, exec_id)
        average = (order.average_price * order.filled + price * quantity) / cumulative
        return Fill(
            exec_id=exec_id,
            ts_ns=self._clock.now_ns,
            client_id=order.client_id,
            order_id=order.api_id,
            perm_id=order.perm_id,
            account_id=account_id,
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
            attached=order.attached,
        )


def _venue(order: SimOrder) -> str:
    contract = order.contract
    if contract.exchange == "SMART" and contract.primary_exchange:
        return contract.primary_exchange
    return contract.exchange
