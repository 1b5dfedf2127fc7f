"""Short texts for people: what a request is about, without account numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["described", "masked"]

_ACCOUNT: Final = re.compile(r"\b(D?[UFI])\d{4,}(?=\d{2}\b)")


def masked(text: str) -> str:
    """Return a text with account numbers shortened to their kind and last two digits."""
    return _ACCOUNT.sub(r"\1***", text)


def described(contract: IBContract) -> str:
    """Return the few fields by which a person knows a contract."""
    name = contract.localSymbol or contract.symbol or contract.secId
    parts = (
        contract.secType,
        name,
        contract.lastTradeDateOrContractMonth,
        contract.right,
        "" if contract.strike is None else f"{contract.strike:g}",
        contract.exchange or contract.primaryExchange,
        contract.currency,
        f"conId {contract.conId}" if contract.conId else "",
    )
    return " ".join(part for part in parts if part) or "an empty contract"
