"""The provider and the real client against the simulated gateway, over a socket."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import tracemalloc
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import pytest_asyncio

from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.contracts import ContractQuery
from posei_ib_sim.gateway import SimulatedIBGateway
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig as Config,
)
from posei_trader.adapters.interactive_brokers.config import SymbologyMethod
from posei_trader.adapters.interactive_brokers.instruments.resolver import Resolver, distinct
from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
    make_symbology,
)
from posei_trader.errors import FixRequest, InstrumentNotFound
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import FutureOption, FuturesContract, OptionContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from posei_ib_sim.contracts.model import SimContract
    from posei_trader.adapters.interactive_brokers.common import IBContractDetails
    from posei_trader.model.instruments import Instrument

pytestmark = pytest.mark.asyncio(loop_scope="module")

START = dt.datetime(2024, 3, 1, 15, 0, tzinfo=dt.UTC)
SEC_TYPES = {
    "STK", "IND", "CASH", "CRYPTO", "CFD", "CMDTY", "FUND", "BOND", "WAR", "FUT", "OPT", "FOP",
}  # fmt: skip
SPEC_IDS = [
    "EUR/USD.IDEALPRO",
    "GBP/USD.IDEALPRO",
    "BTC/USD.PAXOS",
    "SPY.ARCA",
    "QQQ.NASDAQ",
    "AAPL.NASDAQ",
    "MSFT.NASDAQ",
    "V.NYSE",
    "BF-B.NYSE",
    "ESM4.CME",
    "ESM24.CME",
    "ES.CME",
    "CL.NYMEX",
    "^SPX.CBOE",
    "^NDX.NASDAQ",
    "912828XE8.SMART",
    "ETH/USD.PAXOS",
]
SPEC_CONTRACTS = [
    IBContract(secType="STK", exchange="SMART", primaryExchange="ARCA", symbol="SPY"),
    IBContract(secType="BOND", secIdType="ISIN", secId="US03076KAA60"),
    IBContract(secType="BOND", secIdType="CUSIP", secId="912828XE8"),
    IBContract(secType="CFD", symbol="IBUS30"),
    IBContract(secType="FUT", exchange="CME", symbol="ES", lastTradeDateOrContractMonth="20240315"),
    IBContract(secType="CASH", exchange="IDEALPRO", symbol="GBP", currency="JPY"),
    IBContract(secType="CRYPTO", symbol="ETH", exchange="PAXOS", currency="USD"),
    IBContract(secType="IND", symbol="NDX", exchange="NASDAQ"),
    IBContract(secType="CMDTY", symbol="XAUUSD", exchange="SMART"),
]


class SimulatedTime:
    """The gateway's clock, as the node would have it."""

    def __init__(self, gateway: SimulatedIBGateway) -> None:
        self._gateway = gateway

    def timestamp_ns(self) -> int:
        return self._gateway.clock.now_ns

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Any:
        raise AssertionError("the provider sets no timers")


class Setup(NamedTuple):
    gateway: SimulatedIBGateway
    client: InteractiveBrokersClient

    def provider(self, **settings: Any) -> InteractiveBrokersInstrumentProvider:
        settings.setdefault("max_expiry_days", 4000)
        return InteractiveBrokersInstrumentProvider(
            self.client, Config(**settings), clock=SimulatedTime(self.gateway)
        )

    def truth(self, sec_type: str, symbol: str) -> list[SimContract]:
        """What the venue really has, from its own records."""
        return [
            contract
            for contract in self.gateway.simulation.contracts.contracts
            if contract.sec_type == sec_type and contract.symbol == symbol
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def venue() -> AsyncIterator[Setup]:
    # As many strikes as make the whole chain of SPX more than 5,000 options.
    spxw = {
        "underlying": "SPX", "trading_class": "SPXW", "sec_type": "IND", "cycle": "daily",
        "exchanges": ["CBOE", "SMART"], "multiplier": "100", "market_rule": 109,
        "strikes": 64, "strike_step": 50.0,
    }  # fmt: skip
    config = SimulatedIBGatewayConfig(
        start=START, speed="step", pacing=False, synthetic=False, contracts={"option": [spxw]}
    )
    async with SimulatedIBGateway(config) as gateway:
        client = InteractiveBrokersClient(
            host=gateway.host,
            port=gateway.port,
            client_id=7,
            limits=PacingLimits(messages_per_second=100_000),
        )
        await client.connect()
        yield Setup(gateway, client)
        await client.disconnect()


def con_ids(instruments: Iterable[Instrument]) -> set[int]:
    return {instrument.info["contract"]["conId"] for instrument in instruments}  # type: ignore[index]


async def test_the_guides_instruments_load(venue: Setup) -> None:
    provider = venue.provider(
        load_ids=frozenset(SPEC_IDS), load_contracts=frozenset(SPEC_CONTRACTS)
    )
    await provider.initialize()
    for name in SPEC_IDS:
        assert provider.find(InstrumentId(name)) is not None, name
    names = {str(instrument.id) for instrument in provider.list_all()}
    # ESM24 and ESM4 are one contract; four of the contracts are loaded by id already.
    assert len(names) == len(SPEC_IDS) - 1 + len(SPEC_CONTRACTS) - 4
    assert {"ESH4.CME", "GBP/JPY.IDEALPRO", "US03076KAA60.SMART", "IBUS30.IBCFD"} <= names


async def test_what_does_not_exist_is_named_with_candidates(venue: Setup) -> None:
    provider = venue.provider()
    with pytest.raises(InstrumentNotFound) as caught:
        await provider.load_ids(map(InstrumentId, ["ESX4.CME", "SPY.ARCA", "NOPE.NASDAQ"]))
    assert "2 of 3" in str(caught.value)
    assert "ESZ4.CME" in str(caught.value)
    assert provider.find(InstrumentId("SPY.ARCA")) is not None


class _Asking:
    """The client, asked each question once: the same question has the same answer next time."""

    def __init__(self, client: InteractiveBrokersClient) -> None:
        self._client = client
        self.answers: dict[IBContract, asyncio.Task[list[IBContractDetails]]] = {}

    async def get_contract_details(self, contract: IBContract) -> list[IBContractDetails]:
        if contract not in self.answers:
            question = self._client.get_contract_details(contract)
            self.answers[contract] = asyncio.ensure_future(question)
        return await self.answers[contract]


async def test_every_name_leads_back_to_its_contract(
    venue: Setup, everything: list[IBContractDetails]
) -> None:
    by_type: dict[str, list[IBContractDetails]] = {}
    for row in everything:
        by_type.setdefault(row.contract.secType, []).append(row)
    few = [row for same in by_type.values() for row in same[:: max(1, len(same) // 60)]]
    assert set(by_type) == SEC_TYPES
    assert await _misled(venue, few) == {}


@pytest.mark.slow
async def test_every_name_of_the_whole_database_leads_back_to_its_contract(
    venue: Setup, everything: list[IBContractDetails]
) -> None:
    assert len(everything) > 40_000
    assert await _misled(venue, everything) == {}


async def _misled(venue: Setup, rows: list[IBContractDetails]) -> dict[str, str]:
    """Return what names of some contracts led to instead of them, by any method and venue style."""
    source: Any = _Asking(venue.client)
    problems: dict[str, str] = {}
    for method in SymbologyMethod:
        for with_mic in (False, True):
            config = Config(symbology_method=method, convert_exchange_to_mic_venue=with_mic)
            symbology = make_symbology(config, SimulatedTime(venue.gateway))
            resolver = Resolver(source, symbology, START.date)
            problems |= await _misled_by(resolver, rows)
    return problems


async def _misled_by(resolver: Resolver, rows: list[IBContractDetails]) -> dict[str, str]:
    slots = asyncio.Semaphore(32)

    async def answer(row: IBContractDetails) -> tuple[str, str]:
        name = resolver.name(row)
        async with slots:
            try:
                found = await resolver.resolve_id(name)
            except FixRequest as error:
                return str(name), str(error)
        return str(name), "" if found.conId == row.conId else str(found.contract)

    answers = await asyncio.gather(*map(answer, rows))
    return {name: problem for name, problem in answers if problem}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def everything(venue: Setup) -> list[IBContractDetails]:
    """Every contract that the simulated venue knows, with the options of all expiries."""
    client = venue.client
    database = venue.gateway.simulation.contracts
    # Futures are made when somebody asks, and a made conId means any of them.
    database.find(ContractQuery(con_id=800_000_001))
    for underlying in [*database.contracts]:
        if venue.gateway.simulation.option_chains(underlying.con_id, ""):
            kind = "FOP" if underlying.sec_type == "FUT" else "OPT"
            assert database.find(ContractQuery(symbol=underlying.symbol, sec_type=kind))
    families = {
        (contract.symbol, contract.sec_type, contract.exchange, contract.currency)
        for contract in database.contracts
    }
    rows: dict[int, IBContractDetails] = {}
    for symbol, sec_type, exchange, currency in sorted(families):
        question = IBContract(
            symbol=symbol,
            secType=sec_type,
            exchange=exchange,
            currency=currency,
            includeExpired=sec_type == "FUT",
        )
        for row in distinct(await client.get_contract_details(question), exchange):
            rows[row.conId] = row
    # IB forgets expired options; expired futures it finds when asked to.
    known = {
        contract.con_id
        for contract in database.contracts
        if contract.sec_type == "FUT" or not database.is_expired(contract)
    }
    assert rows.keys() == known
    return list(rows.values())


async def test_a_futures_chain_is_what_the_venue_has_in_the_window(venue: Setup) -> None:
    provider = venue.provider()
    chain = IBContract(
        secType="CONTFUT",
        exchange="NYMEX",
        symbol="CL",
        build_futures_chain=True,
        min_expiry_days=30,
        max_expiry_days=180,
    )
    loaded = await provider.load_contracts([chain])
    first, last = "20240331", "20240828"  # 30 and 180 days after 1 March 2024
    expected = {
        contract.con_id
        for contract in venue.truth("FUT", "CL")
        if first <= contract.last_trade_date <= last
    }
    futures = [item for item in loaded if isinstance(item, FuturesContract)]
    assert len(expected) == 5
    assert con_ids(futures) == expected


async def test_an_options_chain_is_what_the_venue_has_in_the_window(venue: Setup) -> None:
    provider = venue.provider()
    chain = IBContract(
        secType="IND",
        symbol="SPX",
        exchange="CBOE",
        build_options_chain=True,
        min_expiry_days=0,
        max_expiry_days=14,
    )
    loaded = await provider.load_contracts([chain])
    options = [item for item in loaded if isinstance(item, OptionContract)]
    expected = {
        contract.con_id
        for contract in venue.truth("OPT", "SPX")
        if "20240301" <= contract.last_trade_date <= "20240315"
    }
    assert expected
    assert con_ids(options) == expected
    # Today's are in, and on the third Friday both classes are.
    expiries = {
        (item.trading_class, item.info["contract"]["lastTradeDateOrContractMonth"])
        for item in options
    }  # type: ignore[index]
    assert {("SPXW", "20240301"), ("SPXW", "20240315"), ("SPX", "20240315")} <= expiries
    assert all(option.expiration_ns > 0 for option in options)


async def test_one_expiry_with_strikes_and_right(venue: Setup) -> None:
    provider = venue.provider()
    chain = IBContract(
        secType="STK",
        symbol="AAPL",
        exchange="SMART",
        primaryExchange="NASDAQ",
        build_options_chain=True,
        lastTradeDateOrContractMonth="20240315",
        right="C",
        min_strike=180.0,
        max_strike=200.0,
    )
    loaded = await provider.load_contracts([chain])
    expected = {
        contract.con_id
        for contract in venue.truth("OPT", "AAPL")
        if contract.last_trade_date == "20240315"
        and contract.right == "C"
        and 180 <= contract.strike <= 200
    }
    assert expected
    assert con_ids(loaded[1:]) == expected


async def test_options_on_futures(venue: Setup) -> None:
    provider = venue.provider()
    chain = IBContract(
        secType="CONTFUT",
        exchange="CME",
        symbol="ES",
        build_options_chain=True,
        min_expiry_days=7,
        max_expiry_days=60,
    )
    loaded = await provider.load_contracts([chain])
    options = [item for item in loaded if isinstance(item, FutureOption)]
    expected = {
        contract.con_id
        for contract in venue.truth("FOP", "ES")
        if "20240308" <= contract.last_trade_date <= "20240430"
    }
    assert expected
    assert con_ids(options) == expected


@pytest.mark.slow
async def test_five_thousand_options_are_loaded_once_and_kept_small(
    venue: Setup, tmp_path: Any
) -> None:
    chain = IBContract(
        secType="IND", symbol="SPX", exchange="CBOE", build_options_chain=True, max_expiry_days=400
    )
    settings = {"cache_validity_days": 1, "cache_path": tmp_path, "max_expiry_days": 400}
    first = venue.provider(**settings)
    loaded = await first.load_contracts([chain])
    count = len(loaded)
    assert count >= 5000
    del loaded, first
    second = InteractiveBrokersInstrumentProvider(
        _Silent(), Config(**settings), clock=SimulatedTime(venue.gateway)
    )
    gc.collect()
    tracemalloc.start()
    try:
        async for _ in second.stream(chain):
            pass
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(second.list_all()) == count
    assert used / count < 3000


class _Silent:
    """A venue that must not be asked."""

    async def get_contract_details(self, contract: IBContract) -> Any:
        raise AssertionError(f"asked for {contract}")

    async def get_option_chains(self, underlying: IBContract, *, exchange: str = "") -> Any:
        raise AssertionError(f"asked for chains of {underlying}")

    async def get_matching_contracts(self, pattern: str) -> Any:
        raise AssertionError(f"asked for {pattern}")

    async def get_market_rule(self, rule_id: int) -> Any:
        raise AssertionError(f"asked for rule {rule_id}")
