from __future__ import annotations

from decimal import Decimal

from posei_trader.demo.ledger import CashFlow, cash_flows
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OrderSide, OrderType
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TradeId,
    TraderId,
    VenueOrderId,
)
from posei_trader.model.instruments import FuturesContract
from posei_trader.model.orders import Order, OrderTerms
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


def filled_order(number, side, quantity, price, commission):
    head = {
        "trader_id": TraderId("T-1"),
        "strategy_id": StrategyId("S-1"),
        "instrument_id": ES.id,
        "client_order_id": ClientOrderId(f"O-{number}"),
    }
    order = Order(
        OrderTerms(
            **head, order_side=side, order_type=OrderType.MARKET, quantity=Quantity(quantity)
        )
    )
    order.apply(
        OrderFilled(
            **head,
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
    )
    return order


def test_a_round_trip_leaves_its_profit_in_cash():
    fee = Money("2.10", "USD")
    flows = cash_flows(
        [
            filled_order(1, OrderSide.BUY, "2", "4000.00", fee),
            filled_order(2, OrderSide.SELL, "2", "4001.25", None),
        ],
        {ES.id: ES},
    )
    assert flows == {ES.id: CashFlow(Decimal(0), Decimal("125.00"), Decimal("2.10"))}
    assert flows[ES.id].net == Decimal("122.90")


def test_what_is_held_has_been_paid():
    flows = cash_flows([filled_order(1, OrderSide.SELL, "1", "4000", None)], {ES.id: ES})
    assert flows[ES.id] == CashFlow(Decimal(-1), Decimal(200_000), Decimal(0))
    assert cash_flows([], {}) == {}
