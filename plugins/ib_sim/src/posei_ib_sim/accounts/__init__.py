"""Accounts of the simulated broker: cash, positions, margin, profit and loss."""

from posei_ib_sim.accounts.account import Account, Position, price_decimal
from posei_ib_sim.accounts.advisor import Advisor
from posei_ib_sim.accounts.book import AccountBook, Valuation
from posei_ib_sim.accounts.commissions import CENT, commission_currency, order_commission
from posei_ib_sim.accounts.margin import initial_margin
from posei_ib_sim.accounts.values import SUMMARY_TAGS, account_rows, ledger_rows, summary_rows

__all__ = [
    "CENT",
    "SUMMARY_TAGS",
    "Account",
    "AccountBook",
    "Advisor",
    "Position",
    "Valuation",
    "account_rows",
    "commission_currency",
    "initial_margin",
    "ledger_rows",
    "order_commission",
    "price_decimal",
    "summary_rows",
]
