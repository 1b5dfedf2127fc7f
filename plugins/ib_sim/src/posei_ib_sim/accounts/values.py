"""Account values under IB's names: summary tags, ledger rows, account updates."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final

from posei_ib_sim.accounts.commissions import CENT
from posei_ib_sim.accounts.segments import segment_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.accounts.account import Account
    from posei_ib_sim.accounts.book import AccountBook, Valuation

__all__ = ["SUMMARY_TAGS", "Row", "account_rows", "ledger_rows", "summary_rows"]

Row = tuple[str, str, str]
"""Key, value and currency."""

_BUYING_POWER: Final = 4


def _money(amount: Decimal) -> str:
    return str(amount.quantize(CENT, ROUND_HALF_UP))


def _totals(value: Valuation) -> dict[str, str]:
    """Return the figures in the base currency by tag."""
    initial, maintenance = value.initial_margin, value.maintenance_margin
    available, excess = value.available_funds, value.excess_liquidity
    power = max(available, Decimal(0)) * _BUYING_POWER
    figures = {
        "NetLiquidation": value.net_liquidation,
        "TotalCashValue": value.cash,
        "SettledCash": value.cash,
        "AccruedCash": Decimal(0),
        "BuyingPower": power,
        "EquityWithLoanValue": value.equity_with_loan,
        "PreviousDayEquityWithLoanValue": value.equity_with_loan,
        "GrossPositionValue": value.gross_position_value,
        "RegTEquity": value.equity_with_loan,
        "RegTMargin": initial,
        "SMA": max(available, Decimal(0)),
        "InitMarginReq": initial,
        "MaintMarginReq": maintenance,
        "AvailableFunds": available,
        "ExcessLiquidity": excess,
        "FullInitMarginReq": initial,
        "FullMaintMarginReq": maintenance,
        "FullAvailableFunds": available,
        "FullExcessLiquidity": excess,
        "LookAheadInitMarginReq": initial,
        "LookAheadMaintMarginReq": maintenance,
        "LookAheadAvailableFunds": available,
        "LookAheadExcessLiquidity": excess,
    }
    return {key: _money(amount) for key, amount in figures.items()}


def _plain(value: Valuation) -> dict[str, str]:
    """Return the figures without a currency by tag."""
    net = value.net_liquidation
    cushion = value.excess_liquidity / net if net > 0 else Decimal(0)
    leverage = value.gross_position_value / net if net > 0 else Decimal(0)
    return {
        "AccountType": "INDIVIDUAL",
        "Cushion": str(min(cushion, Decimal(1)).quantize(Decimal("0.000001")).normalize() + 0),
        "LookAheadNextChange": "0",
        "HighestSeverity": "",
        "DayTradesRemaining": "-1",
        "Leverage": str(leverage.quantize(CENT)),
    }


SUMMARY_TAGS: Final = (
    "AccountType,NetLiquidation,TotalCashValue,SettledCash,AccruedCash,BuyingPower,"
    "EquityWithLoanValue,PreviousDayEquityWithLoanValue,GrossPositionValue,RegTEquity,RegTMargin,"
    "SMA,InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion,FullInitMarginReq,"
    "FullMaintMarginReq,FullAvailableFunds,FullExcessLiquidity,LookAheadNextChange,"
    "LookAheadInitMarginReq,LookAheadMaintMarginReq,LookAheadAvailableFunds,"
    "LookAheadExcessLiquidity,HighestSeverity,DayTradesRemaining,Leverage"
)
"""All tags of an account summary, comma separated as in a request."""


def summary_rows(book: AccountBook, account: Account, tags: str) -> list[Row]:
    """Return the rows of an account summary for a request's tags, in their order.

    `$LEDGER` gives the ledger in the base currency, `$LEDGER:USD` that of one currency,
    `$LEDGER:ALL` all of them. Unknown tags give no row, as with IB.
    """
    value = book.value(account)
    totals, plain = _totals(value), _plain(value)
    rows: list[Row] = []
    for tag in (part.strip() for part in tags.split(",")):
        if tag in totals:
            rows.append((tag, totals[tag], account.base_currency))
        elif tag in plain:
            rows.append((tag, plain[tag], ""))
        elif tag.startswith("$LEDGER"):
            rows.extend(ledger_rows(book, account, tag.partition(":")[2] or "BASE"))
    return rows


def ledger_rows(book: AccountBook, account: Account, which: str) -> Iterator[Row]:
    """Yield ledger rows of one currency, of "BASE", or of "ALL" (every currency, then BASE)."""
    if which == "ALL":
        for currency in _currencies(account):
            yield from _ledger(book, account, currency)
        yield from _ledger(book, account, "BASE")
    else:
        yield from _ledger(book, account, which)


def account_rows(book: AccountBook, account: Account) -> list[Row]:
    """Return all rows of account updates: plain figures, totals, ledgers."""
    value = book.value(account)
    rows: list[Row] = [("AccountCode", account.account_id, ""), ("AccountReady", "true", "")]
    rows += [(key, text, "") for key, text in _plain(value).items() if key != "Leverage"]
    totals = _totals(value)
    rows += [(key, text, account.base_currency) for key, text in totals.items()]
    rows += segment_rows(value, account.base_currency)
    rows += ledger_rows(book, account, "ALL")
    return rows


def _currencies(account: Account) -> list[str]:
    held = {p.contract.currency for p in account.positions.values() if p.quantity}
    balances = {currency for currency, amount in account.cash.items() if amount}
    others = (held | balances) - {account.base_currency}
    return [account.base_currency, *sorted(others)]


def _ledger(book: AccountBook, account: Account, currency: str) -> Iterator[Row]:
    base = currency == "BASE"
    target = account.base_currency if base else currency

    def included(own: str) -> Decimal:
        if base:
            return book.rate(own, target)
        return Decimal(1) if own == currency else Decimal(0)

    cash = sum((amount * included(own) for own, amount in account.cash.items()), Decimal(0))
    values: dict[str, Decimal] = {}
    unrealized = Decimal(0)
    for position in account.positions.values():
        weight = included(position.contract.currency)
        if not position.quantity or not weight:
            continue
        price = book.price(position.contract)
        kind = _LEDGER_CLASS.get(position.contract.sec_type, "StockMarketValue")
        values[kind] = values.get(kind, Decimal(0)) + position.equity(price) * weight
        unrealized += position.unrealized(price) * weight
    realized = sum((p * included(own) for own, p in account.realized.items()), Decimal(0))
    rate = Decimal(1) if base else book.rate(currency, account.base_currency)
    net = cash + sum(values.values(), Decimal(0))
    figures = {"CashBalance": cash, "TotalCashBalance": cash, "AccruedCash": Decimal(0)}
    figures |= {kind: values.get(kind, Decimal(0)) for kind in _LEDGER_KINDS}
    figures |= {
        "NetLiquidationByCurrency": net,
        "UnrealizedPnL": unrealized,
        "RealizedPnL": realized,
        "NetDividend": Decimal(0),
    }
    yield ("Currency", currency, currency)
    yield ("RealCurrency", target, currency)
    for key, amount in figures.items():
        yield (key, _money(amount), currency)
    yield ("ExchangeRate", f"{rate:.2f}" if rate == 1 else f"{rate:.7f}", currency)


_LEDGER_CLASS: Final = {
    "STK": "StockMarketValue",
    "OPT": "OptionMarketValue",
    "FOP": "FutureOptionValue",
    "FUT": "FuturesPNL",
    "CFD": "FuturesPNL",
    "CMDTY": "FuturesPNL",
    "CASH": "FxCashBalance",
    "BOND": "CorporateBondValue",
    "FUND": "MutualFundValue",
    "WAR": "WarrantValue",
    "IOPT": "IssuerOptionValue",
    "CRYPTO": "Cryptocurrency",
}
_LEDGER_KINDS: Final = (
    "StockMarketValue",
    "OptionMarketValue",
    "FutureOptionValue",
    "FuturesPNL",
    "FxCashBalance",
    "TBondValue",
    "TBillValue",
    "CorporateBondValue",
    "FundValue",
    "MutualFundValue",
    "MoneyMarketFundValue",
    "WarrantValue",
    "IssuerOptionValue",
    "Cryptocurrency",
)
