from __future__ import annotations

from decimal import Decimal

from posei_trader.demo.ledger import (
    agree_to_the_cent,
    change_of_cash,
    flows_of_fills,
    profit_of_positions,
)
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OrderSide, OrderType
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.instruments import FuturesContract
from posei_trader.model.orders import Order, OrderTerms
from posei_trader.model.positions import Position
from posei_trader.model.values import Money, Price, Quantity

ES = FuturesContract(
    id=InstrumentId("ESH4.CME"),
    raw_symbol=Symbol("ESH4"),
    asset_class=AssetClass.INDEX,
    quote_currency=Currency.of("USD"),
    price_precision=2,
    price_increment=Price("0.25"),
    multiplier=Quantity("50"),
    underlying="ES",
)


def head(number):
    return {
        "trader_id": TraderId("T-1"),
        "strategy_id": StrategyId("S-1"),
        "instrument_id": ES.id,
        "client_order_id": ClientOrderId(f"O-{number}"),
    }


def fill(number, side, quantity, price, commission):
    return OrderFilled(
        **head(number),
        ts_event=1,
        ts_init=1,
        venue_order_id=VenueOrderId("1"),
        account_id=AccountId("IB-DU1"),
        trade_id=TradeId(f"E{number}"),
        order_side=side,
        last_qty=Quantity(quantity),
        last_px=Price(price),
        commission=commission,
    )


FILLS = [
    fill(1, OrderSide.BUY, "2", "4000.00", Money("2.10", "USD")),
    fill(2, OrderSide.SELL, "2", "4001.25", Money("1.90", "EUR")),
]


def test_a_round_trip_leaves_its_profit_in_cash_and_its_costs_where_they_arose():
    orders = []
    for event in FILLS:
        terms = OrderTerms(
            **head(event.client_order_id[2:]),
            order_side=event.order_side,
            order_type=OrderType.MARKET,
            quantity=event.last_qty,
        )
        order = Order(terms)
        order.apply(event)
        orders.append(order)
    position = Position(PositionId("P"), ES, AccountId("IB-DU1"), StrategyId("S-1"))
    for event in FILLS:
        position.apply(event)
    expected = {"USD": Decimal("122.90"), "EUR": Decimal("-1.90")}
    assert flows_of_fills(orders, {ES.id: ES}) == expected
    assert profit_of_positions([position]) == expected


def test_a_change_of_cash_leaves_out_what_did_not_change():
    before = {"USD": Decimal(100), "EUR": Decimal(5)}
    after = {"USD": Decimal("90.5"), "EUR": Decimal(5), "JPY": Decimal(-7)}
    assert change_of_cash(before, after) == {"USD": Decimal("-9.5"), "JPY": Decimal(-7)}


def test_books_agree_when_every_amount_is_the_same_to_the_cent():
    book = {"USD": Decimal("1.004"), "EUR": Decimal("0.001")}
    assert agree_to_the_cent(book, {"USD": Decimal("1.00")})
    assert not agree_to_the_cent(book, {"USD": Decimal("1.01")})
    assert not agree_to_the_cent(book, {"USD": Decimal("1.00"), "JPY": Decimal(1)})
