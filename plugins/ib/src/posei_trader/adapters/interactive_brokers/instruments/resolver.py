"""From an instrument id, or a description, to the one contract that is meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.adapters.interactive_brokers.symbology.futures_codes import resolve_year
from posei_trader.errors import FixRequest, InstrumentAmbiguous, InstrumentNotFound

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable

    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContract,
        IBContractDetails,
    )
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource
    from posei_trader.adapters.interactive_brokers.symbology import (
        RawSymbology,
        SimplifiedSymbology,
    )
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["Resolver", "distinct", "named_contract"]

_SHOWN: Final = 8
# Codes of one listing.
_SAME_LISTING: Final = {"ISLAND": "NASDAQ"}


@final
class Resolver:
    """Asks IB until one contract is left.

    Args:
        source: Who is asked.
        symbology: How ids are read and contracts are named.
        today: Tells the date to which one-digit years are relative.
    """

    __slots__ = ("_source", "_symbology", "_today")

    def __init__(
        self,
        source: ContractSource,
        symbology: SimplifiedSymbology | RawSymbology,
        today: Callable[[], dt.date],
    ) -> None:
        self._source = source
        self._symbology = symbology
        self._today = today

    def name(self, details: IBContractDetails) -> InstrumentId:
        """Return the id of a contract.

        Raises:
            InvalidRequest: no rule names it.
        """
        return self._symbology.to_instrument_id(named_contract(details))

    async def resolve_id(self, instrument_id: InstrumentId) -> IBContractDetails:
        """Return the contract that an id means, trying every reading of it.

        Raises:
            InvalidRequest: no rule reads the id.
            InstrumentNotFound: IB knows none of the readings.
            InstrumentAmbiguous: several contracts fit; names them.
            RetryLater: IB did not answer.
        """
        readings = self._symbology.candidates(instrument_id)
        # IB finds expired futures only when asked to; they come last, so the living win.
        expired = [
            msgspec.structs.replace(reading, includeExpired=True)
            for reading in readings
            if reading.secType == "FUT" and not reading.includeExpired
        ]
        refusal: FixRequest | None = None
        for reading in (*readings, *expired):
            try:
                rows = await self._source.get_contract_details(reading)
            except InstrumentNotFound:
                continue
            except FixRequest as error:
                # One exchange that IB refuses to look at says nothing about the others.
                refusal = error
                continue
            fitting = [row for row in rows if _fits(reading, row)]
            if fitting:
                return self._only(reading, fitting, str(instrument_id))
        raise InstrumentNotFound(
            f"IB has no instrument {instrument_id}",
            field="InstrumentId",
            value=str(instrument_id),
            remedy="check symbol and venue",
        ) from refusal

    async def resolve(self, contract: IBContract) -> IBContractDetails:
        """Return the one contract that a description means.

        Raises:
            InstrumentNotFound: IB knows none.
            InstrumentAmbiguous: several contracts fit; names them.
            RetryLater: IB did not answer.
        """
        rows = await self._source.get_contract_details(contract)
        return self._only(contract, rows, str(contract.bare()))

    def _only(
        self, asked: IBContract, rows: Iterable[IBContractDetails], name: str
    ) -> IBContractDetails:
        found = distinct(rows, asked.exchange)
        if len(found) > 1 and asked.secType == "FUT" and asked.localSymbol:
            found = self._of_this_decade(asked.localSymbol, found)
        if len(found) == 1:
            return found[0]
        raise InstrumentAmbiguous(
            f"{len(found)} contracts of IB fit",
            field="instrument",
            value=name,
            remedy=f"say which: {self._names(found)}",
        )

    def _of_this_decade(
        self, local_symbol: str, found: list[IBContractDetails]
    ) -> list[IBContractDetails]:
        year = resolve_year(local_symbol[-1], self._today()) if local_symbol[-1].isdigit() else None
        fitting = [row for row in found if row.contractMonth[:4] == str(year)]
        return fitting or found

    def _names(self, rows: list[IBContractDetails]) -> str:
        names = []
        for row in rows[:_SHOWN]:
            try:
                names.append(f"{self.name(row)} (conId {row.conId}, {row.contract.currency})")
            except FixRequest:
                names.append(f"conId {row.conId}")
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        return ", ".join(names) + more


def named_contract(details: IBContractDetails) -> IBContract:
    """Return the contract with what its name needs: IB keeps a bond's numbers outside of it."""
    contract = details.contract
    if contract.secType == "BOND" and not contract.secId:
        for kind in ("CUSIP", "ISIN"):
            number = details.security_id(kind)
            if number:
                return msgspec.structs.replace(contract, secIdType=kind, secId=number)
    return contract


def distinct(rows: Iterable[IBContractDetails], exchange: str = "") -> list[IBContractDetails]:
    """Return one row for each contract: IB answers with one for each exchange it is routed to."""
    best: dict[int, IBContractDetails] = {}
    wanted = (exchange, "SMART")
    for row in rows:
        known = best.get(row.conId)
        if known is None or _rank(row, wanted) < _rank(known, wanted):
            best[row.conId] = row
    return list(best.values())


def _rank(row: IBContractDetails, wanted: tuple[str, ...]) -> int:
    at = row.contract.exchange
    return wanted.index(at) if at in wanted else len(wanted)


def _fits(asked: IBContract, row: IBContractDetails) -> bool:
    """Return whether an answer is what was asked for: IB takes some fields for hints only."""
    got = row.contract
    pairs = (
        (asked.secType, got.secType),
        (asked.symbol, got.symbol),
        (asked.localSymbol, got.localSymbol.strip()),
        (asked.tradingClass, got.tradingClass),
        (asked.currency, got.currency),
        (asked.right, got.right[:1]),
        (_listing(asked.primaryExchange), _listing(got.primaryExchange)),
    )
    if any(want and have and want != have for want, have in pairs):
        return False
    if asked.strike is not None and got.strike is not None and asked.strike != got.strike:
        return False
    number = row.security_id(asked.secIdType) if asked.secId else None
    return number is None or number == asked.secId


def _listing(exchange: str) -> str:
    return _SAME_LISTING.get(exchange, exchange)
