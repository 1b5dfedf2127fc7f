"""Contracts between our values and `ibapi` objects, both ways, without loss.

`ibapi` marks unset numbers with huge values and grows fields from release to release: a field that
the installed release lacks reads as unset and is not written.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

import ibapi.contract as ib
import msgspec
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.tag_value import TagValue as IbapiTagValue

from posei_trader.adapters.interactive_brokers.contract_types import (
    ComboLeg,
    ContractDescription,
    DeltaNeutralContract,
    IBContract,
    IBContractDetails,
    IneligibilityReason,
    TagValue,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "SIZE_FIELDS",
    "contract_from_ibapi",
    "contract_to_ibapi",
    "description_from_ibapi",
    "details_from_ibapi",
    "details_to_ibapi",
]

T = TypeVar("T")

_PROVIDER_FIELDS: Final = frozenset(
    {
        "build_options_chain",
        "build_futures_chain",
        "options_chain_exchange",
        "min_expiry_days",
        "max_expiry_days",
        "min_strike",
        "max_strike",
    }
)
_CONTRACT_PARTS: Final = frozenset({"comboLegs", "deltaNeutralContract", "strike"})
_CONTRACT_PLAIN: Final = tuple(
    name
    for name in IBContract.__struct_fields__
    if name not in _PROVIDER_FIELDS and name not in _CONTRACT_PARTS
)
_CONTRACT_KNOWN: Final = frozenset((*_CONTRACT_PLAIN, *_CONTRACT_PARTS))
_LEG_FIELDS: Final = ComboLeg.__struct_fields__
_LEG_KNOWN: Final = frozenset(_LEG_FIELDS)
_HEDGE_KNOWN: Final = frozenset(DeltaNeutralContract.__struct_fields__)
SIZE_FIELDS: Final = (
    "minSize",
    "sizeIncrement",
    "suggestedSizeIncrement",
    "minAlgoSize",
    "lastPricePrecision",
    "lastSizePrecision",
)
"""Fields of details that are quantities: texts on the wire, a huge number where unset."""

_FUND_ENUMS: Final = ("fundDistributionPolicyIndicator", "fundAssetType")
_NO_FUND_VALUE: Final = "NoneItem"
_DETAILS_PARTS: Final = frozenset(
    {"contract", "aggGroup", "secIdList", "ineligibilityReasonList", *SIZE_FIELDS, *_FUND_ENUMS}
)
_DETAILS_KNOWN: Final = frozenset(IBContractDetails.__struct_fields__)
_DETAILS_PLAIN: Final = tuple(
    name for name in IBContractDetails.__struct_fields__ if name not in _DETAILS_PARTS
)


def contract_from_ibapi(contract: ib.Contract) -> IBContract:
    """Return our value of an `ibapi` contract."""
    fields = _known(contract, _CONTRACT_KNOWN)
    if fields["strike"] == UNSET_DOUBLE:
        fields["strike"] = None
    combo = fields["comboLegs"]
    fields["comboLegs"] = tuple(ComboLeg(**_known(leg, _LEG_KNOWN)) for leg in combo or ())
    hedge = fields["deltaNeutralContract"]
    if hedge is not None:
        fields["deltaNeutralContract"] = DeltaNeutralContract(**_known(hedge, _HEDGE_KNOWN))
    return IBContract(**fields)


def contract_to_ibapi(contract: IBContract) -> ib.Contract:
    """Return a new `ibapi` contract; the instructions to the provider are left out."""
    target = _new(ib.Contract)
    for name in _CONTRACT_PLAIN:
        _write(target, name, getattr(contract, name))
    target.strike = UNSET_DOUBLE if contract.strike is None else float(contract.strike)
    target.comboLegs = [_leg_to_ibapi(leg) for leg in contract.comboLegs]
    if contract.deltaNeutralContract is not None:
        target.deltaNeutralContract = _hedge_to_ibapi(contract.deltaNeutralContract)
    return target


def details_from_ibapi(details: ib.ContractDetails) -> IBContractDetails:
    """Return our value of `ibapi` contract details."""
    fields = _known(details, _DETAILS_KNOWN)
    fields["contract"] = contract_from_ibapi(fields["contract"])
    if fields["aggGroup"] == UNSET_INTEGER:
        fields["aggGroup"] = None
    for name in SIZE_FIELDS:
        if name in fields:
            fields[name] = _size(fields[name])
    for name in _FUND_ENUMS:
        if name in fields:
            fields[name] = _enum_name(fields[name])
    fields["secIdList"] = tuple(
        TagValue(pair.tag, pair.value) for pair in fields["secIdList"] or ()
    )
    if reasons := fields.pop("ineligibilityReasonList", None):
        fields["ineligibilityReasonList"] = tuple(
            IneligibilityReason(reason.id_, reason.description) for reason in reasons
        )
    return IBContractDetails(**fields)


def details_to_ibapi(details: IBContractDetails) -> ib.ContractDetails:
    """Return new `ibapi` contract details."""
    target = _new(ib.ContractDetails)
    target.contract = contract_to_ibapi(details.contract)
    for name in _DETAILS_PLAIN:
        _write(target, name, getattr(details, name))
    for name in SIZE_FIELDS:
        size = getattr(details, name)
        _write(target, name, UNSET_DECIMAL if size is None else size)
    for name in _FUND_ENUMS:
        kind = type(getattr(target, name, None))
        if issubclass(kind, Enum):
            _write(target, name, kind[getattr(details, name) or _NO_FUND_VALUE])
    target.aggGroup = UNSET_INTEGER if details.aggGroup is None else details.aggGroup
    if details.secIdList:
        target.secIdList = [_tag_to_ibapi(pair) for pair in details.secIdList]
    if details.ineligibilityReasonList:
        reasons = [_reason_to_ibapi(reason) for reason in details.ineligibilityReasonList]
        _write(target, "ineligibilityReasonList", reasons)
    return target


def description_from_ibapi(description: ib.ContractDescription) -> ContractDescription:
    """Return our value of a row of a symbol search."""
    return ContractDescription(
        contract=contract_from_ibapi(description.contract),
        derivativeSecTypes=tuple(description.derivativeSecTypes),
    )


def _new(kind: Callable[[], T]) -> T:
    return kind()


def _known(source: object, names: frozenset[str]) -> dict[str, Any]:
    """Return an object's attributes that we have fields for; later releases may add others."""
    fields = source.__dict__.copy()
    for name in fields.keys() - names:
        del fields[name]
    return fields


def _write(target: object, name: str, value: object) -> None:
    if hasattr(target, name):
        setattr(target, name, value)


def _size(value: Decimal) -> Decimal | None:
    return None if value == UNSET_DECIMAL else Decimal(value)


def _enum_name(member: Enum | None) -> str:
    return "" if member is None or member.name == _NO_FUND_VALUE else member.name


def _leg_to_ibapi(leg: ComboLeg) -> ib.ComboLeg:
    target = _new(ib.ComboLeg)
    for name in _LEG_FIELDS:
        setattr(target, name, getattr(leg, name))
    return target


def _hedge_to_ibapi(hedge: DeltaNeutralContract) -> ib.DeltaNeutralContract:
    target = _new(ib.DeltaNeutralContract)
    for name, value in msgspec.structs.asdict(hedge).items():
        setattr(target, name, value)
    return target


def _tag_to_ibapi(pair: TagValue) -> IbapiTagValue:
    target = _new(IbapiTagValue)
    target.tag, target.value = pair.tag, pair.value
    return target


def _reason_to_ibapi(reason: IneligibilityReason) -> object:
    # Releases before server version 186 have no such class, and no such list to put it in.
    from ibapi.ineligibility_reason import IneligibilityReason as Target  # noqa: PLC0415

    target = _new(Target)
    target.id_, target.description = reason.id_, reason.description
    return target
