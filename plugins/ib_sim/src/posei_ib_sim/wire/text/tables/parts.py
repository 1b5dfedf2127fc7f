"""Pieces that several layouts share, and the conditions that layouts depend on."""

import math

from posei_ib_sim.wire.text.layout import LegPrices, Tags, optional, repeat, scope, when

CONTRACT_12 = scope(
    "contract",
    "conId symbol secType lastTradeDateOrContractMonth strike right multiplier exchange",
    "primaryExch currency localSymbol tradingClass",
)
"""The contract of most requests."""

CONTRACT_11 = scope(
    "contract",
    "conId|0 symbol secType lastTradeDateOrContractMonth strike|0 right multiplier exchange",
    "currency localSymbol tradingClass",
)
"""The contract of reports about orders and positions."""

INCLUDE_EXPIRED = scope("contract", "includeExpired")

LEGS_4 = scope(
    "contract",
    when(
        "secType",
        lambda sec_type: sec_type == "BAG",
        repeat("comboLegs", "conId ratio action exchange"),
    ),
)
"""The legs of market data requests, present for combos only."""

ORDER_LEGS = (
    scope(
        "contract",
        repeat(
            "comboLegs",
            "conId ratio action exchange openClose shortSalesSlot designatedLocation exemptCode",
        ),
        LegPrices(),
    ),
    scope("order", Tags("smartComboRoutingParams")),
)
"""The legs of orders with their prices, then the smart routing of combos."""

DELTA_NEUTRAL_CONTRACT = scope(
    "contract", optional("deltaNeutralContract", "conId|0 delta|0 price|0")
)


def filled(text: object) -> bool:
    """Tell whether a text is there."""
    return bool(text)


def positive(number: object) -> bool:
    """Tell whether a number is set and above zero."""
    return isinstance(number, int | float) and number > 0


def infinite(number: object) -> bool:
    """Tell whether a number is infinite: IB's way to say "up to the midpoint"."""
    return isinstance(number, float) and math.isinf(number)


def pegged_to_benchmark(order_type: object) -> bool:
    """Tell whether an order type is pegged to a benchmark; both spellings are in use."""
    return order_type in {"PEG BENCH", "PEGBENCH"}


def pegged_to_best(order_type: object) -> bool:
    """Tell whether an order type is pegged to the best price."""
    return order_type in {"PEG BEST", "PEGBEST"}


def pegged_to_midpoint(order_type: object) -> bool:
    """Tell whether an order type is pegged to the midpoint."""
    return order_type in {"PEG MID", "PEGMID"}


def is_fund(sec_type: object) -> bool:
    """Tell whether a contract is a mutual fund."""
    return sec_type == "FUND"
