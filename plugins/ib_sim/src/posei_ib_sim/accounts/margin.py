"""Margin by asset class: simple, published-rule-of-thumb requirements in the account's currency."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from posei_ib_sim.contracts.model import SimContract

__all__ = ["initial_margin", "maintenance_margin"]

_INITIAL: Final[dict[str, Decimal]] = {
    "STK": Decimal("0.5"),
    "BOND": Decimal("0.5"),
    "FUND": Decimal(1),
    "CRYPTO": Decimal(1),
    "CASH": Decimal("0.03"),
    "CFD": Decimal("0.2"),
    "CMDTY": Decimal("0.2"),
    "WAR": Decimal(1),
    "IOPT": Decimal(1),
    "FUT": Decimal("0.1"),
}
_OPTION_SHORT: Final = Decimal("0.15")
_MAINTENANCE_SHARE: Final[dict[str, Decimal]] = {"STK": Decimal("0.5"), "FUT": Decimal("0.8")}


def initial_margin(contract: SimContract, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the initial margin of holding a signed quantity, in the contract's currency."""
    if contract.sec_type == "FUT" and contract.margin:
        return abs(quantity) * contract.margin
    value = abs(quantity) * price * contract.money_factor
    if contract.sec_type in {"OPT", "FOP"}:
        if quantity > 0:
            # A long option is paid for and needs no margin beyond its premium.
            return Decimal(0)
        strike_value = abs(quantity) * contract.strike * contract.money_factor
        return value + strike_value * _OPTION_SHORT
    return value * _INITIAL.get(contract.sec_type, Decimal(1))


def maintenance_margin(contract: SimContract, quantity: Decimal, price: Decimal) -> Decimal:
    """Return the maintenance margin of holding a signed quantity, in the contract's currency."""
    share = _MAINTENANCE_SHARE.get(contract.sec_type, Decimal(1))
    return initial_margin(contract, quantity, price) * share
