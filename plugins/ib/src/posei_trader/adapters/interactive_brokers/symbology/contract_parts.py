"""What the rules need from a contract, and the error when it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["date_of", "local_or_symbol", "missing", "required_symbol"]


def local_or_symbol(contract: IBContract) -> str:
    """Return `localSymbol`, or `symbol` where there is none.

    Raises:
        InvalidRequest: both are empty.
    """
    name = contract.localSymbol.strip() or contract.symbol.strip()
    if not name:
        raise missing(contract, "localSymbol")
    return name


def required_symbol(contract: IBContract) -> str:
    """Return `symbol`, or `localSymbol` where there is none.

    Raises:
        InvalidRequest: both are empty.
    """
    name = contract.symbol.strip() or contract.localSymbol.strip()
    if not name:
        raise missing(contract, "symbol")
    return name


def date_of(contract: IBContract) -> str:
    """Return the last trade date as ``YYYYMMDD``, empty where only a month is known."""
    for text in (contract.lastTradeDateOrContractMonth, contract.lastTradeDate):
        date = text[:8]
        if len(date) == 8 and date.isdigit():
            return date
    return ""


def missing(contract: IBContract, field: str) -> InvalidRequest:
    """Return the error for a contract that says too little to have a name."""
    return InvalidRequest(
        f"a contract of type {contract.secType!r} needs {field} to have an instrument id",
        field=f"IBContract.{field}",
        value=str(contract),
        remedy="load it through the instrument provider, which asks IB for the rest",
    )
