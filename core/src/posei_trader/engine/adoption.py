"""Orders that are not ours, in the form of ours."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import OrderSide, OrderType, TimeInForce
from posei_trader.model.identifiers import ClientOrderId, StrategyId
from posei_trader.model.orders import ALLOWS, NEEDS, Order, OrderTerms
from posei_trader.model.values import Quantity

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_trader.model.identifiers import AccountId, TraderId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.reports import FillReport, OrderStatusReport

__all__ = [
    "EXTERNAL",
    "Adopter",
    "external_name",
    "order_of_fill",
    "order_of_position",
    "order_of_report",
]

_log: Final = logging.getLogger("posei.Reconciliation")

EXTERNAL: Final = StrategyId("EXTERNAL")
"""The owner of orders and positions that no strategy of ours has asked for."""


class Adopter(NamedTuple):
    """Who takes an order in, and when.

    Attributes:
        trader_id: The node.
        strategy_id: The strategy that will own it.
        ts_init: Now, UNIX ns UTC.
    """

    trader_id: TraderId
    strategy_id: StrategyId
    ts_init: int


def external_name(report: OrderStatusReport | FillReport) -> ClientOrderId:
    """Return our name of an order that is not ours: the same after every restart.

    It is logged and shown, so it holds no whole account number.
    """
    return ClientOrderId(f"EXT-{report.account_id.shortened}-{report.venue_order_id}")


def order_of_report(adopter: Adopter, report: OrderStatusReport) -> Order:
    """Make the order that a report describes.

    Terms that the report lacks, or that our model has no place for, cannot be kept: the order is
    then taken in as MARKET, which says nothing about prices, and the log says so.
    """
    wanted = NEEDS[report.order_type] | ALLOWS[report.order_type]
    told = {
        "price": report.price,
        "trigger_price": report.trigger_price,
        "trailing_offset": report.trailing_offset,
    }
    is_gtd = report.time_in_force is TimeInForce.GTD and report.expire_time_ns > 0
    tif = report.time_in_force
    base = OrderTerms(
        trader_id=adopter.trader_id,
        strategy_id=adopter.strategy_id,
        instrument_id=report.instrument_id,
        client_order_id=report.client_order_id or external_name(report),
        order_side=report.order_side,
        order_type=OrderType.MARKET,
        quantity=report.quantity or report.filled_qty,
        time_in_force=TimeInForce.GTC if tif is TimeInForce.GTD and not is_gtd else tif,
        expire_time_ns=report.expire_time_ns if is_gtd else 0,
        trailing_offset_type=report.trailing_offset_type,
        ts_init=adopter.ts_init,
    )
    prices: dict[str, object] = {name: value for name, value in told.items() if name in wanted}
    try:
        return Order(msgspec.structs.replace(base, order_type=report.order_type, **prices))
    except InvalidRequest as error:
        _log.warning("an external order is taken in as MARKET: %s", error)
        return Order(base)


def order_of_fill(adopter: Adopter, fill: FillReport) -> Order:
    """Make the least order that an execution proves: a market order of its quantity."""
    return Order(
        OrderTerms(
            trader_id=adopter.trader_id,
            strategy_id=adopter.strategy_id,
            instrument_id=fill.instrument_id,
            client_order_id=fill.client_order_id or external_name(fill),
            order_side=fill.order_side,
            order_type=OrderType.MARKET,
            quantity=fill.last_qty,
            ts_init=adopter.ts_init,
        )
    )


def order_of_position(
    adopter: Adopter, instrument: Instrument, account_id: AccountId, gap: Decimal
) -> Order:
    """Make the order that would explain a difference of positions."""
    side = OrderSide.BUY if gap > 0 else OrderSide.SELL
    return Order(
        OrderTerms(
            trader_id=adopter.trader_id,
            strategy_id=adopter.strategy_id,
            instrument_id=instrument.id,
            client_order_id=ClientOrderId(
                f"POS-{account_id.shortened}-{instrument.id}-{adopter.ts_init}"
            ),
            order_side=side,
            order_type=OrderType.MARKET,
            quantity=Quantity(abs(gap)),
            ts_init=adopter.ts_init,
        )
    )
