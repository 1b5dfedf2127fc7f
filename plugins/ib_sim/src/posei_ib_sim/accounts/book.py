"""All accounts of the simulation and their valuation at current prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.margin import initial_margin, maintenance_margin
from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from posei_ib_sim.accounts.account import Account, Position
    from posei_ib_sim.contracts.model import SimContract

__all__ = ["AccountBook", "Valuation"]


class Valuation(msgspec.Struct, frozen=True):
    """The totals of an account at one moment, in its base currency.

    Attributes:
        net_liquidation: Cash and the value of everything held.
        cash: All balances, converted.
        stock_value: Value of stocks; likewise the other classes below.
        gross_position_value: Absolute value of securities held.
        futures_pnl: Profit of margined positions not settled in cash yet, part of net liquidation.
        future_option_value: The part of `option_value` that options on futures have.
        commodity_initial: The part of `initial_margin` that futures and their options need;
            `commodity_maintenance` likewise.
    """

    net_liquidation: Decimal
    cash: Decimal
    stock_value: Decimal
    option_value: Decimal
    bond_value: Decimal
    fund_value: Decimal
    crypto_value: Decimal
    warrant_value: Decimal
    futures_pnl: Decimal
    gross_position_value: Decimal
    future_option_value: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    commodity_initial: Decimal
    commodity_maintenance: Decimal
    unrealized: Decimal
    realized: Decimal

    @property
    def equity_with_loan(self) -> Decimal:
        """What counts as collateral: everything but options and crypto."""
        return self.net_liquidation - self.option_value - self.crypto_value - self.warrant_value

    @property
    def available_funds(self) -> Decimal:
        """What may be used for new initial margin."""
        return self.equity_with_loan - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        """Distance from liquidation."""
        return self.equity_with_loan - self.maintenance_margin


@final
class AccountBook:
    """Accounts by id, in the order in which the gateway lists them.

    Args:
        accounts: The accounts.
        price_of: Current price of a contract.
        rate: Units of the second currency for one of the first.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        price_of: Callable[[SimContract], Decimal],
        rate: Callable[[str, str], Decimal],
    ) -> None:
        self._accounts: Final = {account.account_id: account for account in accounts}
        self._price_of = price_of
        self._rate = rate
        self._day_start: dict[str, Decimal] = {}
        for account in accounts:
            self._day_start[account.account_id] = self.value(account).net_liquidation

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts by id."""
        return self._accounts

    @property
    def default(self) -> Account:
        """The account that an order without one goes to: the only or first."""
        return next(iter(self._accounts.values()))

    def get(self, account_id: str) -> Account:
        """Return an account.

        Raises:
            ConfigurationError: The gateway does not manage it.
        """
        try:
            return self._accounts[account_id]
        except KeyError:
            known = ", ".join(self._accounts)
            raise ConfigurationError(
                f"account {account_id!r} is not managed; known are {known}"
            ) from None

    def rate(self, from_currency: str, to_currency: str) -> Decimal:
        """Return units of the second currency for one of the first."""
        return (
            Decimal(1) if from_currency == to_currency else self._rate(from_currency, to_currency)
        )

    def price(self, contract: SimContract) -> Decimal:
        """Return the price a contract is valued at."""
        return self._price_of(contract)

    def value(self, account: Account) -> Valuation:
        """Value an account at current prices."""
        base = account.base_currency
        cash = sum((amount * self.rate(c, base) for c, amount in account.cash.items()), Decimal(0))
        by_class: dict[str, Decimal] = {}
        gross = initial = maintenance = futures_pnl = unrealized = Decimal(0)
        commodity_initial = commodity_maintenance = Decimal(0)
        for position in account.positions.values():
            if not position.quantity:
                continue
            contract = position.contract
            rate = self.rate(contract.currency, base)
            price = self._price_of(contract)
            equity = position.equity(price) * rate
            if contract.sec_type in {"FUT", "CFD", "CMDTY"}:
                futures_pnl += equity
            elif contract.sec_type != "CASH":
                by_class[contract.sec_type] = by_class.get(contract.sec_type, Decimal(0)) + equity
                gross += abs(equity)
            unrealized += position.unrealized(price) * rate
            needed = initial_margin(contract, position.quantity, price) * rate
            kept = maintenance_margin(contract, position.quantity, price) * rate
            initial += needed
            maintenance += kept
            if contract.sec_type in {"FUT", "FOP"}:
                commodity_initial += needed
                commodity_maintenance += kept
        realized = sum((p * self.rate(c, base) for c, p in account.realized.items()), Decimal(0))
        return Valuation(
            net_liquidation=cash + sum(by_class.values(), Decimal(0)) + futures_pnl,
            cash=cash,
            stock_value=by_class.get("STK", Decimal(0)),
            option_value=by_class.get("OPT", Decimal(0)) + by_class.get("FOP", Decimal(0)),
            bond_value=by_class.get("BOND", Decimal(0)),
            fund_value=by_class.get("FUND", Decimal(0)),
            crypto_value=by_class.get("CRYPTO", Decimal(0)),
            warrant_value=by_class.get("WAR", Decimal(0)) + by_class.get("IOPT", Decimal(0)),
            futures_pnl=futures_pnl,
            gross_position_value=gross,
            future_option_value=by_class.get("FOP", Decimal(0)),
            initial_margin=initial,
            maintenance_margin=maintenance,
            commodity_initial=commodity_initial,
            commodity_maintenance=commodity_maintenance,
            unrealized=unrealized,
            realized=realized,
        )

    def daily_pnl(self, account: Account) -> Decimal:
        """Return the change of net liquidation since the day began."""
        return self.value(account).net_liquidation - self._day_start[account.account_id]

    def daily_pnl_of(self, position: Position) -> Decimal:
        """Return a position's share of the day's profit, in its contract's currency."""
        value = position.market_value(self._price_of(position.contract))
        return value - position.day_value - position.day_flow

    def begin_day(self) -> None:
        """Settle futures in cash, then start a new day for daily profit and loss."""
        for account in self._accounts.values():
            for position in account.positions.values():
                if position.quantity and position.contract.sec_type == "FUT":
                    account.settle(position.contract, self._price_of(position.contract))
            self._day_start[account.account_id] = self.value(account).net_liquidation
            for position in account.positions.values():
                price = self._price_of(position.contract)
                position.day_value = position.market_value(price)
                position.day_flow = Decimal(0)
