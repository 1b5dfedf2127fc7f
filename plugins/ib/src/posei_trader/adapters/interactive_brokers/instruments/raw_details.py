"""IB's details inside an instrument: kept whole, shared where contracts agree.

`Instrument.info` is ``{"contract": {...}, "details": {...}}``: plain data under IB's field names,
without what is unset. Thousands of options share one ``details`` dictionary, so it must not be
changed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import (
    IBContract,
    IBContractDetails,
)
from posei_trader.adapters.interactive_brokers.instruments.price_scale import (
    PriceScale,
    price_scale,
)
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from posei_trader.model.instruments import Instrument

__all__ = ["SharedDetails", "contract_of", "details_of", "price_scale_of"]

_CONTRACT: Final = "contract"
_DETAILS: Final = "details"
_SHORT: Final = 12
# What differs from contract to contract; everything else is alike for a class and an expiry.
_OWN: Final = ("secIdList",)
_NO_CONTRACT: Final = IBContract()


@final
class SharedDetails:
    """Makes `info` dictionaries that share what is equal."""

    __slots__ = ("_last", "_own", "_plain", "_shared")

    def __init__(self) -> None:
        self._shared: dict[bytes, dict[str, object]] = {}
        self._last: IBContractDetails | None = None
        self._plain: dict[str, Any] = {}
        self._own: dict[str, object] = {}

    def info(self, details: IBContractDetails) -> dict[str, object]:
        """Return the `info` of an instrument."""
        without = msgspec.structs.replace(details, contract=_NO_CONTRACT)
        if without != self._last:
            # A chain's details come in rows that differ in the contract only.
            self._convert(without)
            self._last = without
        fields: dict[str, Any] = msgspec.to_builtins(details.contract)
        contract = {name: _interned(value) for name, value in fields.items()}
        return {_CONTRACT: contract, _DETAILS: self._plain, **self._own}

    def _convert(self, details: IBContractDetails) -> None:
        fields: dict[str, Any] = msgspec.to_builtins(details)
        del fields[_CONTRACT]
        self._own = {name: fields.pop(name) for name in _OWN if name in fields}
        key = msgspec.msgpack.encode(fields)
        self._plain = self._shared.setdefault(key, fields)


def _interned(value: object) -> object:
    """Return short texts once: classes, exchanges and dates come again with every option."""
    return sys.intern(value) if type(value) is str and len(value) < _SHORT else value


def details_of(instrument: Instrument) -> IBContractDetails:
    """Return IB's details of an instrument that this adapter made.

    Raises:
        InvalidRequest: the instrument is not from IB.
    """
    info = instrument.info
    _require(instrument)
    shared = info[_DETAILS]
    own = {name: info[name] for name in _OWN if name in info}
    fields = {**(shared if isinstance(shared, dict) else {}), **own, _CONTRACT: info[_CONTRACT]}
    return msgspec.convert(fields, IBContractDetails)


def contract_of(instrument: Instrument) -> IBContract:
    """Return IB's contract of an instrument that this adapter made.

    Raises:
        InvalidRequest: the instrument is not from IB.
    """
    _require(instrument)
    return msgspec.convert(instrument.info[_CONTRACT], IBContract)


def price_scale_of(instrument: Instrument) -> PriceScale:
    """Return in which unit IB quotes an instrument that this adapter made.

    Raises:
        InvalidRequest: the instrument is not from IB.
    """
    _require(instrument)
    contract, details = instrument.info[_CONTRACT], instrument.info[_DETAILS]
    magnifier = details.get("priceMagnifier", 1) if isinstance(details, dict) else 1
    currency = contract.get("currency", "") if isinstance(contract, dict) else ""
    return price_scale(magnifier, currency)


def _require(instrument: Instrument) -> None:
    if _CONTRACT not in instrument.info or _DETAILS not in instrument.info:
        raise InvalidRequest(
            "the instrument does not come from IB, so its contract is unknown",
            field="Instrument.info",
            value=str(instrument.id),
            remedy="load it through the IB instrument provider",
        )
