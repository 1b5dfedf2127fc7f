"""Looking contracts up: what is found, what is ambiguous, what does not exist."""

import datetime as dt
from decimal import Decimal

import pytest

from posei_ib_sim.contracts import (
    MARKET_RULES,
    ContractDatabase,
    ContractFactory,
    ContractQuery,
    FuturesShelf,
    HoursBook,
    OptionShelf,
    load_seeds,
)
from posei_ib_sim.contracts.identity import stable_con_id
from posei_ib_sim.contracts.market_rules import conforms, increment_at
from posei_ib_sim.errors import AmbiguousContract, UnknownContract

NOW = dt.datetime(2024, 3, 5, 15, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def database():
    hours = HoursBook()
    found = ContractDatabase(hours, lambda: int(NOW.timestamp()) * 10**9)
    factory = ContractFactory(hours, NOW.date())
    for contract in load_seeds(factory):
        found.add(contract)
    futures = FuturesShelf(factory, found.add)
    found.add_expander(futures.expand, futures.kinds)
    options = OptionShelf(found, factory, lambda _: 100.0)
    found.add_expander(options.expand, options.kinds)
    return found


@pytest.mark.parametrize(
    ("symbol", "sec_type", "kinds"),
    [("AAPL", "STK", ["CFD", "OPT"]), ("SPX", "IND", ["OPT"]), ("ESTX50", "IND", ["FUT", "OPT"])],
)
def test_a_search_tells_of_derivatives_that_nobody_has_asked_for_yet(
    database, symbol, sec_type, kinds
):
    (found, *_) = database.find(ContractQuery(symbol=symbol, sec_type=sec_type))
    assert database.derivative_types(found) == kinds


def test_last_trading_days_are_those_that_the_exchanges_published(database):
    published = {
        ("ESH4", "CME"): "20240315",
        ("ESM4", "CME"): "20240621",
        ("6EH4", "CME"): "20240318",
        ("CLZ4", "NYMEX"): "20241120",
        ("CLF5", "NYMEX"): "20241219",
        ("NGG5", "NYMEX"): "20250129",
        ("GCZ4", "COMEX"): "20241227",
        ("ZCZ4", "CBOT"): "20241213",
        ("FESXU4", "EUREX"): "20240920",
        ("VXK4", "CFE"): "20240522",
    }
    for (local, exchange), date in published.items():
        contract = database.one(
            ContractQuery(local_symbol=local, sec_type="FUT", exchange=exchange)
        )
        assert contract.last_trade_date == date, local


def test_a_contract_month_and_a_last_trading_day_name_the_same_future(database):
    by_month = database.one(
        ContractQuery(symbol="CL", sec_type="FUT", exchange="NYMEX", last_trade_date="202406")
    )
    by_day = database.one(
        ContractQuery(symbol="CL", sec_type="FUT", exchange="NYMEX", last_trade_date="20240521")
    )
    assert by_month.con_id == by_day.con_id
    assert by_month.local_symbol == "CLM4"


def test_expired_contracts_are_found_only_on_request(database):
    query = ContractQuery(local_symbol="ESZ3", sec_type="FUT", exchange="CME")
    assert database.find(query) == []
    expired = ContractQuery(
        local_symbol="ESZ3", sec_type="FUT", exchange="CME", include_expired=True
    )
    assert database.one(expired).last_trade_date == "20231215"


def test_a_symbol_listed_twice_is_ambiguous_until_the_currency_decides(database):
    vodafone = ContractQuery(symbol="VOD", sec_type="STK", exchange="SMART")
    with pytest.raises(AmbiguousContract, match="VOD is ambiguous"):
        database.one(vodafone)
    london = ContractQuery(symbol="VOD", sec_type="STK", exchange="SMART", currency="GBP")
    assert database.one(london).price_magnifier == 100


def test_an_unknown_contract_is_an_error_not_an_empty_answer(database):
    with pytest.raises(UnknownContract):
        database.one(ContractQuery(symbol="NOSUCH", sec_type="STK", exchange="SMART"))
    with pytest.raises(UnknownContract):
        database.get(424242)


def test_bonds_are_found_by_cusip_and_by_isin(database):
    by_cusip = database.one(ContractQuery(sec_type="BOND", sec_id_type="CUSIP", sec_id="912828XE8"))
    by_isin = database.one(
        ContractQuery(sec_type="BOND", sec_id_type="ISIN", sec_id="US912828XE83")
    )
    assert by_cusip == by_isin


@pytest.mark.parametrize("name", ["EUR.USD", "eur/usd", "EURUSD"])
def test_a_pair_has_several_spellings(database, name):
    assert database.named(name).con_id == 12087792


def test_every_contract_names_a_market_rule_that_exists(database):
    assert {c.market_rule for c in database.contracts} <= set(MARKET_RULES)


def test_ids_are_stable_and_step_past_taken_ones():
    first = stable_con_id("FUT ES CME 202403", ())
    assert first == stable_con_id("FUT ES CME 202403", ())
    assert stable_con_id("FUT ES CME 202403", {first}) != first
    assert 0 < first < 2**31


def test_increments_depend_on_the_price():
    assert increment_at(109, Decimal("2.95")) == Decimal("0.05")
    assert increment_at(109, Decimal("3.00")) == Decimal("0.1")
    assert conforms(109, Decimal("3.10"))
    assert not conforms(109, Decimal("3.05"))


def test_a_family_of_options_has_the_strikes_that_a_user_gives_it():
    hours = HoursBook()
    found = ContractDatabase(hours, lambda: int(NOW.timestamp()) * 10**9)
    factory = ContractFactory(hours, NOW.date())
    for contract in load_seeds(factory):
        found.add(contract)
    shelf = OptionShelf(found, factory, lambda _: 5003.0)
    found.add_expander(shelf.expand, shelf.kinds)
    spxw = {
        "underlying": "SPX", "trading_class": "SPXW", "sec_type": "IND", "exchanges": ["CBOE"],
        "cycle": "daily", "multiplier": "100", "market_rule": 109, "strikes": 4, "strike_step": 2.5,
    }  # fmt: skip
    shelf.add_family(spxw)
    day = {"symbol": "SPX", "sec_type": "OPT", "last_trade_date": "20240308"}
    query = ContractQuery(**day, trading_class="SPXW", right="P")
    puts = found.find(query)
    assert [contract.strike for contract in puts] == [4997.5, 5000, 5002.5, 5005]
    assert {contract.local_symbol[:13] for contract in puts} == {"SPXW  240308P"}
    one = found.one(ContractQuery(**day, trading_class="SPXW", right="C", strike=Decimal(5000)))
    assert found.find(ContractQuery(**day, strike=Decimal(5000), right="C")) == [one]
    with pytest.raises(KeyError, match="cycle"):
        shelf.add_family({key: value for key, value in spxw.items() if key != "cycle"})
