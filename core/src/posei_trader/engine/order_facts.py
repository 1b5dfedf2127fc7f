"""What every event of one order has in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from posei_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId, TraderId
    from posei_trader.model.orders import Order

__all__ = ["OrderFacts", "facts_of"]


class OrderFacts(TypedDict):
    """The fields of :class:`posei_trader.model.events.OrderEvent`."""

    trader_id: TraderId
    strategy_id: StrategyId
    instrument_id: InstrumentId
    client_order_id: ClientOrderId
    ts_event: int
    ts_init: int
    is_reconciliation: bool


def facts_of(
    order: Order, ts_init: int, *, ts_event: int = 0, is_reconciliation: bool = False
) -> OrderFacts:
    """Return the fields that every event of an order starts with; `ts_event` 0 means `ts_init`."""
    terms = order.terms
    return OrderFacts(
        trader_id=terms.trader_id,
        strategy_id=terms.strategy_id,
        instrument_id=terms.instrument_id,
        client_order_id=terms.client_order_id,
        ts_event=ts_event or ts_init,
        ts_init=ts_init,
        is_reconciliation=is_reconciliation,
    )
