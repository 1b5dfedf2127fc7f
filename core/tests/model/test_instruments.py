from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import (
    AggressorSide,
    AssetClass,
    MarketStatus,
    OptionKind,
    PriceType,
    TradeFlag,
)
from posei_trader.model.identifiers import InstrumentId, Symbol, TradeId
from posei_trader.model.instruments import (
    Bond,
    Cfd,
    Commodity,
    ContinuousFuture,
    CryptoPair,
    CurrencyPair,
    Equity,
    FutureOption,
    FuturesContract,
    FuturesSpread,
    Index,
    Instrument,
    OptionContract,
    OptionSpread,
    PriceBand,
    SpreadLeg,
    Warrant,
    instrument_kinds,
)
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus, QuoteTick, TradeTick
from posei_trader.model.values import Money, Price, Quantity

USD = Currency.of("USD")
BTC = Currency.of("BTC")


def common(symbol, asset_class=AssetClass.EQUITY, **more):
    return {
        "id": InstrumentId(symbol),
        "raw_symbol": Symbol(symbol.rpartition(".")[0]),
        "asset_class": asset_class,
        "quote_currency": USD,
        "price_precision": 2,
        "price_increment": Price("0.01"),
        **more,
    }


LEGS = (SpreadLeg(InstrumentId("ESH4.CME"), 1), SpreadLeg(InstrumentId("ESM4.CME"), -1))
EXAMPLES = [
    Equity(**common("AAPL.XNAS"), isin="US0378331005", info={"longName": "APPLE INC"}),
    CurrencyPair(**common("EUR/USD.IDEALPRO", AssetClass.FX), base_currency=Currency.of("EUR")),
    CryptoPair(
        **common("BTC/USD.PAXOS", AssetClass.CRYPTOCURRENCY, size_precision=8),
        base_currency=BTC,
    ),
    Commodity(**common("XAUUSD.IBCMDTY", AssetClass.COMMODITY)),
    Cfd(**common("IBUS30.IBCFD", AssetClass.INDEX), underlying="IBUS30"),
    Index(**common("^SPX.CBOE", AssetClass.INDEX)),
    Bond(**common("912828XE8.SMART", AssetClass.DEBT), cusip="912828XE8", coupon=Decimal("2.5")),
    FuturesContract(**common("ESH4.CME", AssetClass.INDEX), underlying="ES", exchange="XCME"),
    ContinuousFuture(
        **common("ES.CME", AssetClass.INDEX), underlying="ES", front=InstrumentId("ESH4.CME")
    ),
    OptionContract(
        **common("AAPL230217P00155000.SMART"),
        underlying="AAPL",
        option_kind=OptionKind.PUT,
        strike_price=Price("155"),
    ),
    FutureOption(
        **common("ESM4 C4200.CME", AssetClass.INDEX),
        underlying="ESM4",
        option_kind=OptionKind.CALL,
        strike_price=Price("4200"),
    ),
    Warrant(
        **common("DE000.FWB"),
        underlying="DAX",
        option_kind=OptionKind.CALL,
        strike_price=Price("0"),
        isin="DE000",
    ),
    FuturesSpread(**common("(1)ESH4___((1))ESM4.CME", AssetClass.INDEX), legs=LEGS),
    OptionSpread(**common("(1)A___((1))B.SMART"), legs=LEGS),
]


@pytest.mark.parametrize("instrument", EXAMPLES, ids=lambda i: i.kind)
def test_an_instrument_makes_the_round_trip_through_json(instrument):
    again = decode_json(encode_json(instrument), Instrument)
    assert again == instrument
    assert type(again) is type(instrument)
    assert type(again.id) is InstrumentId
    assert hash(again) == hash(instrument)
    assert str(instrument).startswith(instrument.kind)


def test_every_kind_has_an_example_here():
    assert {type(e).__name__ for e in EXAMPLES} == set(instrument_kinds())


def test_only_indices_and_continuous_futures_cannot_be_traded():
    assert [e.kind for e in EXAMPLES if not e.is_tradable] == ["Index", "ContinuousFuture"]


def test_money_of_a_trade_is_price_times_quantity_times_multiplier():
    es = FuturesContract(**common("ESH4.CME", multiplier=Quantity("50")), underlying="ES")
    assert es.notional(Quantity("2"), Price("4000.25")) == Money("400025", "USD")
    assert es.notional_raw(2 * 10**9, 4000 * 10**9) == Decimal(400_000)
    assert (es.symbol, es.venue) == ("ESH4", "CME")
    assert str(es.make_price(4000.255)) == "4000.26"
    assert str(es.make_qty("3")) == "3"


def test_a_tick_size_may_depend_on_the_price():
    stock = Equity(
        **common(
            "X.XLON",
            price_bands=(
                PriceBand(Price("0"), Price("0.01")),
                PriceBand(Price("10"), Price("0.05")),
            ),
        )
    )
    assert stock.tick_at(Price("9.99")) == Price("0.01")
    assert stock.tick_at(Price("10")) == Price("0.05")
    assert stock.is_on_tick(Price("10.05"))
    assert not stock.is_on_tick(Price("10.01"))
    assert Equity(**common("Y.X")).is_on_tick(Price("-0.03"))


def test_a_definition_that_cannot_be_is_refused():
    with pytest.raises(InvalidRequest, match="price_increment"):
        Equity(**{**common("X.Y"), "price_increment": Price("0")})
    with pytest.raises(InvalidRequest, match="multiplier"):
        Equity(**common("X.Y", multiplier=Quantity("0")))
    with pytest.raises(InvalidRequest, match="two legs"):
        FuturesSpread(**common("X.Y"), legs=LEGS[:1])


BAR_TYPE = BarType.from_str("AAPL.XNAS-1-MINUTE-LAST-EXTERNAL")
FACTS = [
    QuoteTick(InstrumentId("AAPL.XNAS"), 10**9, 2 * 10**9, 10**11, 10**11, 2, 0, 5, 6),
    TradeTick(InstrumentId("AAPL.XNAS"), 10**9, 10**9, 2, 0, AggressorSide.BUYER, TradeId("1"),
              5, 6,
              TradeFlag.AGGRESSOR_INFERRED | TradeFlag.UNREPORTED),
    Bar(BAR_TYPE, 1, 2, 0, 1, 5, 2, 0, 60, 120, is_revision=True),
    IndexPriceUpdate(InstrumentId("^SPX.CBOE"), 5_000 * 10**9, 2, 5, 6),
    InstrumentStatus(InstrumentId("AAPL.XNAS"), MarketStatus.HALTED, 5, 6, "news"),
]  # fmt: skip


@pytest.mark.parametrize("fact", FACTS, ids=lambda f: type(f).__name__)
def test_market_data_makes_the_round_trip_through_json(fact):
    assert decode_json(encode_json(fact), type(fact)) == fact


def test_a_quote_makes_prices_when_asked():
    quote, trade, _, index, _ = FACTS
    assert (str(quote.bid_price), str(quote.ask_price)) == ("1.00", "2.00")
    assert (str(quote.bid_size), str(quote.ask_size)) == ("100", "100")
    assert [quote.price_raw(kind) for kind in (PriceType.BID, PriceType.ASK, PriceType.MID)] == [
        10**9, 2 * 10**9, 15 * 10**8,
    ]  # fmt: skip
    assert str(quote) == "AAPL.XNAS,1.00,2.00,100,100,5"
    assert str(trade) == "AAPL.XNAS,1.00,1,BUYER,1,5"
    assert str(index.value) == "5000.00"


def test_json_refuses_what_is_not_of_the_model():
    with pytest.raises(TypeError, match="cannot encode"):
        encode_json(object())
    with pytest.raises(msgspec.ValidationError):
        decode_json(b'{"price": 1}', dict[str, Price])
    assert decode_json(b'["1.50 USD"]', list[Money]) == [Money("1.50", "USD")]


def test_a_precision_that_hides_part_of_the_increment_is_refused():
    with pytest.raises(InvalidRequest, match="fewer digits") as caught:
        Equity(**{**common("X.Y"), "price_precision": 0})
    assert caught.value.remedy == "give 2"
