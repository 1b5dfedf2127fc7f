"""Contract details from protobuf messages, without the detour over `ibapi`'s objects.

A chain is tens of thousands of these messages, and those of one expiry differ in four fields only:
what was read of the others is used again while the same bytes come. What is rare in them
(combinations, funds, ineligibility) is left to `ibapi`'s own decoder.
"""

from __future__ import annotations

import functools
from decimal import Decimal
from importlib import import_module
from typing import Any, Final, final

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.utils import floatMaxString

from posei_trader.adapters.interactive_brokers.contract_conversion import SIZE_FIELDS
from posei_trader.adapters.interactive_brokers.contract_series import OWN_FIELDS, member_of
from posei_trader.adapters.interactive_brokers.contract_types import (
    IBContract,
    IBContractDetails,
    TagValue,
)
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage

__all__ = ["ContractDataReader"]

_RENAMED: Final = {
    "primaryExch": "primaryExchange",
    "puttable": "putable",
    "bondNotes": "notes",
    "fundMinimumSubsequentPurchase": "fundSubsequentMinimumPurchase",
}
_RARE: Final = frozenset(
    {
        "comboLegs",
        "deltaNeutralContract",
        "ineligibilityReasonList",
        "fundDistributionPolicyIndicator",
        "fundAssetType",
    }
)
# In requests only; ibapi leaves them out of answers too.
_NOT_ANSWERED: Final = frozenset({"secIdType", "secId", "includeExpired"})
_KNOWN: Final = frozenset(IBContract.__struct_fields__) | frozenset(
    IBContractDetails.__struct_fields__
)
_DATE: Final = "lastTradeDateOrContractMonth"


@functools.lru_cache(maxsize=1024)
def _multiplier(number: float) -> str:
    text: str = floatMaxString(number)
    return text


@final
class ContractDataReader:
    """Reads `ContractData` messages."""

    __slots__ = ("_message", "_rest", "_series")

    def __init__(self) -> None:
        # Only releases of ibapi that speak protobuf have it.
        self._message: Any = import_module("ibapi.protobuf.ContractData_pb2").ContractData
        self._rest: bytes | None = None
        self._series: IBContractDetails | None = None

    def read(self, payload: bytes) -> tuple[int, IBContractDetails] | None:
        """Return the request id and the details; None where `ibapi` has to decode.

        Raises:
            MalformedMessage: the contract has no text where one belongs.
        """
        message = self._message.FromString(payload)
        if not message.HasField("contract") or not message.HasField("contractDetails"):
            return None
        request_id = message.reqId if message.HasField("reqId") else -1
        contract = message.contract
        con_id, right, local_symbol = contract.conId, contract.right, contract.localSymbol
        strike = contract.strike if contract.HasField("strike") else None
        message.ClearField("reqId")
        for name in OWN_FIELDS:
            contract.ClearField(name)
        rest = message.SerializeToString()
        if rest != self._rest:
            self._series = _read_series(message)
            self._rest = rest
        if self._series is None:
            return None
        if strike == UNSET_DOUBLE:
            strike = None
        return request_id, member_of(self._series, con_id, strike, right, local_symbol)


def _read_series(message: Any) -> IBContractDetails | None:
    details = _fields_of_details(message.contractDetails)
    contract = {field.name: value for field, value in message.contract.ListFields()}
    if details is None or not _RARE.isdisjoint(contract):
        return None
    last_trade_time = _normalise(contract)
    try:
        shared = IBContract(**contract)
    except (TypeError, ValueError) as error:
        raise MalformedMessage("contract data does not make a contract") from error
    return IBContractDetails(contract=shared, lastTradeTime=last_trade_time, **details)


def _fields_of_details(message: Any) -> dict[str, Any] | None:
    fields = {_RENAMED.get(field.name, field.name): value for field, value in message.ListFields()}
    if not _RARE.isdisjoint(fields):
        return None
    for name in SIZE_FIELDS:
        if name in fields:
            size = Decimal(fields[name])
            fields[name] = None if size == UNSET_DECIMAL else size
    # Left out it is 0 for ibapi.
    group = fields.get("aggGroup", 0)
    fields["aggGroup"] = None if group == UNSET_INTEGER else group
    if "minTick" in fields:
        fields["minTick"] = float(fields["minTick"])
    if "secIdList" in fields:
        fields["secIdList"] = tuple(
            TagValue(tag, value) for tag, value in fields["secIdList"].items()
        )
    return {name: value for name, value in fields.items() if name in _KNOWN}


def _normalise(contract: dict[str, Any]) -> str:
    """Rename and convert fields in place; return the time that IB appends to the date."""
    if "primaryExch" in contract:
        contract["primaryExchange"] = contract.pop("primaryExch")
    for name in contract.keys() - _KNOWN | contract.keys() & _NOT_ANSWERED:
        del contract[name]
    multiplier = contract.get("multiplier")
    if multiplier is not None:
        contract["multiplier"] = _multiplier(multiplier)
    text = contract.get(_DATE, "")
    parts = text.split("-" if "-" in text else None)
    if parts:
        contract[_DATE] = parts[0]
    return parts[1] if len(parts) > 1 else ""
