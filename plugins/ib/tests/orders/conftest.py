"""Instruments, orders and a cache for the tests of orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OrderSide, OrderType, TimeInForce
from posei_trader.model.identifiers import (
    ClientOrderId,
    InstrumentId,
    StrategyId,
    Symbol,
    TraderId,
)
from posei_trader.model.instruments import Equity, FuturesContract
from posei_trader.model.orders import NEEDS, Order, OrderTerms
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def equity() -> Equity:
    return Equity(
        id=InstrumentId("AAPL.NASDAQ"),
        raw_symbol=Symbol("AAPL"),
        asset_class=AssetClass.EQUITY,
        quote_currency=Currency.of("USD"),
        price_precision=2,
        price_increment=Price("0.01"),
    )


@pytest.fixture
def corn() -> FuturesContract:
    """A future that IB quotes in cents: price magnifier 100."""
    return FuturesContract(
        id=InstrumentId("ZCH6.CBOT"),
        raw_symbol=Symbol("ZCH6"),
        asset_class=AssetClass.COMMODITY,
        quote_currency=Currency.of("USD"),
        price_precision=4,
        price_increment=Price("0.0025"),
        multiplier=Quantity("5000"),
        underlying="ZC",
    )


PRICES = {
    "price": Price("187.25"),
    "trigger_price": Price("186.50"),
    "trailing_offset": Decimal("1.50"),
    "limit_offset": Decimal("0.25"),
}


@pytest.fixture
def make_terms() -> Callable[..., OrderTerms]:
    def make(order_type: OrderType = OrderType.MARKET, **changes: object) -> OrderTerms:
        fields: dict[str, object] = {
            "trader_id": TraderId("TRADER-001"),
            "strategy_id": StrategyId("EMACross-001"),
            "instrument_id": InstrumentId("AAPL.NASDAQ"),
            "client_order_id": ClientOrderId("O-20240102-150405-001-1"),
            "order_side": OrderSide.BUY,
            "order_type": order_type,
            "quantity": Quantity("100"),
            "time_in_force": TimeInForce.DAY,
            **{name: PRICES[name] for name in NEEDS[order_type]},
            **changes,
        }
        return OrderTerms(**fields)

    return make


@pytest.fixture
def make_order(make_terms) -> Callable[..., Order]:
    def make(*args: object, **changes: object) -> Order:
        return Order(make_terms(*args, **changes))

    return make
