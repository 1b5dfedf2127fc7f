"""Ids that name IB's security type: ``IBUS30=CFD.IBCFD``. Any contract has one, in any region."""

from __future__ import annotations

from typing import Final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.symbology.derivative_rules import (
    read_raw_derivative,
)
from posei_trader.adapters.interactive_brokers.symbology.listed_rules import forward_of
from posei_trader.adapters.interactive_brokers.symbology.security_ids import security_id_type

__all__ = ["SEC_TYPES", "read_explicit", "split_explicit"]

SEC_TYPES: Final = frozenset(
    {
        "BAG",
        "BILL",
        "BOND",
        "BSK",
        "CASH",
        "CFD",
        "CMDTY",
        "CONTFUT",
        "CRYPTO",
        "EC",
        "FIXED",
        "FOP",
        "FUND",
        "FUT",
        "FWD",
        "ICS",
        "ICU",
        "IND",
        "IOPT",
        "NEWS",
        "OPT",
        "PDC",
        "PHYSS",
        "SLB",
        "STK",
        "WAR",
    }
)
"""IB's security types."""

_ROUTED_BY_IB: Final = {"CFD": "IBCFD", "CMDTY": "IBCMDTY"}


def split_explicit(symbol: str) -> tuple[str, str] | None:
    """Split ``{localSymbol}={secType}``, None when it names none of IB's types."""
    local, sign, sec_type = symbol.rpartition("=")
    return (local, sec_type) if sign and local and sec_type in SEC_TYPES else None


def read_explicit(local: str, sec_type: str, exchange: str) -> IBContract:
    """Return the contract of a local symbol, a type and an exchange."""
    if sec_type in {"FUT", "OPT", "FOP"}:
        by_fields = read_raw_derivative(sec_type, local, exchange)
        if by_fields is not None:
            return by_fields
    if sec_type == "FWD" and (forward := forward_of(local, exchange)):
        return forward
    if sec_type == "STK":
        primary = "" if exchange == "SMART" else exchange
        return IBContract(
            secType="STK", exchange="SMART", primaryExchange=primary, localSymbol=local
        )
    if sec_type in _ROUTED_BY_IB:
        return IBContract(secType=sec_type, exchange="SMART", localSymbol=local)
    if sec_type == "BOND" and (kind := security_id_type(local)):
        return IBContract(secType="BOND", exchange=exchange, secIdType=kind, secId=local)
    if sec_type == "CONTFUT":
        return IBContract(secType="CONTFUT", exchange=exchange, symbol=local)
    return IBContract(secType=sec_type, exchange=exchange, localSymbol=local)
