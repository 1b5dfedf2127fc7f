"""What the broker objects to when an order reaches it, beside money: prices and liquidity."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.orders.validation import LIMIT_TYPES, normal_order_type

if TYPE_CHECKING:
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.orders.rules import TradingRules
    from posei_ib_sim.orders.state import SimOrder

__all__ = ["Objection", "objection"]

PRICE_PERCENT: Final = "PRICEPCT"
"""Name under which a client overrides the objection to a price: `8229=PRICEPCT`."""


class Objection(msgspec.Struct, frozen=True):
    """Why an order is rejected.

    Attributes:
        reason: In words, for error 201.
        override: Name that `advancedErrorOverride` may carry to have it anyway; empty: none.
    """

    reason: str
    override: str = ""

    @property
    def as_json(self) -> str:
        """The text of advancedOrderRejectJson, empty where nothing can be overridden."""
        if not self.override:
            return ""
        reject = {"8229": self.override, "8230": self.reason, "options": ["Transmit", "Cancel"]}
        return json.dumps({"rejects": [reject]})


def objection(order: SimOrder, board: Board, rules: TradingRules) -> Objection | None:
    """Return what speaks against an order, `None` if nothing does."""
    request = order.request
    limit = request.lmtPrice
    if limit is None or normal_order_type(request.orderType) not in LIMIT_TYPES:
        return None
    quote = board.quote
    opposite = -1.0 if quote is None else (quote.ask if order.is_buy else quote.bid)
    crosses = opposite > 0 and (limit >= opposite if order.is_buy else limit <= opposite)
    if request.postOnly and crosses:
        return Objection("The order is post-only and would take liquidity")
    return _percent_objection(order, board, rules)


def _percent_objection(order: SimOrder, board: Board, rules: TradingRules) -> Objection | None:
    request, percent = order.request, rules.price_percent
    if percent is None or request.overridePercentageConstraints:
        return None
    if PRICE_PERCENT in request.advancedErrorOverride:
        return None
    mark = price_decimal(board.mark)
    reach = abs(mark) * percent / 100
    limit = price_decimal(request.lmtPrice or 0.0)
    beyond = limit - mark if order.is_buy else mark - limit
    if beyond <= max(reach, Decimal(0)):
        return None
    return Objection(
        f"The limit price {limit} is more than {percent}% through the market at {mark}",
        PRICE_PERCENT,
    )
