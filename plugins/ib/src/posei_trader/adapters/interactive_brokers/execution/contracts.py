"""Instruments of what IB tells about: ours, and those that were traded elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.errors import FixRequest, InstrumentNotFound, ReconciliationFailed

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.providers import (
        InteractiveBrokersInstrumentProvider,
    )
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.protocols import InstrumentStore

COMBINATION: Final = "BAG"
"""IB's type of a contract that is made of legs."""

Legs = tuple[tuple[int, int], ...]
"""The legs of a combination: conId and ratio, which is negative for a leg that is sold."""


@final
class ContractBook:
    """Finds what is traded by our name of it or by IB's contract.

    Args:
        provider: Loads what is unknown.
        store: The node's instruments.
    """

    def __init__(
        self, provider: InteractiveBrokersInstrumentProvider, store: InstrumentStore
    ) -> None:
        self._provider = provider
        self._store = store
        self._by_id: dict[InstrumentId, Traded] = {}
        self._by_legs: dict[Legs, InstrumentId] = {}

    def get(self, instrument_id: InstrumentId) -> Traded | None:
        """Return what is traded, or None when its instrument is not loaded."""
        instrument = self._store.instrument(instrument_id)
        known = self._by_id.get(instrument_id)
        if known is not None and known.instrument is instrument:
            return known
        instrument = instrument or self._provider.find(instrument_id)
        return None if instrument is None else self._resolved(instrument)

    def _resolved(self, instrument: Instrument) -> Traded:
        known = self._by_id.get(instrument.id)
        if known is None or known.instrument is not instrument:
            known = self._by_id[instrument.id] = Traded.of(instrument)
            if known.sec_type == COMBINATION:
                self._by_legs[_legs(known.contract)] = instrument.id
        return known

    def need(self, instrument_id: InstrumentId) -> Traded:
        """Return what is traded.

        Raises:
            InstrumentNotFound: its instrument is not loaded.
            InvalidRequest: its instrument does not come from IB.
        """
        known = self.get(instrument_id)
        if known is None:
            raise InstrumentNotFound(
                "the instrument is not loaded",
                field="instrument_id",
                value=instrument_id,
                remedy="add it to load_ids of the instrument provider, or request it first",
            )
        return known

    def of_contract(self, contract: IBContract) -> Traded | None:
        """Return what a contract of IB's is, or None when it is not loaded."""
        if contract.secType == COMBINATION:
            # One conId stands for all combinations of a currency: only the legs tell them apart.
            name = self._by_legs.get(_legs(contract))
            return None if name is None else self.get(name)
        instrument = self._provider.find_con_id(contract.conId) if contract.conId else None
        return None if instrument is None else self._resolved(instrument)

    async def load(self, contract: IBContract) -> Traded:
        """Return what a contract of IB's is, loading it if it is not known.

        Raises:
            ReconciliationFailed: IB trades what the provider cannot define.
            RetryLater: IB could not be asked.
        """
        known = self.of_contract(contract)
        if known is not None:
            return known
        try:
            instrument = await self._provider.load_contract(_findable(contract))
        except FixRequest as error:
            raise ReconciliationFailed(
                f"the account holds or trades a contract that cannot be defined: {error.message}",
                field="contract",
                value=str(contract),
                remedy=f"{error.remedy}; or add its type to filter_sec_types to leave it out",
            ) from error
        if self._store.instrument(instrument.id) is None:
            self._store.add_instrument(instrument)
        if contract.secType == COMBINATION:
            self._by_legs[_legs(contract)] = instrument.id
        return self._resolved(instrument)


def _legs(contract: IBContract) -> Legs:
    """Return what makes a combination itself: its legs, in any order."""
    legs = contract.comboLegs
    return tuple(
        sorted((leg.conId, leg.ratio if leg.action == "BUY" else -leg.ratio) for leg in legs)
    )


def _findable(contract: IBContract) -> IBContract:
    """Return how IB finds a contract that it named itself: by its number, wherever it trades."""
    if contract.secType == COMBINATION or not contract.conId:
        return contract
    return IBContract(conId=contract.conId)


def is_leg(contract: IBContract, traded: Traded) -> bool:
    """Return whether an execution is of a leg, when a combination was ordered."""
    return traded.sec_type == COMBINATION and contract.secType != COMBINATION
