"""Conditions on an order as ibapi's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import ibapi.order_condition as ib

from posei_trader.adapters.interactive_brokers.order_conditions import (
    ExecutionCondition,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from posei_trader.adapters.interactive_brokers.venue_time import format_utc, parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable


def encode_conditions(conditions: Iterable[OrderCondition]) -> list[ib.OrderCondition]:
    """Return ibapi's conditions, in the same order.

    Raises:
        InvalidRequest: the zone of a time is unknown.
    """
    encoded = []
    for condition in conditions:
        target = _encode(condition)
        target.isConjunctionConnection = condition.conjunction == "and"
        encoded.append(target)
    return encoded


def _encode(condition: OrderCondition) -> ib.OrderCondition:
    match condition:
        case PriceCondition(conId=con_id, exchange=exchange, price=price, triggerMethod=method):
            return ib.PriceCondition(method, con_id, exchange, condition.isMore, price)
        case TimeCondition(time=text):
            return ib.TimeCondition(condition.isMore, format_utc(parse_time(text)))
        case MarginCondition(percent=percent):
            return ib.MarginCondition(condition.isMore, percent)
        case ExecutionCondition(symbol=symbol, secType=sec_type, exchange=exchange):
            return ib.ExecutionCondition(sec_type, exchange, symbol)
        case VolumeCondition(conId=con_id, exchange=exchange, volume=volume):
            return ib.VolumeCondition(con_id, exchange, condition.isMore, volume)
        case PercentChangeCondition(conId=con_id, exchange=exchange, changePercent=percent):
            return ib.PercentChangeCondition(con_id, exchange, condition.isMore, percent)
        case _:
            assert_never(condition)
