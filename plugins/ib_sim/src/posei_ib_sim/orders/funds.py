"""What an order needs and costs: the check before it is accepted and IB's what-if answer."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.accounts.commissions import commission_currency, order_commission
from posei_ib_sim.accounts.margin import initial_margin, maintenance_margin

if TYPE_CHECKING:
    from posei_ib_sim.accounts.account import Account
    from posei_ib_sim.accounts.book import AccountBook, Valuation
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["OrderPreview", "preview"]


class OrderPreview(msgspec.Struct, frozen=True, kw_only=True):
    """Margin and commission of an order, in the account's base currency."""

    initial_before: Decimal
    initial_after: Decimal
    maintenance_before: Decimal
    maintenance_after: Decimal
    equity_before: Decimal
    equity_after: Decimal
    available: Decimal
    paid_out: Decimal
    commission: Decimal
    commission_currency: str
    base_currency: str

    @property
    def is_affordable(self) -> bool:
        """Whether the account can carry the order; reducing a position always is."""
        needed = self.initial_after - self.initial_before + self.paid_out
        return needed <= 0 or needed <= self.available

    @property
    def refusal(self) -> str:
        """IB's reason for refusing the order."""
        return (
            "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH "
            f"LOAN VALUE [{self.equity_before:.2f} {self.base_currency}] MUST EXCEED THE INITIAL "
            f"MARGIN [{self.initial_after + self.paid_out:.2f} {self.base_currency}]"
        )


def _combo_preview(
    book: AccountBook, account: Account, value: Valuation, contract: SimContract, signed: Decimal
) -> OrderPreview:
    """Add up what the legs need, each by itself: no offset between legs is granted."""
    initial = maintenance = paid = commission = Decimal(0)
    for leg in contract.legs:
        one, size = leg.contract, signed * leg.ratio
        price = book.price(one)
        held = account.position(one).quantity
        rate = book.rate(one.currency, account.base_currency)
        initial += (
            initial_margin(one, held + size, price) - initial_margin(one, held, price)
        ) * rate
        maintenance += (
            maintenance_margin(one, held + size, price) - maintenance_margin(one, held, price)
        ) * rate
        notional = size * price * one.money_factor * rate
        if one.sec_type in {"OPT", "FOP"}:
            paid += notional
        commission += order_commission(one, abs(size), abs(notional))
    return OrderPreview(
        initial_before=value.initial_margin,
        initial_after=value.initial_margin + initial,
        maintenance_before=value.maintenance_margin,
        maintenance_after=value.maintenance_margin + maintenance,
        equity_before=value.equity_with_loan,
        equity_after=value.equity_with_loan,
        available=value.available_funds,
        paid_out=max(paid, Decimal(0)),
        commission=commission,
        commission_currency=contract.currency,
        base_currency=account.base_currency,
    )


def preview(book: AccountBook, request: Order, contract: SimContract) -> OrderPreview:
    """Return what an order would need, were it filled at its limit or the present price."""
    account = book.get(request.account)
    value = book.value(account)
    price = book.price(contract)
    if request.lmtPrice and request.orderType in {"LMT", "STP LMT", "LIT", "LOC"}:
        price = price_decimal(request.lmtPrice)
    quantity = request.totalQuantity or Decimal(0)
    signed = quantity if request.action == "BUY" else -quantity
    if contract.legs:
        return _combo_preview(book, account, value, contract, signed)
    position = account.positions.get(contract.con_id)
    held = position.quantity if position is not None else Decimal(0)
    rate = book.rate(contract.currency, account.base_currency)
    initial_change = (
        initial_margin(contract, held + signed, price) - initial_margin(contract, held, price)
    ) * rate
    maintenance_change = (
        maintenance_margin(contract, held + signed, price)
        - maintenance_margin(contract, held, price)
    ) * rate
    notional = quantity * price * contract.money_factor
    currency = commission_currency(contract, account.base_currency)
    commission = order_commission(
        contract, quantity, notional * book.rate(contract.currency, currency)
    )
    paid = Decimal(0)
    if contract.sec_type in {"OPT", "FOP"} and signed > 0 and held >= 0:
        paid = notional * rate
    return OrderPreview(
        initial_before=value.initial_margin,
        initial_after=value.initial_margin + initial_change,
        maintenance_before=value.maintenance_margin,
        maintenance_after=value.maintenance_margin + maintenance_change,
        equity_before=value.equity_with_loan,
        equity_after=value.equity_with_loan,
        available=value.available_funds,
        paid_out=paid,
        commission=commission,
        commission_currency=currency,
        base_currency=account.base_currency,
    )
