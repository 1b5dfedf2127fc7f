"""Orders of the simulated broker: rules, matching, reports."""

from posei_ib_sim.orders.desk import OrderDesk
from posei_ib_sim.orders.funds import OrderPreview
from posei_ib_sim.orders.registry import OrderRegistry
from posei_ib_sim.orders.reporting import OrderSink
from posei_ib_sim.orders.rules import ShareLocator, TradingRules
from posei_ib_sim.orders.state import Fill, OrderKey, SimOrder, Status

__all__ = [
    "Fill",
    "OrderDesk",
    "OrderKey",
    "OrderPreview",
    "OrderRegistry",
    "OrderSink",
    "ShareLocator",
    "SimOrder",
    "Status",
    "TradingRules",
]
