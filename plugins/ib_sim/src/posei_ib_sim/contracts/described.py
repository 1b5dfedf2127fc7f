"""Reading how a client describes a contract."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from posei_ib_sim.contracts.model import ContractQuery

if TYPE_CHECKING:
    from posei_ib_sim import wire

__all__ = ["query_of"]


def query_of(contract: wire.Contract) -> ContractQuery:
    """Return what a client's contract asks for."""
    multiplier = "" if contract.multiplier is None else f"{contract.multiplier:g}"
    return ContractQuery(
        con_id=contract.conId or 0,
        symbol=contract.symbol.strip(),
        sec_type=contract.secType.strip(),
        last_trade_date=contract.lastTradeDateOrContractMonth.strip(),
        strike=Decimal(repr(contract.strike)) if contract.strike else Decimal(0),
        right={"CALL": "C", "PUT": "P"}.get(contract.right.upper(), contract.right.upper()),
        multiplier=multiplier,
        exchange=contract.exchange.strip(),
        primary_exchange=contract.primaryExch.strip(),
        currency=contract.currency.strip(),
        local_symbol=contract.localSymbol.strip(),
        trading_class=contract.tradingClass.strip(),
        sec_id_type=contract.secIdType,
        sec_id=contract.secId,
        issuer_id=contract.issuerId,
        include_expired=contract.includeExpired,
    )
