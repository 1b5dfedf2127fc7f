"""Contract details of every security type become the right instrument."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from posei_trader.adapters.interactive_brokers.common import (
    IBContractDetails,
    PriceIncrement,
    TagValue,
)
from posei_trader.adapters.interactive_brokers.instruments import (
    InstrumentBuilder,
    contract_of,
    details_of,
    price_scale_of,
)
from posei_trader.errors import InvalidRequest, Unsupported
from posei_trader.model.enums import AssetClass, OptionKind
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import (
    AnyInstrument,
    Bond,
    Cfd,
    Commodity,
    ContinuousFuture,
    CryptoPair,
    CurrencyPair,
    Equity,
    FutureOption,
    FuturesContract,
    Index,
    Instrument,
    OptionContract,
    Warrant,
)
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.model.values import Price, Quantity

Details = Callable[..., IBContractDetails]
NOW = 1_717_250_000_000_000_000


def build(details: IBContractDetails, *rule: PriceIncrement) -> Any:
    return InstrumentBuilder(lambda: NOW).build(details, InstrumentId("X.Y"), rule)


def moment(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1_000_000_000


def test_a_stock(details: Details) -> None:
    stock = build(
        details(
            secType="STK",
            symbol="AAPL",
            localSymbol="AAPL",
            exchange="SMART",
            primaryExchange="NASDAQ",
            secIdList=(TagValue("ISIN", "US0378331005"),),
            sizeIncrement=Decimal("0.0001"),
            minSize=Decimal("0.0001"),
            suggestedSizeIncrement=Decimal(100),
        )
    )
    assert isinstance(stock, Equity)
    assert stock.isin == "US0378331005"
    assert (stock.size_precision, stock.size_increment) == (4, Quantity("0.0001"))
    assert stock.lot_size == Quantity("100")
    assert (stock.asset_class, stock.quote_currency.code) == (AssetClass.EQUITY, "USD")
    assert stock.expiration_ns == 0
    assert (stock.ts_event, stock.ts_init) == (NOW, NOW)


def test_a_stock_needs_no_isin(details: Details) -> None:
    stock = build(details(secType="STK", symbol="AAPL", exchange="SMART"))
    assert isinstance(stock, Equity)
    assert stock.isin is None


def test_a_london_stock_is_quoted_in_pounds_by_price_bands(details: Details) -> None:
    stock = build(
        details(
            secType="STK",
            symbol="VOD",
            currency="GBP",
            exchange="SMART",
            priceMagnifier=100,
        ),
        PriceIncrement(0, 0.01),
        PriceIncrement(50, 0.02),
    )
    assert stock.price_precision == 4
    assert stock.tick_at(Price("0.4000")) == Price("0.0001")
    assert stock.tick_at(Price("0.7000")) == Price("0.0002")
    assert price_scale_of(stock).from_ib(70.12) == Decimal("0.7012")


def test_an_index(details: Details) -> None:
    index = build(details(secType="IND", symbol="SPX", exchange="CBOE"))
    assert isinstance(index, Index)
    assert not index.is_tradable


def test_spot_forex(details: Details) -> None:
    pair = build(details(secType="CASH", symbol="EUR", exchange="IDEALPRO", minTick=5e-05))
    assert isinstance(pair, CurrencyPair)
    assert (pair.base_currency.code, pair.quote_currency.code) == ("EUR", "USD")
    assert pair.price_precision == 5


def test_a_forward_is_a_pair_that_expires(details: Details) -> None:
    forward = build(
        details(
            secType="FWD",
            symbol="EUR",
            exchange="IDEALPRO",
            lastTradeDateOrContractMonth="20241220",
        )
    )
    assert isinstance(forward, CurrencyPair)
    assert forward.expiration_ns > 0


def test_spot_crypto_is_no_perpetual_and_trades_in_fractions(details: Details) -> None:
    pair = build(
        details(
            secType="CRYPTO",
            symbol="BTC",
            exchange="PAXOS",
            minTick=0.25,
            sizeIncrement=Decimal("0.00000001"),
            minSize=Decimal("0.00000001"),
        )
    )
    assert isinstance(pair, CryptoPair)
    assert pair.size_increment == Quantity("0.00000001")
    assert pair.base_currency.code == "BTC"
    assert pair.settlement_currency.code == "USD"


def test_a_commodity(details: Details) -> None:
    gold = build(details(secType="CMDTY", symbol="XAUUSD", exchange="SMART"))
    assert isinstance(gold, Commodity)
    assert gold.asset_class is AssetClass.COMMODITY


def test_a_cfd_on_an_index_and_one_on_a_pair(details: Details) -> None:
    index = build(details(secType="CFD", symbol="IBUS30", exchange="SMART", industry="Indices"))
    pair = build(details(secType="CFD", symbol="EUR", localSymbol="EUR.USD", exchange="SMART"))
    assert isinstance(index, Cfd)
    assert (index.asset_class, index.base_currency) == (AssetClass.INDEX, None)
    assert (pair.asset_class, pair.base_currency.code) == (AssetClass.FX, "EUR")


def test_a_bond_is_quoted_in_percent_of_its_face(details: Details) -> None:
    bond = build(
        details(
            secType="BOND",
            symbol="US-T",
            exchange="SMART",
            minTick=0.001,
            cusip="912828XE8",
            coupon=1.5,
            maturity="20220531",
            secIdList=(TagValue("ISIN", "US912828XE83"),),
        )
    )
    assert isinstance(bond, Bond)
    assert (bond.cusip, bond.isin, bond.maturity) == ("912828XE8", "US912828XE83", "20220531")
    assert bond.coupon == Decimal("1.5")
    # Three bonds of 1,000 at 99.5 percent.
    assert bond.notional(Quantity("3"), Price("99.5")).as_decimal() == Decimal(2985)
    assert bond.raw_symbol == "912828XE8"


def test_a_bond_begins_with_the_day_of_its_issue_at_the_exchange(details: Details) -> None:
    named = {"secType": "BOND", "symbol": "US-T", "exchange": "SMART", "cusip": "912828XE8"}
    assert build(details(**named, issueDate="20150531")).activation_ns == moment(
        "2015-05-31T00:00-04:00"
    )
    assert build(details(**named)).activation_ns == 0


def test_a_fund_is_an_equity(details: Details) -> None:
    fund = build(details(secType="FUND", symbol="VFIAX", exchange="FUNDSERV"))
    assert isinstance(fund, Equity)


def test_a_future_expires_with_the_session_of_its_day(details: Details) -> None:
    future = build(
        details(
            secType="FUT",
            symbol="ES",
            localSymbol="ESM4",
            tradingClass="ES",
            exchange="CME",
            multiplier="50",
            minTick=0.25,
            underSymbol="ES",
            underSecType="IND",
            industry="Indices",
            lastTradeDateOrContractMonth="20240621",
            timeZoneId="US/Central",
            tradingHours=(
                "20240620:1700-20240621:0830;20240621:CLOSED;20240623:1700-20240624:1600"
            ),
        )
    )
    assert isinstance(future, FuturesContract)
    assert future.expiration_ns == moment("2024-06-21T08:30-05:00")
    assert (future.multiplier, future.underlying, future.exchange) == (Quantity("50"), "ES", "XCME")
    assert future.asset_class is AssetClass.INDEX
    assert future.activation_ns == 0


def test_corn_is_money_once(details: Details) -> None:
    corn = build(
        details(
            secType="FUT",
            symbol="ZC",
            localSymbol="ZCN4",
            exchange="CBOT",
            multiplier="5000",
            minTick=0.25,
            priceMagnifier=100,
            lastTradeDateOrContractMonth="20240712",
        )
    )
    price = corn.make_price(price_scale_of(corn).from_ib(450.25))
    assert price == Price("4.5025")
    # 5,000 bushels at 450.25 cents.
    assert corn.notional(Quantity("1"), price).as_decimal() == Decimal("22512.5")


def test_a_continuous_future_never_expires_and_cannot_be_traded(details: Details) -> None:
    family = build(
        details(
            secType="CONTFUT",
            symbol="ES",
            localSymbol="ESM4",
            exchange="CME",
            multiplier="50",
            lastTradeDateOrContractMonth="20240621",
        )
    )
    assert isinstance(family, ContinuousFuture)
    assert family.expiration_ns == 0
    assert not family.is_tradable


def _option(details: Details, **fields: Any) -> Any:
    given = {
        "secType": "OPT",
        "symbol": "SPX",
        "localSymbol": "SPXW  240718C05500000",
        "tradingClass": "SPXW",
        "exchange": "CBOE",
        "multiplier": "100",
        "strike": 5500.0,
        "right": "C",
        "lastTradeDateOrContractMonth": "20240718",
        "underSymbol": "SPX",
        "underSecType": "IND",
        "underConId": 416904,
    }
    return build(details(**{**given, **fields}), *fields.pop("rule", ()))


def test_an_option_on_an_index(details: Details) -> None:
    option = _option(details)
    assert isinstance(option, OptionContract)
    assert not isinstance(option, FutureOption)
    assert (option.underlying, option.option_kind) == ("^SPX", OptionKind.CALL)
    assert (option.strike_price, option.trading_class) == (Price("5500"), "SPXW")
    assert (option.multiplier, option.exchange) == (Quantity("100"), "XCBO")
    assert option.asset_class is AssetClass.INDEX


def test_a_strike_of_zero_and_a_fractional_one_stay(details: Details) -> None:
    assert _option(details, strike=0.0).strike_price == Price("0.00")
    assert str(_option(details, strike=12.505).strike_price) == "12.505"


@pytest.mark.parametrize("right", ["P", "PUT"])
def test_a_put_is_a_put_however_it_is_spelt(details: Details, right: str) -> None:
    assert _option(details, right=right).option_kind is OptionKind.PUT


def test_an_option_on_a_future_has_its_strike_in_the_unit_of_its_prices(
    details: Details,
) -> None:
    option = _option(
        details,
        secType="FOP",
        symbol="ZC",
        localSymbol="OZCN4 C450",
        exchange="CBOT",
        strike=450.0,
        priceMagnifier=100,
        minTick=0.125,
        underSymbol="ZCN4",
        underSecType="FUT",
        industry="Commodity",
    )
    assert isinstance(option, FutureOption)
    assert option.underlying == "ZCN4"
    assert option.strike_price == Price("4.5")
    assert option.asset_class is AssetClass.COMMODITY


def test_a_warrant(details: Details) -> None:
    warrant = _option(
        details,
        secType="WAR",
        localSymbol="SG0ABC",
        exchange="FWB",
        currency="EUR",
        multiplier="0.01",
        secIdList=(TagValue("ISIN", "DE000SG0ABC1"),),
    )
    assert isinstance(warrant, Warrant)
    assert (warrant.multiplier, warrant.isin) == (Quantity("0.01"), "DE000SG0ABC1")


def test_a_certificate_without_a_strike_is_refused(details: Details) -> None:
    with pytest.raises(Unsupported, match="without strike and right"):
        _option(details, secType="IOPT", strike=None, right="")


# What differs within a chain, and what ends a series: another class, expiry, step or ISIN.
SERIES: list[dict[str, Any]] = [
    {},
    {"strike": 4150.5, "conId": 2, "localSymbol": "SPXW  240315C04150500"},
    {"right": "P", "conId": 3, "localSymbol": "SPXW  240315P04200000"},
    {"right": "PUT", "conId": 4},
    {"strike": 0.0, "conId": 5},
    {"conId": 6, "localSymbol": ""},
    {"conId": 0},
    {"conId": 7, "lastTradeDateOrContractMonth": "20240318"},
    {"conId": 8, "minTick": 0.1},
    {"conId": 9, "secIdList": (TagValue("ISIN", "US0000000001"),)},
    {"conId": 10, "multiplier": "10"},
    {"conId": 11, "secType": "FOP"},
]


@pytest.mark.parametrize("order", [SERIES, SERIES[::-1], SERIES[::2] + SERIES[1::2]])
def test_an_option_is_the_same_whatever_was_built_before_it(
    details: Details, order: list[dict[str, Any]]
) -> None:
    common = {
        "secType": "OPT", "symbol": "SPX", "exchange": "CBOE", "tradingClass": "SPXW",
        "lastTradeDateOrContractMonth": "20240315", "strike": 4200.0, "right": "C", "conId": 1,
        "localSymbol": "SPXW  240315C04200000", "multiplier": "100", "minTick": 0.05,
        "underSymbol": "SPX", "underSecType": "IND",
    }  # fmt: skip
    builder = InstrumentBuilder(lambda: NOW)
    rules = [(), (PriceIncrement(0, 0.05), PriceIncrement(3, 0.1))]
    for rule in (*rules, *rules):
        for own in order:
            row = details(**{**common, **own})
            assert builder.build(row, InstrumentId("X.Y"), rule) == build(row, *rule)


def test_each_option_of_a_series_has_its_own_terms(details: Details) -> None:
    builder = InstrumentBuilder(lambda: NOW)
    made = [
        builder.build(
            details(
                secType="OPT", symbol="AAPL", conId=number, strike=strike, right=right,
                localSymbol=local, lastTradeDateOrContractMonth="20230217", multiplier="100",
            ),
            InstrumentId(f"{local.replace(' ', '')}.SMART"),
        )
        for number, strike, right, local in (
            (11, 155.0, "P", "AAPL  230217P00155000"),
            (12, 157.5, "C", "AAPL  230217C00157500"),
        )
    ]  # fmt: skip
    put, call = made
    assert (put.id, put.option_kind, put.strike_price, put.raw_symbol) == (
        "AAPL230217P00155000.SMART", OptionKind.PUT, Price("155.00"), "AAPL  230217P00155000",
    )  # fmt: skip
    assert (call.id, call.option_kind, call.strike_price, call.raw_symbol) == (
        "AAPL230217C00157500.SMART", OptionKind.CALL, Price("157.50"), "AAPL  230217C00157500",
    )  # fmt: skip
    assert [contract_of(one).conId for one in made] == [11, 12]
    assert [contract_of(one).strike for one in made] == [155.0, 157.5]


@pytest.mark.parametrize("kind", ["NEWS", "BAG", "EC", ""])
def test_a_type_without_an_instrument_is_refused_with_those_that_have_one(
    details: Details, kind: str
) -> None:
    with pytest.raises(Unsupported) as caught:
        build(details(secType=kind, symbol="X"))
    assert "STK" in str(caught.value.remedy)


def test_an_unknown_currency_is_refused(details: Details) -> None:
    with pytest.raises(InvalidRequest, match="unknown currency"):
        build(details(secType="STK", symbol="X", currency="XQQ"))


def test_a_currency_in_small_units_becomes_the_iso_currency(details: Details) -> None:
    stock = build(details(secType="STK", symbol="NPN", currency="ZAC", minTick=1.0))
    assert stock.quote_currency.code == "ZAR"
    assert stock.price_increment == Price("0.01")


def test_the_raw_details_are_kept_and_given_back_whole(details: Details) -> None:
    original = details(
        secType="OPT",
        conId=700000001,
        symbol="SPX",
        exchange="CBOE",
        localSymbol="SPXW  240718C05500000",
        strike=5500.0,
        right="C",
        multiplier="100",
        lastTradeDateOrContractMonth="20240718",
        validExchanges="SMART,CBOE",
        marketRuleIds="110,110",
        minSize=Decimal(1),
        secIdList=(TagValue("ISIN", "US0000000000"),),
        underConId=416904,
        contractMonth="202407",
    )
    option = build(original)
    assert details_of(option) == original
    assert contract_of(option) == original.contract
    assert option.info["contract"]["conId"] == 700000001  # plain data for those who look in


def test_options_of_one_class_share_what_is_equal(details: Details) -> None:
    builder = InstrumentBuilder(lambda: NOW)
    made = [
        builder.build(
            details(
                secType="OPT",
                symbol="SPX",
                exchange="CBOE",
                strike=float(strike),
                right="C",
                tradingHours="20240718:0930-20240718:1600",
            ),
            InstrumentId(f"{strike}.CBOE"),
        )
        for strike in (5000, 5100)
    ]
    assert made[0].info["details"] is made[1].info["details"]
    assert made[0].price_increment is made[1].price_increment


@pytest.mark.parametrize("kind", ["STK", "IND", "CASH", "CRYPTO", "CMDTY", "CFD", "BOND", "FUT"])
def test_instruments_survive_json(details: Details, kind: str) -> None:
    instrument = build(
        details(secType=kind, symbol="EUR" if kind == "CASH" else "BTC", exchange="X")
    )
    decoded: Instrument = decode_json(encode_json(instrument), AnyInstrument)  # type: ignore[arg-type]
    assert decoded == instrument
    assert details_of(decoded) == details_of(instrument)


def test_an_instrument_from_elsewhere_has_no_contract(details: Details) -> None:
    stock = build(details(secType="STK", symbol="AAPL"))
    foreign = msgspec.structs.replace(stock, info={})
    for ask in (contract_of, details_of, price_scale_of):
        with pytest.raises(InvalidRequest, match="does not come from IB"):
            ask(foreign)


def test_a_multiplier_that_is_no_number_is_refused(details: Details) -> None:
    with pytest.raises(InvalidRequest, match="multiplier"):
        build(details(secType="FUT", symbol="ES", multiplier="fifty"))
