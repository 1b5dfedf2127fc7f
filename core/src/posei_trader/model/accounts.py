"""Accounts: balances, margins and the states that a venue reports. All amounts are Decimal."""

from __future__ import annotations

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AccountType
from posei_trader.model.identifiers import AccountId, InstrumentId
from posei_trader.model.values import Money


class AccountBalance(msgspec.Struct, frozen=True):
    """What an account holds of one currency.

    Attributes:
        total: Everything.
        locked: What open positions and orders hold back.
        free: What can be used.

    Raises:
        InvalidRequest: the currencies differ, or total is not locked plus free.
    """

    total: Money
    locked: Money
    free: Money

    def __post_init__(self) -> None:
        if self.locked + self.free != self.total:
            raise InvalidRequest(
                "total must be locked plus free",
                field="balance",
                value=f"{self.total} != {self.locked} + {self.free}",
                remedy="derive one of the three from the other two",
            )

    @property
    def currency(self) -> Currency:
        """Return the currency."""
        return self.total.currency


class MarginBalance(msgspec.Struct, frozen=True):
    """Margin requirements.

    Attributes:
        initial: Needed to open.
        maintenance: Needed to keep.
        instrument_id: The instrument, or None for the whole account.
    """

    initial: Money
    maintenance: Money
    instrument_id: InstrumentId | None = None


class AccountPnl(msgspec.Struct, frozen=True, kw_only=True):
    """The profit of an account as its venue counts it, which need not be how a portfolio does.

    IB counts by its own day, from the prices of its own close, and everything that the account
    holds, whoever bought it (`reqPnL`).

    Attributes:
        account_id: The account.
        daily: Since the venue's day began, None while the venue does not know.
        unrealized: Of what is held, likewise.
        realized: Of what was closed since the venue's day began, likewise.
        ts_event: When it was true, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    account_id: AccountId
    daily: Money | None
    unrealized: Money | None
    realized: Money | None
    ts_event: int
    ts_init: int


class AccountState(msgspec.Struct, frozen=True, kw_only=True):
    """A consistent snapshot of an account.

    Attributes:
        account_id: The account.
        account_type: Cash or margin.
        base_currency: The currency of `equity`, None when the account has none.
        balances: One for each currency.
        margins: Requirements.
        equity: Net liquidation value in the base currency, where the venue says it.
        is_reported: True when the venue reported it, False when we calculated it.
        ts_event: When it was true, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
        info: The venue's further values by their own names.
    """

    account_id: AccountId
    account_type: AccountType
    base_currency: Currency | None
    balances: tuple[AccountBalance, ...]
    margins: tuple[MarginBalance, ...] = ()
    equity: Money | None = None
    is_reported: bool = True
    ts_event: int = 0
    ts_init: int = 0
    info: dict[str, str] = {}

    def balance(self, currency: Currency) -> AccountBalance | None:
        """Return the balance of a currency, or None when the account holds none."""
        for balance in self.balances:
            if balance.currency == currency:
                return balance
        return None
