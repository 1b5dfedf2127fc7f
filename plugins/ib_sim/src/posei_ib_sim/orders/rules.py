"""What an account may trade, and which shares can be borrowed to sell short."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.orders.state import SimOrder

__all__ = ["ShareLocator", "TradingRules"]


class TradingRules(msgspec.Struct, frozen=True, kw_only=True):
    """The broker's rules for all accounts of the simulation.

    Attributes:
        permitted: IB's security types that may be traded, `None` for all (else error 460).
        restricted: Symbols that the accounts may not trade (error 203).
        order_presets: Tell with notice 10349 that an order without a time in force is a DAY one.
        shortable: Shares that can be borrowed, by symbol; symbols not named have enough.
        price_percent: Limits further through the market than this are rejected; `None`: none are.
    """

    permitted: frozenset[str] | None = None
    restricted: frozenset[str] = frozenset()
    order_presets: bool = False
    shortable: Mapping[str, Decimal] = {}
    price_percent: Decimal | None = None

    def check(self, contract: SimContract) -> None:
        """Refuse a contract that the accounts may not trade.

        Raises:
            RequestRefused: 460 without trading permission, 203 for a restricted security.
        """
        if self.permitted is not None and contract.sec_type not in self.permitted:
            raise RequestRefused(460, f"No trading permissions for {contract.sec_type}.")
        if contract.symbol in self.restricted:
            raise RequestRefused(
                203,
                f"The security {contract.symbol} is not available or allowed for this account",
            )


@final
class ShareLocator:
    """Knows how many shares can still be borrowed.

    Args:
        shortable: Shares by symbol at the start; symbols not named have enough.
        accounts: What is short already.
    """

    def __init__(self, shortable: Mapping[str, Decimal], accounts: AccountBook) -> None:
        self._shares: Final = dict(shortable)
        self._accounts: Final = accounts

    def supply(self, symbol: str, shares: Decimal | None) -> None:
        """Set how many shares of a symbol can be borrowed in all; `None`: enough."""
        if shares is None:
            self._shares.pop(symbol, None)
        else:
            self._shares[symbol] = shares

    def left(self, contract: SimContract) -> Decimal | None:
        """Return the shares of a stock that can still be borrowed, `None` for enough."""
        shares = self._shares.get(contract.symbol)
        if shares is None or contract.sec_type != "STK":
            return None
        short = Decimal(0)
        for account in self._accounts.accounts.values():
            position = account.positions.get(contract.con_id)
            if position is not None:
                short -= min(position.quantity, Decimal(0))
        return max(shares - short, Decimal(0))

    def must_wait(self, order: SimOrder) -> bool:
        """Tell whether an order would sell more shares short than can be borrowed."""
        left = self.left(order.contract)
        if order.is_buy or left is None:
            return False
        position = self._accounts.get(order.account_id).positions.get(order.contract.con_id)
        held = max(position.quantity, Decimal(0)) if position is not None else Decimal(0)
        short = max(order.remaining - held, Decimal(0))
        return short > left
