"""Commissions by asset class, as IB publishes its fixed pricing for US clients.

An order pays its minimum once: each fill is charged the difference between what the order owes so
far and what it has paid, so the sum over partial fills is what one fill would have cost.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract

__all__ = ["CENT", "commission_currency", "order_commission"]

CENT: Final = Decimal("0.01")

_STOCK_PER_SHARE: Final = Decimal("0.005")
_STOCK_MINIMUM: Final = Decimal("1.00")
_STOCK_CAP: Final = Decimal("0.01")
_PERCENTAGES: Final[dict[str, tuple[Decimal, Decimal]]] = {
    "CASH": (Decimal("0.00002"), Decimal("2.00")),
    "CRYPTO": (Decimal("0.0018"), Decimal("1.75")),
    "BOND": (Decimal("0.001"), Decimal("1.00")),
    "CFD": (Decimal("0.0001"), Decimal("1.00")),
    "CMDTY": (Decimal("0.00015"), Decimal("2.00")),
    "WAR": (Decimal("0.001"), Decimal("4.00")),
    "IOPT": (Decimal("0.001"), Decimal("4.00")),
    "FUND": (Decimal(0), Decimal("14.95")),
}
_FOREIGN_STOCK: Final = (Decimal("0.0005"), Decimal("3.00"))
_PER_CONTRACT: Final[dict[str, Decimal]] = {
    "FUT": Decimal("2.25"),
    "FOP": Decimal("2.25"),
    "OPT": Decimal("0.65"),
}
_OPTION_MINIMUM: Final = Decimal("1.00")


def commission_currency(contract: SimContract, base_currency: str) -> str:
    """Return the currency a commission is charged in: the account's own for spot forex."""
    return base_currency if contract.sec_type == "CASH" else contract.currency


def order_commission(contract: SimContract, quantity: Decimal, value: Decimal) -> Decimal:
    """Return what an order owes for all its fills so far, rounded to the cent.

    Args:
        contract: What was traded.
        quantity: Filled quantity of the order, positive.
        value: Traded value of those fills, positive, in the commission's currency.
    """
    if not quantity:
        return Decimal(0)
    per_contract = _PER_CONTRACT.get(contract.sec_type)
    if per_contract is not None:
        amount = (contract.fee or per_contract) * quantity
        if contract.sec_type == "OPT":
            amount = max(amount, _OPTION_MINIMUM)
    elif contract.sec_type == "STK" and contract.currency == "USD":
        amount = max(_STOCK_PER_SHARE * quantity, _STOCK_MINIMUM)
        amount = min(amount, value * _STOCK_CAP)
    else:
        rate, minimum = _PERCENTAGES.get(contract.sec_type, _FOREIGN_STOCK)
        amount = max(value * rate, minimum)
        if contract.sec_type == "CRYPTO":
            amount = min(amount, value * _STOCK_CAP)
    return amount.quantize(CENT, ROUND_HALF_UP)
