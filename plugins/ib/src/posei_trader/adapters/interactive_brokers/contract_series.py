"""A series: contracts that differ in number, strike, right and local symbol alone.

The options of one class and expiry are thousands of rows that agree in seventy fields. What they
agree in is read, checked and built once; a member is a copy with its own four fields.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Final

from msgspec.structs import force_setattr, replace

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails

__all__ = ["OWN_FIELDS", "member_of", "series_of"]

OWN_FIELDS: Final = ("conId", "strike", "right", "localSymbol")
"""The fields of a contract in which members differ."""


def member_of(
    series: IBContractDetails, con_id: int, strike: float | None, right: str, local_symbol: str
) -> IBContractDetails:
    """Return a member of a series; what all members share was checked with the series."""
    contract = copy(series.contract)
    force_setattr(contract, "conId", con_id)
    force_setattr(contract, "strike", strike)
    force_setattr(contract, "right", right)
    force_setattr(contract, "localSymbol", local_symbol)
    details = copy(series)
    force_setattr(details, "contract", contract)
    return details


def series_of(details: IBContractDetails) -> IBContractDetails:
    """Return what a member shares: equal for all members of a series."""
    shared = replace(details.contract, conId=0, strike=None, right="", localSymbol="")
    return replace(details, contract=shared)
