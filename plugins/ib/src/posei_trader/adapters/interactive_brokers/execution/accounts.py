"""Which account is traded, and what IB says it holds: pure functions."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from posei_trader.errors import AccountMismatch, InvalidRequest, LiveTradingRefused
from posei_trader.model.accounts import AccountBalance, AccountState, MarginBalance
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AccountType
from posei_trader.model.identifiers import AccountId
from posei_trader.model.values import Money

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ISSUER: Final = "IB"
"""Who keeps the account: the first part of our account ids."""

_ALL_CURRENCIES: Final = "BASE"
_CASH_TAGS: Final = ("TotalCashBalance", "CashBalance")


def account_id_of(number: str) -> AccountId:
    """Return our id of an account: IB's bare number goes on the wire, this one everywhere else."""
    return AccountId(f"{ISSUER}-{number}")


def masked(number: str) -> str:
    """Return an account number that can be shown: enough to recognise it, too little to use it."""
    return f"{number[:2]}***{number[-2:]}" if len(number) > 5 else "***"


def is_paper(number: str) -> bool:
    """Return whether an account is simulated: IB's paper accounts begin with D."""
    return number.upper().startswith("D")


def choose_account(configured: str | None, managed: Sequence[str]) -> str:
    """Return the account to trade.

    Args:
        configured: The number from the configuration or from `TWS_ACCOUNT`; our prefix may stand
            before it. None takes the only account there is.
        managed: The accounts of the gateway's login.

    Raises:
        AccountMismatch: the login does not manage it, or nothing says which of several.
    """
    shown = ", ".join(masked(number) for number in managed) or "none"
    if configured is None:
        if len(managed) == 1:
            return managed[0]
        raise AccountMismatch(
            "the login manages several accounts and none is configured",
            field="account_id",
            value=None,
            remedy=f"set account_id or TWS_ACCOUNT to one of {shown}",
        )
    number = configured.removeprefix(f"{ISSUER}-").strip()
    if number not in managed:
        raise AccountMismatch(
            "the gateway's login does not manage the configured account",
            field="account_id",
            value=masked(number),
            remedy=f"log in to that account, or set account_id to one of {shown}",
        )
    return number


def check_live_guard(number: str, *, is_allowed: bool) -> None:
    """Refuse to trade real money without an explicit word.

    Raises:
        LiveTradingRefused: the account is live and the guard was not lifted.
    """
    if is_allowed or is_paper(number):
        return
    raise LiveTradingRefused(
        "this is a live account, and trading real money was not allowed",
        field="allow_live_trading",
        value=masked(number),
        remedy="set allow_live_trading=True on the execution client, or use a paper account (D...)",
    )


def account_state(
    number: str, values: Mapping[tuple[str, str], str], *, ts_init: int
) -> AccountState:
    """Return the account as IB's snapshot shows it: cash by currency, margins, equity.

    Args:
        number: IB's number of the account.
        values: IB's values by (tag, currency).
        ts_init: Now, UNIX ns UTC.

    Raises:
        InvalidRequest: the snapshot lacks the net liquidation value.
    """
    base = _base_currency(number, values)
    available = _amount(values, "FullAvailableFunds", base.code)
    balances = _balances(values, base, available)
    margins = _margins(values, base)
    return AccountState(
        account_id=account_id_of(number),
        account_type=AccountType.MARGIN if margins else AccountType.CASH,
        base_currency=base,
        balances=balances,
        margins=margins,
        equity=Money(_amount(values, "NetLiquidation", base.code) or Decimal(0), base),
        is_reported=True,
        ts_event=ts_init,
        ts_init=ts_init,
        info={f"{tag} {code}".strip(): value for (tag, code), value in values.items()},
    )


def _base_currency(number: str, values: Mapping[tuple[str, str], str]) -> Currency:
    for tag, code in values:
        if tag == "NetLiquidation" and code and code != _ALL_CURRENCIES:
            return Currency.of(code)
    raise InvalidRequest(
        "IB's account summary lacks the net liquidation value",
        field="NetLiquidation",
        value=masked(number),
        remedy="check that the login may see the account",
    )


def _balances(
    values: Mapping[tuple[str, str], str], base: Currency, available: Decimal | None
) -> tuple[AccountBalance, ...]:
    cash: dict[Currency, Decimal] = {}
    for tag in reversed(_CASH_TAGS):
        for known, code in values:
            amount = _amount(values, tag, code) if known == tag else None
            if amount is not None and code != _ALL_CURRENCIES:
                cash[Currency.of(code)] = amount
    if base not in cash:
        cash[base] = _amount(values, "TotalCashValue", base.code) or Decimal(0)
    return tuple(
        _balance(currency, cash[currency], available if currency == base else None)
        for currency in sorted(cash)
    )


def _balance(currency: Currency, total: Decimal, available: Decimal | None) -> AccountBalance:
    free = total if available is None else min(total, available)
    return AccountBalance(
        total=Money(total, currency),
        locked=Money(total - free, currency),
        free=Money(free, currency),
    )


def _margins(values: Mapping[tuple[str, str], str], base: Currency) -> tuple[MarginBalance, ...]:
    initial = _amount(values, "FullInitMarginReq", base.code)
    maintenance = _amount(values, "FullMaintMarginReq", base.code)
    if initial is None or maintenance is None:
        return ()
    return (MarginBalance(Money(initial, base), Money(maintenance, base)),)


def _amount(values: Mapping[tuple[str, str], str], tag: str, code: str) -> Decimal | None:
    text = values.get((tag, code))
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None
