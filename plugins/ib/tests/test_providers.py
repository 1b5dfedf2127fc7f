"""The instrument provider, on recorded answers of IB."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from posei_trader.adapters.interactive_brokers.common import (
    ComboLeg,
    ContractDescription,
    IBContract,
    IBContractDetails,
    OptionChain,
    PriceIncrement,
)
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig as Config,
)
from posei_trader.adapters.interactive_brokers.config import SymbologyMethod
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.errors import (
    ConfigError,
    InstrumentAmbiguous,
    InstrumentNotFound,
    InvalidRequest,
    RequestRejected,
    RequestTimeout,
    Unsupported,
)
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import (
    ContinuousFuture,
    FutureOption,
    FuturesContract,
    FuturesSpread,
    Instrument,
    OptionContract,
    OptionSpread,
)
from posei_trader.protocols import InstrumentProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

# Tuesday evening in New York, Wednesday in Greenwich.
NOW = dt.datetime(2024, 6, 19, 1, 30, tzinfo=dt.UTC)


class FixedClock:
    """A clock that stands still."""

    def timestamp_ns(self) -> int:
        return int(NOW.timestamp()) * 1_000_000_000

    def call_at(self, when_ns: int, callback: Callable[[], None]) -> Any:
        raise AssertionError("the provider sets no timers")


class Store:
    """Where a node would keep instruments."""

    def __init__(self) -> None:
        self.kept: dict[InstrumentId, Instrument] = {}

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        return self.kept.get(instrument_id)

    def instruments(self, venue: object = None) -> list[Instrument]:
        return list(self.kept.values())

    def add_instrument(self, instrument: Instrument) -> None:
        self.kept[instrument.id] = instrument


class Recorded:
    """Answers from recorded details, matching the fields that a question names, as IB does."""

    def __init__(self, details: Iterable[IBContractDetails], chains: Iterable[OptionChain] = ()):
        self.details = list(details)
        self.chains = list(chains)
        self.asked: list[IBContract] = []
        self.searched: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.rules: list[PriceIncrement] = [PriceIncrement(0.0, 0.01)]
        self.rule_failure: Exception | None = None
        self.running = self.most_at_once = 0

    async def get_contract_details(self, contract: IBContract) -> list[IBContractDetails]:
        self.asked.append(contract)
        self.running += 1
        self.most_at_once = max(self.most_at_once, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        key = contract.exchange + contract.lastTradeDateOrContractMonth
        if key in self.failures:
            raise self.failures[key]
        rows = [row for row in self.details if _matches(contract, row)]
        if not rows:
            raise InstrumentNotFound("No security definition has been found", code=200)
        return rows

    async def get_option_chains(
        self, underlying: IBContract, *, exchange: str = ""
    ) -> list[OptionChain]:
        return [row for row in self.chains if row.underlyingConId == underlying.conId]

    async def get_matching_contracts(self, pattern: str) -> list[ContractDescription]:
        self.searched.append(pattern)
        return [
            ContractDescription(contract=row.contract)
            for row in self.details
            if row.contract.secType == "STK" and row.contract.symbol.startswith(pattern[:2])
        ]

    async def get_market_rule(self, rule_id: int) -> list[PriceIncrement]:
        if self.rule_failure is not None:
            raise self.rule_failure
        return self.rules


def _matches(asked: IBContract, row: IBContractDetails) -> bool:
    got = row.contract
    if asked.conId:
        return got.conId == asked.conId
    wanted = "FUT" if asked.secType == "CONTFUT" else asked.secType
    if wanted not in {"", "FUT" if got.secType == "CONTFUT" else got.secType}:
        return False
    if asked.secType in {"FUT", "CONTFUT"} and asked.secType != got.secType:
        return False
    names = ("symbol", "localSymbol", "tradingClass", "currency", "right", "primaryExchange")
    expiry = got.lastTradeDateOrContractMonth
    expired = got.secType == "FUT" and bool(expiry) and expiry < "20240618"
    return (
        all(getattr(asked, name) in {"", getattr(got, name)} for name in names)
        and asked.exchange in {"", got.exchange, "SMART"}
        and expiry.startswith(asked.lastTradeDateOrContractMonth)
        and asked.strike in {None, got.strike}
        and (asked.includeExpired or not expired)
    )


def stock(con_id: int, symbol: str, primary: str, currency: str = "USD") -> IBContractDetails:
    return IBContractDetails(
        contract=IBContract(
            secType="STK",
            conId=con_id,
            symbol=symbol,
            localSymbol=symbol,
            exchange="SMART",
            primaryExchange=primary,
            currency=currency,
        ),
        minTick=0.01,
        validExchanges="SMART,NYSE",
        marketRuleIds="26,26",
        timeZoneId="US/Eastern",
    )


def future(
    con_id: int, local: str, expiry: str, month: str, kind: str = "FUT"
) -> IBContractDetails:
    return IBContractDetails(
        contract=IBContract(
            secType=kind,
            conId=con_id,
            symbol="ES",
            localSymbol=local,
            tradingClass="ES",
            exchange="CME",
            currency="USD",
            multiplier="50",
            lastTradeDateOrContractMonth=expiry,
        ),
        minTick=0.25,
        contractMonth=month,
        timeZoneId="US/Central",
    )


def option(
    con_id: int,
    trading_class: str,
    expiry: str,
    strike: float,
    right: str,
    kind: str = "OPT",
    under: int = 416904,
) -> IBContractDetails:
    on_future = kind == "FOP"
    local = (
        f"{trading_class}M4 {right}{strike:g}"
        if on_future
        else f"{trading_class:<6}{expiry[2:]}{right}{round(strike * 1000):08}"
    )
    return IBContractDetails(
        contract=IBContract(
            secType=kind,
            conId=con_id,
            symbol="ES" if on_future else "SPX",
            localSymbol=local,
            tradingClass=trading_class,
            exchange="CME" if on_future else "CBOE",
            currency="USD",
            multiplier="50" if on_future else "100",
            lastTradeDateOrContractMonth=expiry,
            strike=strike,
            right=right,
        ),
        minTick=0.05,
        underConId=under,
        underSymbol="ESU4" if on_future else "SPX",
        underSecType="FUT" if on_future else "IND",
        timeZoneId="US/Eastern",
    )


SPX = IBContractDetails(
    contract=IBContract(
        secType="IND",
        conId=416904,
        symbol="SPX",
        localSymbol="SPX",
        exchange="CBOE",
        currency="USD",
    ),
    minTick=0.01,
    timeZoneId="US/Eastern",
)
STOCKS = [
    stock(265598, "AAPL", "NASDAQ"),
    stock(756733, "SPY", "ARCA"),
    stock(1, "VOD", "NASDAQ"),
    stock(2, "VOD", "LSE", "GBP"),
]
FUTURES = [
    future(10, "ESH4", "20240315", "202403"),
    future(11, "ESM4", "20240621", "202406"),
    future(12, "ESU4", "20240920", "202409"),
    future(13, "ESZ4", "20241220", "202412"),
    future(11, "ESM4", "20240621", "202406", "CONTFUT"),
]
EXPIRIES = ("20240618", "20240620", "20240621", "20240719")
STRIKES = (5400.0, 5500.0, 5600.0)
OPTIONS = [
    option(1000 + 100 * e + 10 * s + r, name, expiry, strike, right)
    for e, (name, expiry) in enumerate(
        [*(("SPXW", expiry) for expiry in EXPIRIES), ("SPX", "20240621"), ("SPX", "20240719")]
    )
    for s, strike in enumerate(STRIKES)
    for r, right in enumerate("CP")
]
CHAINS = [
    OptionChain(
        exchange=exchange,
        underlyingConId=416904,
        tradingClass=name,
        multiplier="100",
        expirations=expiries,
        strikes=STRIKES,
    )
    for exchange in ("CBOE", "SMART")
    for name, expiries in (("SPXW", EXPIRIES), ("SPX", ("20240621", "20240719")))
]
INDEX = IBContract(secType="IND", symbol="SPX", exchange="CBOE")
FAMILY = IBContract(secType="CONTFUT", symbol="ES", exchange="CME")


def provider(
    *details: IBContractDetails, store: Store | None = None, **settings: Any
) -> tuple[InteractiveBrokersInstrumentProvider, Recorded]:
    source = Recorded([*details], CHAINS)
    settings.setdefault("max_expiry_days", 4000)
    made = InteractiveBrokersInstrumentProvider(
        source, Config(**settings), clock=FixedClock(), store=store
    )
    return made, source


def ids(instruments: Iterable[Instrument]) -> list[str]:
    return sorted(str(instrument.id) for instrument in instruments)


def expiries_of(instruments: Iterable[Instrument]) -> set[str]:
    return {
        str(item.info["contract"]["lastTradeDateOrContractMonth"])  # type: ignore[index]
        for item in instruments
        if isinstance(item, OptionContract | FuturesContract)
    }


# -- by id --


async def test_it_is_an_instrument_provider() -> None:
    made, _ = provider()
    assert isinstance(made, InstrumentProvider)


async def test_a_stock_is_loaded_indexed_and_put_into_the_cache() -> None:
    store = Store()
    made, source = provider(*STOCKS, store=store)
    name = InstrumentId("AAPL.NASDAQ")
    assert made.find(name) is None
    loaded = await made.load(name)
    assert loaded.id == name
    assert made.find(name) is made.find_con_id(265598) is loaded
    assert store.kept == {name: loaded}
    assert made.list_all() == [loaded]
    assert made.contract(name).conId == 265598
    assert made.details(name).minTick == 0.01
    await made.load(name)
    assert len(source.asked) == 1


async def test_an_instrument_keeps_the_spelling_it_was_asked_for_by() -> None:
    made, _ = provider(*FUTURES)
    loaded = await made.load(InstrumentId("ESU24.CME"))
    assert loaded.id == "ESU24.CME"
    assert made.find(InstrumentId("ESU4.CME")) is loaded
    assert await made.load(InstrumentId("ESU4.CME")) is loaded
    assert len(made.list_all()) == 1


async def test_a_venue_that_is_not_the_configured_one_is_put_right_and_still_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _ = provider(*STOCKS, convert_exchange_to_mic_venue=True)
    loaded = await made.load(InstrumentId("AAPL.NASDAQ"))
    assert loaded.id == "AAPL.XNAS"
    assert made.find(InstrumentId("AAPL.NASDAQ")) is loaded
    assert "usual venue" in caplog.text


async def test_smart_routing_in_an_id_is_kept() -> None:
    made, _ = provider(*STOCKS, symbology_method=SymbologyMethod.IB_RAW)
    assert (await made.load(InstrumentId("AAPL=STK.SMART"))).id == "AAPL=STK.SMART"


async def test_what_fits_several_contracts_names_them() -> None:
    made, _ = provider(*STOCKS)
    with pytest.raises(InstrumentAmbiguous) as caught:
        await made.load(InstrumentId("VOD.SMART"))
    assert "VOD.NASDAQ" in str(caught.value)
    assert "VOD.LSE" in str(caught.value)


async def test_an_answer_that_is_not_what_was_asked_for_is_not_taken() -> None:
    made, source = provider()
    # IB treats the primary exchange as a hint.
    source.details = [stock(265598, "AAPL", "NASDAQ")]
    source.get_contract_details = _always(source.details)  # type: ignore[method-assign]
    with pytest.raises(InstrumentNotFound):
        await made.load(InstrumentId("AAPL.NYSE"))
    assert made.list_all() == []


def _always(rows: list[IBContractDetails]) -> Any:
    async def answer(contract: IBContract) -> list[IBContractDetails]:
        return rows

    return answer


async def test_one_refused_exchange_of_a_mic_does_not_stop_the_others() -> None:
    made, source = provider(*FUTURES)
    source.failures["CBOT"] = RequestRejected("IB does not like it")
    source.failures["CME"] = RequestRejected("IB does not like it")
    source.details = [
        IBContractDetails(
            contract=IBContract(
                secType="FUT",
                conId=5,
                symbol="CL",
                localSymbol="CLZ4",
                exchange="NYMEX",
                currency="USD",
            ),
            minTick=0.01,
        )
    ]
    assert (await made.load(InstrumentId("CLZ4.GLBX"))).id == "CLZ4.NYMEX"


async def test_an_expired_future_is_found_after_the_living() -> None:
    made, _ = provider(*FUTURES)
    assert (await made.load(InstrumentId("ESH4.CME"))).id == "ESH4.CME"


async def test_of_two_decades_the_nearer_is_meant_and_both_can_be_loaded() -> None:
    far = future(99, "ESU4", "20340915", "203409")
    made, _ = provider(*FUTURES, far)
    assert made.find_con_id(12) is None
    near = await made.load(InstrumentId("ESU4.CME"))
    assert made.find_con_id(12) is near
    # Loaded by its number, the other one gets a name of its own.
    assert (await made.load_con_id(99)).id == "ESU34.CME"


async def test_unknown_ids_are_reported_together_and_do_not_stop_the_rest() -> None:
    made, _ = provider(*STOCKS)
    wanted = ["AAPL.NASDAQ", "APL.NASDAQ", "SPY.ARCA", "NOPE.NYSE", "EUR/USD.NYSE"]
    with pytest.raises(InstrumentNotFound) as caught:
        await made.load_ids(map(InstrumentId, wanted))
    text = str(caught.value)
    assert "3 of 5 instruments cannot be loaded" in text
    assert "did you mean AAPL.NASDAQ" in text
    assert "NOPE.NYSE" in text
    assert "rules tried" in text
    assert ids(made.list_all()) == ["AAPL.NASDAQ", "SPY.ARCA"]


async def test_a_future_that_does_not_exist_gets_the_family_as_candidates() -> None:
    made, _ = provider(*FUTURES)
    with pytest.raises(InstrumentNotFound, match="ESX4") as caught:
        await made.load(InstrumentId("ESX4.CME"))
    assert "ESU4.CME" in str(caught.value.remedy)


async def test_when_ib_does_not_answer_nothing_is_known() -> None:
    made, source = provider(*STOCKS)
    source.failures["SMART"] = RequestTimeout("no answer in 60 s")
    with pytest.raises(RequestTimeout):
        await made.load(InstrumentId("AAPL.NASDAQ"))
    with pytest.raises(RequestTimeout):
        await made.load_ids([InstrumentId("AAPL.NASDAQ"), InstrumentId("SPY.ARCA")])
    assert made.list_all() == []


async def test_the_same_id_at_the_same_time_is_asked_once() -> None:
    made, source = provider(*STOCKS)
    name = InstrumentId("AAPL.NASDAQ")
    loaded = await asyncio.gather(*(made.load(name) for _ in range(10)))
    assert len(source.asked) == 1
    assert all(item is loaded[0] for item in loaded)


async def test_no_more_questions_are_open_at_once_than_allowed() -> None:
    details = [stock(n, f"S{n}", "NYSE") for n in range(1, 60)]
    source = Recorded(details)
    made = InteractiveBrokersInstrumentProvider(source, Config(), clock=FixedClock(), concurrency=4)
    await made.load_ids([InstrumentId(f"S{n}.NYSE") for n in range(1, 60)])
    assert len(made.list_all()) == 59
    assert source.most_at_once <= 4


async def test_a_market_rule_that_ib_refuses_leaves_the_minimum_tick() -> None:
    made, source = provider(*STOCKS)
    source.rule_failure = RequestRejected("no such rule")
    loaded = await made.load(InstrumentId("AAPL.NASDAQ"))
    assert str(loaded.price_increment) == "0.01"


async def test_what_is_not_loaded_has_no_contract() -> None:
    made, _ = provider()
    with pytest.raises(InstrumentNotFound, match="not loaded"):
        made.contract(InstrumentId("AAPL.NASDAQ"))


# -- by contract --


async def test_by_contract_and_by_number() -> None:
    made, source = provider(*STOCKS)
    contract = IBContract(secType="STK", symbol="SPY", exchange="SMART", primaryExchange="ARCA")
    loaded = await made.load_contract(contract)
    assert loaded.id == "SPY.ARCA"
    assert await made.load_con_id(756733) is loaded
    assert await made.load_contract(IBContract(conId=756733)) is loaded
    assert len(source.asked) == 1
    assert (await made.load_con_id(265598)).id == "AAPL.NASDAQ"


async def test_a_description_of_several_contracts_is_refused() -> None:
    made, _ = provider(*FUTURES)
    with pytest.raises(InstrumentAmbiguous, match="3 contracts"):
        await made.load_contract(IBContract(secType="FUT", symbol="ES", exchange="CME"))


async def test_a_continuous_future_and_its_front_month_have_one_number_and_two_names() -> None:
    made, _ = provider(*FUTURES)
    family = await made.load(InstrumentId("ES.CME"))
    front = await made.load(InstrumentId("ESM4.CME"))
    assert isinstance(family, ContinuousFuture)
    assert isinstance(front, FuturesContract)
    assert made.find_con_id(11) is front


async def test_a_combination_is_loaded_with_its_legs() -> None:
    made, _ = provider(*FUTURES)
    legs = (
        ComboLeg(conId=12, ratio=1, action="SELL", exchange="CME"),
        ComboLeg(conId=11, ratio=1, action="BUY", exchange="CME"),
    )
    combo = IBContract(secType="BAG", symbol="ES", exchange="CME", currency="USD", comboLegs=legs)
    spread = await made.load_contract(combo)
    assert isinstance(spread, FuturesSpread)
    assert spread.id == "(1)ESM4___((1))ESU4.CME"
    assert ids(made.list_all()) == ["(1)ESM4___((1))ESU4.CME", "ESM4.CME", "ESU4.CME"]
    contract = made.contract(spread.id)
    assert [(leg.conId, leg.action) for leg in contract.comboLegs] == [(11, "BUY"), (12, "SELL")]


async def test_a_spread_is_loaded_by_its_id() -> None:
    made, _ = provider(SPX, *OPTIONS)
    name = "(1)SPXW240719C05500000___((1))SPXW240719C05600000.CBOE"
    spread = await made.load(InstrumentId(name))
    assert isinstance(spread, OptionSpread)
    assert spread.id == name
    assert [leg.ratio for leg in spread.legs] == [1, -1]
    assert str(spread.price_increment) == "0.05"


async def test_a_combination_without_legs_is_refused() -> None:
    made, _ = provider()
    with pytest.raises(InvalidRequest, match="legs"):
        await made.load_contract(IBContract(secType="BAG", symbol="ES"))


# -- configured --


async def test_everything_configured_is_loaded_once() -> None:
    made, source = provider(
        *STOCKS,
        *FUTURES,
        load_ids=frozenset(["AAPL.NASDAQ", "ESM4.CME"]),
        load_contracts=frozenset([IBContract(secType="STK", symbol="SPY", exchange="SMART")]),
    )
    await asyncio.gather(made.initialize(), made.initialize())
    asked = len(source.asked)
    await made.initialize()
    assert ids(made.list_all()) == ["AAPL.NASDAQ", "ESM4.CME", "SPY.ARCA"]
    assert len(source.asked) == asked == 3


async def test_what_cannot_be_found_is_logged_once_and_does_not_stop_the_rest(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _ = provider(
        *STOCKS,
        load_ids=frozenset(["AAPL.NASDAQ", "APL.NASDAQ", "NOPE.NYSE"]),
        load_contracts=frozenset(
            [
                IBContract(secType="STK", symbol="NONE", exchange="SMART"),
                IBContract(secType="STK", symbol="SPY", exchange="SMART"),
            ]
        ),
    )
    await made.initialize()
    assert ids(made.list_all()) == ["AAPL.NASDAQ", "SPY.ARCA"]
    assert caplog.text.count("some instruments cannot be loaded") == 1
    assert "did you mean AAPL.NASDAQ" in caplog.text


async def test_after_a_lost_answer_the_next_start_goes_on() -> None:
    made, source = provider(*STOCKS, load_ids=frozenset(["AAPL.NASDAQ"]))
    source.failures["SMART"] = RequestTimeout("no answer")
    with pytest.raises(RequestTimeout):
        await made.initialize()
    source.failures.clear()
    await made.initialize()
    assert ids(made.list_all()) == ["AAPL.NASDAQ"]


async def test_loading_everything_is_refused_with_the_way_to_go() -> None:
    made, source = provider(load_all=True)
    for ask in (made.load_all, made.initialize):
        with pytest.raises(Unsupported) as caught:
            await ask()
        assert "load_contracts" in str(caught.value.remedy)
    assert source.asked == []


async def test_filtered_types_are_left_out_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    made, _ = provider(
        SPX, *OPTIONS, build_options_chain=True, filter_sec_types=frozenset(["OPT", "WAR"])
    )
    assert ids(await made.load_contracts([INDEX])) == ["^SPX.CBOE"]
    lines = [line for line in caplog.text.splitlines() if "skipped by type" in line]
    counted = [int(count) for line in lines for count in re.findall(r"'OPT': (\d+)", line)]
    assert sum(counted) == len(OPTIONS)
    assert await made.load_contracts([IBContract(secType="WAR", symbol="X")]) == []


@pytest.mark.parametrize(
    "filters", [{"min_strike": "low"}, {"right": 1}, {"min_price": 5}, {"max_strike": True}]
)
def test_a_wrong_filter_is_refused_when_the_provider_is_made(filters: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"filters\."):
        provider(filters=filters)


# -- futures chains --


async def test_a_futures_chain_has_what_is_alive_and_nothing_expired() -> None:
    made, _ = provider(*FUTURES)
    family = IBContract(**{**_fields(FAMILY), "build_futures_chain": True})
    loaded = await made.load_contracts([family])
    assert ids(loaded) == ["ES.CME", "ESM4.CME", "ESU4.CME", "ESZ4.CME"]


def _fields(contract: IBContract) -> dict[str, Any]:
    return {name: getattr(contract, name) for name in ("secType", "symbol", "exchange")}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 3, ["ESM4.CME"]),
        (4, 93, []),
        (4, 94, ["ESU4.CME"]),
        (94, 185, ["ESU4.CME", "ESZ4.CME"]),
        (30, 180, ["ESU4.CME"]),
    ],
)
async def test_a_futures_chain_honours_its_window_to_the_day(
    low: int, high: int, expected: list[str]
) -> None:
    made, _ = provider(*FUTURES)
    family = IBContract(
        **_fields(FAMILY), build_futures_chain=True, min_expiry_days=low, max_expiry_days=high
    )
    loaded = await made.load_contracts([family])
    assert ids(loaded) == ["ES.CME", *expected]


async def test_a_futures_chain_may_be_one_month() -> None:
    made, _ = provider(*FUTURES)
    family = IBContract(
        **_fields(FAMILY), build_futures_chain=True, lastTradeDateOrContractMonth="202409"
    )
    assert ids(await made.load_contracts([family])) == ["ES.CME", "ESU4.CME"]


# -- options chains --


def chain(**fields: Any) -> IBContract:
    return IBContract(**_fields(INDEX), build_options_chain=True, **fields)


async def test_an_options_chain_has_both_classes_and_the_underlying() -> None:
    made, source = provider(SPX, *OPTIONS)
    loaded = await made.load_contracts([chain()])
    assert len(loaded) == 1 + len(OPTIONS)
    assert loaded[0].id == "^SPX.CBOE"
    assert {item.trading_class for item in loaded if isinstance(item, OptionContract)} == {
        "SPX",
        "SPXW",
    }
    # One question for the underlying, one for each class and expiry.
    assert len(source.asked) == 1 + 6
    assert len(made.derivatives_of("^SPX")) == len(OPTIONS)


async def test_without_a_last_day_all_expiries_are_loaded() -> None:
    far = option(5000, "SPXW", "20301220", 5500.0, "C")
    source = Recorded([SPX, *OPTIONS, far], [*CHAINS, msgspec.structs.replace(
        CHAINS[0], expirations=("20301220",)
    )])  # fmt: skip
    made = InteractiveBrokersInstrumentProvider(
        source, Config(build_options_chain=True), clock=FixedClock()
    )
    loaded = await made.load_contracts([INDEX])
    assert expiries_of(loaded) == {*EXPIRIES, "20301220"}


async def test_todays_expiries_are_in_at_zero_days() -> None:
    # It is tomorrow in Greenwich already; the exchange's day counts.
    made, _ = provider(SPX, *OPTIONS)
    loaded = await made.load_contracts([chain(min_expiry_days=0, max_expiry_days=0)])
    assert expiries_of(loaded) == {"20240618"}
    assert len(loaded) == 1 + 6


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 2, {"20240618", "20240620"}),
        (1, 3, {"20240620", "20240621"}),
        (3, 31, {"20240621", "20240719"}),
        (32, 60, set()),
    ],
)
async def test_an_options_chain_honours_its_window_to_the_day(
    low: int, high: int, expected: set[str]
) -> None:
    made, _ = provider(SPX, *OPTIONS)
    loaded = await made.load_contracts([chain(min_expiry_days=low, max_expiry_days=high)])
    assert expiries_of(loaded) == expected


async def test_a_contracts_window_goes_before_the_configured_one() -> None:
    made, _ = provider(SPX, *OPTIONS, min_expiry_days=3, max_expiry_days=3)
    assert expiries_of(await made.load_contracts([chain()])) == {"20240621"}
    assert expiries_of(
        await made.load_contracts([chain(min_expiry_days=0, max_expiry_days=1)])
    ) == {"20240618"}


async def test_a_window_that_both_together_leave_empty_is_refused() -> None:
    made, _ = provider(SPX, *OPTIONS, min_expiry_days=30, max_expiry_days=60)
    with pytest.raises(InvalidRequest, match="leave no expiry"):
        await made.load_contracts([chain(max_expiry_days=10)])


@pytest.mark.parametrize(("only", "count"), [("20240621", 12), ("202407", 12), ("20240618", 6)])
async def test_one_expiry_takes_all_its_classes(only: str, count: int) -> None:
    made, _ = provider(SPX, *OPTIONS)
    loaded = await made.load_contracts([chain(lastTradeDateOrContractMonth=only)])
    assert len(loaded) == 1 + count
    assert all(expiry.startswith(only) for expiry in expiries_of(loaded))


async def test_strikes_and_right_are_filtered() -> None:
    made, source = provider(SPX, *OPTIONS)
    loaded = await made.load_contracts(
        [chain(min_strike=5500.0, right="P", lastTradeDateOrContractMonth="20240618")]
    )
    assert ids(loaded[1:]) == [
        "SPXW240618P05500000.CBOE",
        "SPXW240618P05600000.CBOE",
    ]
    # Few strikes are asked for one by one, and only the puts.
    assert {(one.strike, one.right) for one in source.asked[1:]} == {(5500.0, "P"), (5600.0, "P")}


async def test_the_configurations_filters_hold_for_all_chains() -> None:
    made, _ = provider(
        SPX,
        *OPTIONS,
        filters={"trading_class": "SPX", "right": "call", "max_strike": 5400},
    )
    loaded = await made.load_contracts([chain()])
    assert ids(loaded[1:]) == ["SPX240621C05400000.CBOE", "SPX240719C05400000.CBOE"]


async def test_options_of_another_exchange_may_be_chosen() -> None:
    made, source = provider(SPX, *OPTIONS)
    with pytest.raises(InvalidRequest) as caught:
        await made.load_contracts([chain(options_chain_exchange="PHLX")])
    assert "CBOE, SMART" in str(caught.value.remedy)
    await made.load_contracts([chain(options_chain_exchange="SMART", max_expiry_days=0)])
    assert source.asked[-1].exchange == "SMART"


async def test_an_expiry_without_an_answer_raises_and_keeps_what_came() -> None:
    made, source = provider(SPX, *OPTIONS)
    source.failures["CBOE20240719"] = RequestTimeout("no answer")
    with pytest.raises(RequestTimeout):
        await made.load_contracts([chain()])
    assert "^SPX.CBOE" in ids(made.list_all())
    source.failures.clear()
    assert len(await made.load_contracts([chain()])) == 1 + len(OPTIONS)


async def test_an_expiry_that_ib_lists_without_contracts_is_skipped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _ = provider(SPX, *(row for row in OPTIONS if row.contract.tradingClass == "SPXW"))
    loaded = await made.load_contracts([chain()])
    assert len(loaded) == 1 + 24
    assert "without contracts" in caplog.text


async def test_a_chain_is_streamed() -> None:
    made, source = provider(SPX, *OPTIONS)
    seen = []
    async for instrument in made.stream(chain()):
        seen.append((instrument.id, source.running))
        if len(seen) == 3:
            break
    assert seen[0][0] == "^SPX.CBOE"
    assert len(made.list_all()) < 1 + len(OPTIONS)


async def test_options_on_futures_come_from_every_living_future() -> None:
    fops = [
        option(5000 + n, "EW3", "20240621", strike, right, "FOP", under=12)
        for n, (strike, right) in enumerate([(5500.0, "C"), (5500.0, "P")])
    ]
    made, source = provider(*FUTURES, *fops)
    source.chains = [
        OptionChain(
            exchange="CME",
            underlyingConId=12,
            tradingClass="EW3",
            multiplier="50",
            expirations=("20240621",),
            strikes=(5500.0,),
        )
    ]
    family = IBContract(**_fields(FAMILY), build_options_chain=True, max_expiry_days=60)
    loaded = await made.load_contracts([family])
    assert ids(loaded) == ["ES.CME", "EW3M4 C5500.CME", "EW3M4 P5500.CME"]
    assert sum(isinstance(item, FutureOption) for item in loaded) == 2
    one_future = IBContract(
        **{**_fields(FAMILY), "secType": "FUT"},
        lastTradeDateOrContractMonth="202409",
        build_options_chain=True,
    )
    assert ids(await made.load_contracts([one_future])) == ["EW3M4 C5500.CME", "EW3M4 P5500.CME"]


async def test_chain_flags_of_the_configuration_spare_what_has_no_chain() -> None:
    forex = IBContractDetails(
        contract=IBContract(
            secType="CASH",
            conId=7,
            symbol="EUR",
            localSymbol="EUR.USD",
            exchange="IDEALPRO",
            currency="USD",
        ),
        minTick=5e-05,
    )
    made, source = provider(
        forex, *STOCKS, *FUTURES, build_futures_chain=True, build_options_chain=True
    )
    source.chains = []
    pair = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")
    spy = IBContract(secType="STK", symbol="SPY", exchange="SMART")
    assert ids(await made.load_contracts([pair, spy])) == ["EUR/USD.IDEALPRO", "SPY.ARCA"]
    assert all(asked.secType != "FUT" for asked in source.asked)
    quiet = IBContract(**_fields(FAMILY), build_futures_chain=False, build_options_chain=False)
    assert ids(await made.load_contracts([quiet])) == ["ES.CME"]


# -- cache --


async def test_the_second_start_with_a_chain_asks_for_nothing(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "cache_validity_days": 1,
        "cache_path": tmp_path,
        "load_ids": frozenset(["AAPL.NASDAQ"]),
        "load_contracts": frozenset([chain()]),
    }
    first, asked_first = provider(SPX, *OPTIONS, *STOCKS, **settings)
    await first.initialize()
    second, asked_second = provider(**settings)
    await second.initialize()
    assert len(asked_first.asked) == 8
    assert asked_second.asked == []
    assert ids(second.list_all()) == ids(first.list_all())
    for instrument in first.list_all():
        assert second.details(instrument.id) == first.details(instrument.id)


async def test_other_names_do_not_come_from_the_cache_of_these(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"cache_validity_days": 1, "cache_path": tmp_path}
    first, _ = provider(*STOCKS, **settings)
    await first.load(InstrumentId("AAPL.NASDAQ"))
    second, asked = provider(*STOCKS, **settings, convert_exchange_to_mic_venue=True)
    assert (await second.load(InstrumentId("AAPL.XNAS"))).id == "AAPL.XNAS"
    assert len(asked.asked) == 1


@pytest.mark.parametrize("days", [None, 0])
async def test_without_validity_nothing_is_written(tmp_path: Path, days: int | None) -> None:
    directory = tmp_path / "cache"
    made, _ = provider(*STOCKS, cache_path=directory, cache_validity_days=days)
    await made.load(InstrumentId("AAPL.NASDAQ"))
    assert not directory.exists()
