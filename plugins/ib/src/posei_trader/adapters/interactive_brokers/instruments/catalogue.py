"""The instruments that a provider has loaded, indexed by everything they are asked for by."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from posei_trader.adapters.interactive_brokers.instruments.raw_details import contract_of
from posei_trader.adapters.interactive_brokers.symbology.futures_codes import MONTH_CODES
from posei_trader.errors import InstrumentAmbiguous
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.model.instruments import Instrument

__all__ = ["Catalogue"]


@final
class Catalogue:
    """Loaded instruments by id, by alias, by conId and by underlying.

    A contract has one id. It is the one under which it was first asked for; every other name is an
    alias. A continuous future shares the conId of its front month and is kept apart.
    """

    __slots__ = ("_aliases", "_by_con_id", "_by_id", "_by_underlying")

    def __init__(self) -> None:
        self._by_id: dict[InstrumentId, Instrument] = {}
        self._aliases: dict[InstrumentId, InstrumentId] = {}
        self._by_con_id: dict[int, InstrumentId] = {}
        self._by_underlying: dict[str, list[InstrumentId]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return an instrument by its id or an alias."""
        found = self._by_id.get(instrument_id)
        if found is None and instrument_id in self._aliases:
            return self._by_id.get(self._aliases[instrument_id])
        return found

    def find_con_id(self, con_id: int, *, continuous: bool = False) -> Instrument | None:
        """Return an instrument by IB's number."""
        name = self._by_con_id.get(-con_id if continuous else con_id)
        return None if name is None else self._by_id[name]

    def list_all(self) -> list[Instrument]:
        """Return everything, in the order of loading."""
        return list(self._by_id.values())

    def derivatives_of(self, underlying: str) -> list[Instrument]:
        """Return what was loaded on an underlying's symbol."""
        return [self._by_id[name] for name in self._by_underlying.get(underlying, ())]

    def name_for(self, instrument_id: InstrumentId, contract: IBContract) -> InstrumentId:
        """Return the id that a contract has or will get.

        Raises:
            InstrumentAmbiguous: the id belongs to another contract.
        """
        known = self._by_con_id.get(_key(contract))
        if known is not None:
            return known
        holder = self._by_id.get(instrument_id)
        if holder is None or _key(contract_of(holder)) in {0, _key(contract)}:
            return instrument_id
        if contract.secType == "FUT" and (spelt := _with_two_digits(instrument_id, contract)):
            # Two decades of one month are listed at once.
            return spelt
        raise InstrumentAmbiguous(
            "two contracts of IB have one instrument id",
            field="InstrumentId",
            value=str(instrument_id),
            remedy=f"{contract_of(holder)} has it already; use IB_RAW for {contract}",
        )

    def add(self, instrument: Instrument, contract: IBContract, *aliases: InstrumentId) -> None:
        """Add or replace an instrument under its id, and the other names it is known by."""
        name = instrument.id
        underlying = getattr(instrument, "underlying", "")
        if underlying and name not in self._by_id:
            self._by_underlying.setdefault(underlying, []).append(name)
        self._by_id[name] = instrument
        if contract.conId:
            self._by_con_id[_key(contract)] = name
        for alias in aliases:
            if alias != name and alias not in self._by_id:
                self._aliases[alias] = name


def _key(contract: IBContract) -> int:
    # A continuous future has the number of its front month: its key is the negative of it.
    return -contract.conId if contract.secType == "CONTFUT" else contract.conId


def _with_two_digits(instrument_id: InstrumentId, contract: IBContract) -> InstrumentId | None:
    symbol, _, venue = instrument_id.rpartition(".")
    year = contract.lastTradeDateOrContractMonth[:4]
    if len(symbol) < 3 or symbol[-2] not in MONTH_CODES or not year.isdigit():
        return None
    # The contract month lies at most a year after the last trade date: its last digit decides.
    decade = int(year) if year[-1] == symbol[-1] else int(year) + 1
    return InstrumentId(f"{symbol[:-1]}{decade % 100:02}.{venue}")
