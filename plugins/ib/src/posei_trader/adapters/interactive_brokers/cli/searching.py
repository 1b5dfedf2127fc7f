"""What a text may mean at IB: a conId, an instrument id, a symbol, or the beginning of a name."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.cli.listing import Match
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments.resolver import Resolver, distinct
from posei_trader.adapters.interactive_brokers.instruments.sessions import today_in
from posei_trader.adapters.interactive_brokers.instruments.suggestions import with_candidates
from posei_trader.adapters.interactive_brokers.symbology import SimplifiedSymbology
from posei_trader.errors import FixRequest, InstrumentNotFound, InvalidRequest
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource

__all__ = ["find_matches"]

# IB's search leaves these out; they are found by their exact symbol.
_NOT_SEARCHED: Final = ("CONTFUT", "CRYPTO", "CFD", "CMDTY")
_SYMBOL: Final = re.compile(r"[A-Z0-9.]{1,12}")
_SHORTEST_NUMBER: Final = 5


async def find_matches(source: ContractSource, text: str) -> list[Match]:
    """Return the contracts that a text means.

    Raises:
        InstrumentNotFound: nothing matches; names candidates where the text is an instrument id.
        InstrumentAmbiguous: an instrument id fits several contracts.
        RetryLater: IB did not answer.
    """
    text = text.strip()
    if text.isdigit() and len(text) >= _SHORTEST_NUMBER:
        rows = distinct(await source.get_contract_details(IBContract(conId=int(text))))
        return [Match.of(row) for row in rows]
    symbology = SimplifiedSymbology()
    try:
        name = InstrumentId(text)
        symbology.candidates(name)
    except InvalidRequest:
        return await _search(source, text)
    return [Match.of(await _resolved(source, symbology, name))]


async def _resolved(
    source: ContractSource, symbology: SimplifiedSymbology, name: InstrumentId
) -> IBContractDetails:
    today = today_in("UTC", time.time_ns())
    try:
        return await Resolver(source, symbology, lambda: today).resolve_id(name)
    except InstrumentNotFound as error:
        raise await with_candidates(
            error, name, source=source, symbology=symbology, today=today
        ) from error


async def _search(source: ContractSource, text: str) -> list[Match]:
    described = await source.get_matching_contracts(text)
    # IB describes a bond's issuer by a number that is no contract.
    numbers = [row.contract.conId for row in described if row.contract.conId > 0]
    questions = [*(IBContract(conId=number) for number in numbers), *_exactly(text.upper())]
    answers = await asyncio.gather(*(_rows(source, question) for question in questions))
    found = {(row.conId, row.contract.secType): row for rows in answers for row in rows}
    if not found:
        raise InstrumentNotFound(
            "IB knows nothing of that name",
            field="text",
            value=text,
            remedy="try the beginning of the symbol or of the company's name",
        )
    derivatives = {row.contract.conId: row.derivativeSecTypes for row in described}
    # What is called exactly that goes before what begins like it.
    rows = sorted(found.values(), key=lambda row: row.contract.symbol != text.upper())
    return [Match.of(row, derivatives.get(row.conId, ())) for row in rows]


def _exactly(text: str) -> Iterable[IBContract]:
    if _SYMBOL.fullmatch(text):
        for kind in _NOT_SEARCHED:
            yield IBContract(secType=kind, symbol=text)
        yield IBContract(secType="FUT", localSymbol=text)


async def _rows(source: ContractSource, question: IBContract) -> list[IBContractDetails]:
    """Return what fits a question that may well have no answer."""
    try:
        return distinct(await source.get_contract_details(question))
    except FixRequest:
        return []
