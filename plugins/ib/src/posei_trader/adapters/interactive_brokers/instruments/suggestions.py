"""What somebody may have meant who asked for an instrument that does not exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.symbology.futures_codes import (
    parse_futures_symbol,
)
from posei_trader.errors import InstrumentNotFound, PoseiError
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from posei_trader.adapters.interactive_brokers.contract_types import ContractDescription
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource
    from posei_trader.adapters.interactive_brokers.symbology import (
        RawSymbology,
        SimplifiedSymbology,
    )
    from posei_trader.model.identifiers import InstrumentId

__all__ = ["suggest", "with_candidates"]

_MOST: Final = 5
_SHORTEST: Final = 2
_ROOT: Final = re.compile(r"[A-Z0-9.]+")
_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")


async def suggest(
    instrument_id: InstrumentId,
    *,
    source: ContractSource,
    symbology: SimplifiedSymbology | RawSymbology,
    loaded: Iterable[InstrumentId],
    today: dt.date,
) -> list[str]:
    """Return up to five ids that exist and resemble one that does not.

    Help must not make things worse: when IB cannot be asked, what is loaded has to do.
    """
    found = [str(name) for name in loaded]
    try:
        found += await _asked(instrument_id, source, symbology, today)
    except PoseiError as error:
        _LOG.debug("no suggestions from IB", instrument_id=str(instrument_id), reason=str(error))
    import difflib  # noqa: PLC0415 - only needed once something is wrong

    return difflib.get_close_matches(str(instrument_id), sorted(set(found)), n=_MOST, cutoff=0.4)


async def with_candidates(
    error: InstrumentNotFound,
    instrument_id: InstrumentId,
    *,
    source: ContractSource,
    symbology: SimplifiedSymbology | RawSymbology,
    today: dt.date,
    loaded: Iterable[InstrumentId] = (),
) -> InstrumentNotFound:
    """Return an error that names what may have been meant; the same where nothing is like it."""
    candidates = await suggest(
        instrument_id, source=source, symbology=symbology, loaded=loaded, today=today
    )
    if not candidates:
        return error
    return InstrumentNotFound(
        error.message,
        field=error.field,
        value=error.value,
        remedy=f"did you mean {' or '.join(candidates)}?",
    )


async def _asked(
    instrument_id: InstrumentId,
    source: ContractSource,
    symbology: SimplifiedSymbology | RawSymbology,
    today: dt.date,
) -> list[str]:
    symbol = instrument_id.rpartition(".")[0].partition("=")[0]
    futures = parse_futures_symbol(symbol, today)
    if futures is not None:
        exchange = next(iter(symbology.venues.exchanges(instrument_id.venue)), "")
        family = IBContract(secType="FUT", tradingClass=futures.root, exchange=exchange)
        try:
            rows = await source.get_contract_details(family)
            return [str(symbology.to_instrument_id(row.contract)) for row in rows]
        except LookupError:
            return []
    match = _ROOT.search(symbol)
    if match is None:
        return []
    matches = await source.get_matching_contracts(match[0])
    if not matches and len(match[0]) > _SHORTEST:
        # IB searches by beginnings: a wrong last letter finds nothing.
        matches = await source.get_matching_contracts(match[0][:-1])
    return [name for row in matches for name in _names(row, symbology)]


def _names(row: ContractDescription, symbology: SimplifiedSymbology | RawSymbology) -> list[str]:
    contract = row.contract
    if contract.secType not in {"STK", "IND", "CASH", "FUND"} or not contract.primaryExchange:
        return []
    # A search answers without exchange and local symbol: these are what they nearly always are.
    known = IBContract(
        secType=contract.secType,
        symbol=contract.symbol,
        currency=contract.currency,
        primaryExchange=contract.primaryExchange,
        exchange=contract.primaryExchange,
    )
    return [str(symbology.to_instrument_id(known))]
