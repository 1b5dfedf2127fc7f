"""The instrument provider: what can be traded at IB, loaded by id, by contract and by chain."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.config import SymbologyMethod
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments.catalogue import Catalogue
from posei_trader.adapters.interactive_brokers.instruments.chain_loading import ChainLoader
from posei_trader.adapters.interactive_brokers.instruments.chain_requests import ChainPolicy
from posei_trader.adapters.interactive_brokers.instruments.chains import ChainWalker
from posei_trader.adapters.interactive_brokers.instruments.contract_cache import (
    CachedContractSource,
    cache_of,
)
from posei_trader.adapters.interactive_brokers.instruments.raw_details import (
    contract_of,
    details_of,
)
from posei_trader.adapters.interactive_brokers.instruments.refusals import together
from posei_trader.adapters.interactive_brokers.instruments.registration import Registration
from posei_trader.adapters.interactive_brokers.instruments.resolver import Resolver
from posei_trader.adapters.interactive_brokers.instruments.sessions import today_in
from posei_trader.adapters.interactive_brokers.instruments.source import (
    ContractSource,
    SharedQuestions,
)
from posei_trader.adapters.interactive_brokers.instruments.suggestions import with_candidates
from posei_trader.adapters.interactive_brokers.symbology import (
    RawSymbology,
    SimplifiedSymbology,
    spread_legs,
)
from posei_trader.adapters.interactive_brokers.symbology.spreads import is_spread_symbol
from posei_trader.errors import (
    FixRequest,
    InstrumentNotFound,
    InvalidRequest,
    Unsupported,
)
from posei_trader.logs import get_logger
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails
    from posei_trader.model.instruments import Instrument
    from posei_trader.protocols import Clock, InstrumentStore

__all__ = ["ContractSource", "InteractiveBrokersInstrumentProvider", "make_symbology"]

_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")
_CONCURRENCY: Final = 16
# Each explanation may cost a symbol search, of which IB answers one a second.
_MOST_EXPLAINED: Final = 10


def make_symbology(
    config: InteractiveBrokersInstrumentProviderConfig, clock: Clock | None = None
) -> SimplifiedSymbology | RawSymbology:
    """Return the symbology that a configuration asks for.

    Args:
        config: The method, and how venues are named.
        clock: Tells the date to which one-digit years are relative; the system's when absent.
    """
    kind = (
        RawSymbology if config.symbology_method is SymbologyMethod.IB_RAW else SimplifiedSymbology
    )
    now_ns = time.time_ns if clock is None else clock.timestamp_ns
    return kind(
        convert_exchange_to_mic_venue=config.convert_exchange_to_mic_venue,
        symbol_to_mic_venue=config.symbol_to_mic_venue,
        as_of=lambda: dt.datetime.fromtimestamp(now_ns() // 1_000_000_000, tz=dt.UTC).date(),
    )


@final
class InteractiveBrokersInstrumentProvider:
    """Loads IB's contracts as instruments.

    An instrument keeps the id it was asked for by (``ESM24.CME`` stays that), unless the venue has
    to be spelt otherwise (``AAPL.NASDAQ`` is ``AAPL.XNAS`` with MIC conversion); the contract's
    other names find it too. Concurrent questions are shared, and bounded in number.

    Args:
        source: Answers about contracts: the client.
        config: What to load and how to name it.
        clock: Time; the system's when absent.
        store: Where loaded instruments are put as well: the node's cache.
        gateway: Name of who is asked, such as ``127.0.0.1:7497``: answers on disk are kept apart
            by it.
        concurrency: Most questions at once.

    Raises:
        ConfigError: a filter of the configuration is unknown.
    """

    def __init__(
        self,
        source: ContractSource,
        config: InteractiveBrokersInstrumentProviderConfig,
        *,
        clock: Clock | None = None,
        store: InstrumentStore | None = None,
        gateway: str = "",
        concurrency: int = _CONCURRENCY,
    ) -> None:
        self._config = config
        self._now_ns = time.time_ns if clock is None else clock.timestamp_ns
        self._symbology = make_symbology(config, clock)
        self._cache = cache_of(config, gateway, self._now_ns)
        self._source = CachedContractSource(source, self._cache)
        self._resolver = Resolver(self._source, self._symbology, self._utc_today)
        self._policy = ChainPolicy(config)
        self._catalogue = Catalogue()
        self._registration = Registration(
            self._source,
            self._symbology,
            self._catalogue,
            store,
            config.filter_sec_types,
            self._now_ns,
        )
        walker = ChainWalker(self._source, concurrency)
        self._chains = ChainLoader(
            self._source, self._resolver, walker, self._registration, self._now_ns
        )
        self._slots = asyncio.Semaphore(concurrency)
        self._loading: SharedQuestions[Instrument] = SharedQuestions()
        self._initializing: SharedQuestions[None] = SharedQuestions()
        self._initialized = False

    @property
    def symbology(self) -> SimplifiedSymbology | RawSymbology:
        """Return how contracts are named."""
        return self._symbology

    @property
    def config(self) -> InteractiveBrokersInstrumentProviderConfig:
        """Return what was configured."""
        return self._config

    # -- what is loaded --

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return a loaded instrument by its id or another name of its contract, or None."""
        return self._catalogue.find(instrument_id)

    def find_con_id(self, con_id: int) -> Instrument | None:
        """Return the loaded instrument of IB's number, or None."""
        return self._catalogue.find_con_id(con_id)

    def list_all(self) -> list[Instrument]:
        """Return the loaded instruments, in the order of loading."""
        return self._catalogue.list_all()

    def derivatives_of(self, underlying: str) -> list[Instrument]:
        """Return the loaded derivatives on an underlying's symbol, such as ``^SPX``."""
        return self._catalogue.derivatives_of(underlying)

    def contract(self, instrument_id: InstrumentId) -> IBContract:
        """Return IB's contract of a loaded instrument.

        Raises:
            InstrumentNotFound: it is not loaded.
        """
        return contract_of(self._loaded(instrument_id))

    def details(self, instrument_id: InstrumentId) -> IBContractDetails:
        """Return IB's details of a loaded instrument.

        Raises:
            InstrumentNotFound: it is not loaded.
        """
        return details_of(self._loaded(instrument_id))

    def _loaded(self, instrument_id: InstrumentId) -> Instrument:
        instrument = self._catalogue.find(instrument_id)
        if instrument is None:
            raise InstrumentNotFound(
                "the instrument is not loaded",
                field="InstrumentId",
                value=str(instrument_id),
                remedy="await provider.load(instrument_id) first, or add it to load_ids",
            )
        return instrument

    # -- loading what is configured --

    async def initialize(self) -> None:
        """Load what the configuration asks for. Idempotent; concurrent calls share one run.

        What cannot be found is logged once, with candidates, and does not stop the rest.

        Raises:
            Unsupported: the configuration asks for everything.
            RetryLater: IB could not be asked; the next call goes on with what is missing.
        """
        if not self._initialized:
            await self._initializing.ask("initialize", self._load_configured)

    async def _load_configured(self) -> None:
        if self._config.load_all:
            await self.load_all()
        if self._cache is not None:
            self._cache.sweep()
        try:
            await self.load_ids(map(InstrumentId, self._config.load_ids))
        except FixRequest as error:
            _LOG.error("some instruments cannot be loaded", problem=str(error))
        for contract in sorted(self._config.load_contracts, key=str):
            try:
                async for _ in self.stream(contract):
                    pass
            except FixRequest as error:
                _LOG.error(
                    "a contract cannot be loaded", contract=str(contract), problem=str(error)
                )
        self._initialized = True
        _LOG.info("instruments loaded", count=len(self._catalogue))

    async def load_all(self) -> list[Instrument]:
        """Refuse: IB has no end of instruments, and no list of them.

        Raises:
            Unsupported: always.
        """
        raise Unsupported(
            "IB cannot list everything it has",
            field="load_all",
            value=True,
            remedy="name instruments in load_ids, and contracts or chains in load_contracts",
        )

    # -- loading by id --

    async def load_ids(self, instrument_ids: Iterable[InstrumentId]) -> list[Instrument]:
        """Load several; concurrent, each at most once.

        Raises:
            InstrumentNotFound: some do not exist; names them all, with candidates. The others are
                loaded.
            RetryLater: IB could not be asked.
        """
        wanted = sorted(dict.fromkeys(map(InstrumentId, instrument_ids)))
        results = await asyncio.gather(
            *(self._load_within_limits(name) for name in wanted), return_exceptions=True
        )
        loaded: list[Instrument] = []
        refused: list[FixRequest] = []
        for name, result in zip(wanted, results, strict=True):
            if isinstance(result, InstrumentNotFound) and len(refused) < _MOST_EXPLAINED:
                # Only now is everything loaded that may have been meant.
                refused.append(await self._explained(name, result))
            elif isinstance(result, FixRequest):
                refused.append(result)
            elif isinstance(result, BaseException):
                raise result
            else:
                loaded.append(result)
        if refused:
            raise together(refused, len(wanted))
        return loaded

    async def _load_within_limits(self, instrument_id: InstrumentId) -> Instrument:
        async with self._slots:
            return await self._load_plainly(instrument_id)

    async def load(self, instrument_id: InstrumentId) -> Instrument:
        """Load one, or return it when it is loaded.

        Raises:
            InstrumentNotFound: it does not exist; names candidates.
            InstrumentAmbiguous: several fit; names them.
            InvalidRequest: no rule reads the id.
            RetryLater: IB could not be asked.
        """
        name = InstrumentId(instrument_id)
        try:
            return await self._load_plainly(name)
        except InstrumentNotFound as error:
            raise await self._explained(name, error) from error

    async def _load_plainly(self, name: InstrumentId) -> Instrument:
        found = self._catalogue.find(name)
        if found is not None:
            return found
        return await self._loading.ask(name, lambda: self._load_id(name))

    async def _load_id(self, instrument_id: InstrumentId) -> Instrument:
        if is_spread_symbol(instrument_id.symbol):
            legs = [(await self.load(leg), ratio) for leg, ratio in spread_legs(instrument_id)]
            return self._registration.add_spread(legs, instrument_id)
        details = await self._resolver.resolve_id(instrument_id)
        return await self._registration.add(details, asked=instrument_id)

    async def _explained(self, name: InstrumentId, error: InstrumentNotFound) -> InstrumentNotFound:
        return await with_candidates(
            error,
            name,
            source=self._source,
            symbology=self._symbology,
            today=self._utc_today(),
            loaded=(instrument.id for instrument in self._catalogue.list_all()),
        )

    # -- loading by contract --

    async def load_con_id(self, con_id: int) -> Instrument:
        """Load the instrument of IB's number, or return it when it is loaded. Raises as `load`."""
        found = self._catalogue.find_con_id(con_id)
        if found is not None:
            return found
        contract = IBContract(conId=con_id)
        return await self._loading.ask(("conId", con_id), lambda: self._load_described(contract))

    async def load_contract(self, contract: IBContract) -> Instrument:
        """Load the one instrument that a contract describes, without its chains.

        A combination's legs are loaded with it. Raises as `load`.
        """
        bare = contract.bare()
        if bare.conId and bare.secType != "CONTFUT":
            found = self._catalogue.find_con_id(bare.conId)
            if found is not None:
                return found
        return await self._loading.ask(bare, lambda: self._load_described(bare))

    async def _load_described(self, contract: IBContract) -> Instrument:
        if contract.secType == "BAG":
            return await self._load_combination(contract)
        details = await self._resolver.resolve(contract)
        # A bond has several numbers: it is called by the one it was asked for by.
        asked = self._symbology.to_instrument_id(contract) if contract.secId else None
        return await self._registration.add(details, asked)

    async def _load_combination(self, contract: IBContract) -> Instrument:
        if not contract.comboLegs:
            raise InvalidRequest(
                "a combination needs its legs",
                field="IBContract.comboLegs",
                value=str(contract),
                remedy="give each leg's conId, ratio and action",
            )
        legs = []
        for leg in contract.comboLegs:
            sign = 1 if leg.action == "BUY" else -1
            legs.append((await self.load_con_id(leg.conId), sign * leg.ratio))
        return self._registration.add_spread(legs)

    async def load_contracts(self, contracts: Iterable[IBContract]) -> list[Instrument]:
        """Load contracts and the chains that they ask for.

        Raises:
            FixRequest: a contract cannot be found or used; those before it are loaded.
            RetryLater: IB could not be asked.
        """
        return [item for contract in contracts async for item in self.stream(contract)]

    async def stream(self, contract: IBContract) -> AsyncIterator[Instrument]:
        """Yield a contract's instrument and those of its chains, each as soon as it is known.

        The underlying comes first, then futures, then options as IB answers. Types that the
        configuration filters out, or that have no instrument, are counted and logged.

        Raises:
            FixRequest: the contract, or its chain, cannot be found or used.
            RetryLater: IB could not be asked; what was yielded stays loaded.
        """
        if contract.secType in self._config.filter_sec_types:
            _LOG.info("contract filtered out", contract=str(contract))
            return
        plan = self._policy.plan(contract, self._utc_today())
        if not plan.futures and not plan.options:
            yield await self.load_contract(contract)
            return
        async for instrument in self._chains.stream(contract, plan):
            yield instrument

    def _utc_today(self) -> dt.date:
        return today_in("UTC", self._now_ns())
