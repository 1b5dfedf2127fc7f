"""Contract details become loaded instruments: named, built, indexed, and put into the cache."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.instruments.builders import (
    INSTRUMENT_TYPES,
    InstrumentBuilder,
)
from posei_trader.adapters.interactive_brokers.instruments.increments import rule_of_exchange
from posei_trader.adapters.interactive_brokers.instruments.raw_details import contract_of
from posei_trader.adapters.interactive_brokers.instruments.resolver import named_contract
from posei_trader.adapters.interactive_brokers.instruments.spreads import make_spread
from posei_trader.errors import FixRequest
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContractDetails,
        PriceIncrement,
    )
    from posei_trader.adapters.interactive_brokers.instruments.catalogue import Catalogue
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource
    from posei_trader.adapters.interactive_brokers.symbology import (
        RawSymbology,
        SimplifiedSymbology,
    )
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.protocols import InstrumentStore

__all__ = ["Registration"]

_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")


@final
class Registration:
    """Adds instruments.

    Args:
        source: Knows market rules.
        symbology: Names contracts.
        catalogue: Where instruments are indexed.
        store: Where they are put as well; None for nowhere.
        skip: IB's security types that are not wanted.
        now_ns: Tells the time, UNIX ns UTC.
    """

    __slots__ = ("_builder", "_catalogue", "_now_ns", "_skip", "_source", "_store", "_symbology")

    def __init__(
        self,
        source: ContractSource,
        symbology: SimplifiedSymbology | RawSymbology,
        catalogue: Catalogue,
        store: InstrumentStore | None,
        skip: frozenset[str],
        now_ns: Callable[[], int],
    ) -> None:
        self._source = source
        self._symbology = symbology
        self._catalogue = catalogue
        self._store = store
        self._skip = skip
        self._now_ns = now_ns
        self._builder = InstrumentBuilder(now_ns)

    async def add(
        self, details: IBContractDetails, asked: InstrumentId | None = None
    ) -> Instrument:
        """Add the instrument of some contract details, under the id it was asked for by.

        Raises:
            FixRequest: it cannot be named, or made an instrument.
            RetryLater: IB was not there to tell the price steps.
        """
        contract = named_contract(details)
        usual = self._symbology.to_instrument_id(contract)
        rule = await self._rule(details)
        name = self._catalogue.name_for(_chosen(usual, asked), contract)
        instrument = self._builder.build(details, name, rule)
        self._catalogue.add(instrument, contract, *((usual,) if asked is None else (usual, asked)))
        self._keep(instrument)
        return instrument

    async def add_all(self, rows: Iterable[IBContractDetails]) -> list[Instrument]:
        """Add many; what cannot be used is logged and does not stop the others."""
        added = []
        skipped: Counter[str] = Counter()
        for details in rows:
            kind = details.contract.secType
            if kind in self._skip or kind not in INSTRUMENT_TYPES:
                skipped[kind] += 1
                continue
            try:
                added.append(await self.add(details))
            except FixRequest as error:
                _LOG.warning("contract left out", contract=str(details.contract), reason=str(error))
        if skipped:
            _LOG.info("contracts skipped by type", **skipped)
        return added

    def add_spread(
        self, legs: Sequence[tuple[Instrument, int]], asked: InstrumentId | None = None
    ) -> Instrument:
        """Add the spread of some loaded legs.

        Raises:
            InvalidRequest: the legs do not make a spread.
        """
        spread = make_spread(legs, self._now_ns())
        self._catalogue.add(spread, contract_of(spread), *(() if asked is None else (asked,)))
        self._keep(spread)
        return spread

    def _keep(self, instrument: Instrument) -> None:
        if self._store is not None:
            self._store.add_instrument(instrument)

    async def _rule(self, details: IBContractDetails) -> Sequence[PriceIncrement]:
        rule_id = rule_of_exchange(details)
        if rule_id is None:
            return ()
        try:
            return await self._source.get_market_rule(rule_id)
        except FixRequest as error:
            _LOG.warning(
                "market rule refused, the minimum tick has to do",
                rule=rule_id,
                contract=str(details.contract),
                reason=str(error),
            )
            return ()


def _chosen(usual: InstrumentId, asked: InstrumentId | None) -> InstrumentId:
    """Return the id to use: the one that was asked for, unless its venue is spelt otherwise."""
    if asked is None or asked == usual:
        return usual
    if asked.venue in {usual.venue, "SMART"}:
        return asked
    _LOG.warning("instrument loaded under its usual venue", asked=str(asked), id=str(usual))
    return usual
