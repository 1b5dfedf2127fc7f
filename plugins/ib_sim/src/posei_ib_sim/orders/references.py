"""Limits that follow something else: a volatility, a benchmark, the best competing price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.errors import RequestRefused, UnknownContract
from posei_ib_sim.market.option_model import value, years_between
from posei_ib_sim.market.option_tape import expiry_ns
from posei_ib_sim.orders.pricing import to_tick
from posei_ib_sim.orders.validation import normal_order_type

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.matching import Liquidity
    from posei_ib_sim.orders.state import SimOrder
    from posei_ib_sim.wire import Order

__all__ = ["REFERENCE_TYPES", "ReferencePricer"]

REFERENCE_TYPES: Final = frozenset({"VOL", "PEG BENCH", "PEG BEST"})
"""Order types whose limit this module computes."""

_DAILY: Final = 1
_TRADING_DAYS: Final = 252


@final
class ReferencePricer:
    """Computes the limits of VOL, PEG BENCH and PEG BEST orders.

    Args:
        clock: Times to expiry.
        feed: Prices of underlyings and benchmarks.
        contracts: Finds them.
    """

    def __init__(
        self, clock: SimulatedClock, feed: MarketFeed, contracts: ContractDatabase
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._contracts = contracts

    def check(self, contract: SimContract, request: Order) -> None:
        """Refuse an order whose limit could not be computed, and play what it refers to.

        Raises:
            RequestRefused: 387 a volatility order for something else than an option, 321 a field
                is missing or names no contract.
        """
        kind = normal_order_type(request.orderType)
        if kind == "VOL":
            if contract.sec_type not in {"OPT", "FOP"}:
                raise RequestRefused(
                    387, "Unsupported order type for this exchange and security type.\nVOL"
                )
            _need(request, "volatility")
            self._feed.board(self._contracts.get(contract.under_con_id))
        elif kind == "PEG BENCH":
            for name in ("referenceContractId", "peggedChangeAmount", "referenceChangeAmount"):
                _need(request, name)
            try:
                reference = self._contracts.get(request.referenceContractId or 0)
            except UnknownContract:
                raise _invalid(
                    f"referenceContractId {request.referenceContractId} names no contract"
                ) from None
            self._feed.board(reference)

    def apply(self, order: SimOrder, liquidity: Liquidity, board: Board) -> bool:
        """Set an order's limit for now; `False` when what it follows has left the order's range."""
        kind = normal_order_type(order.request.orderType)
        if kind == "VOL":
            underlying = self._contracts.get(order.contract.under_con_id)
            if not _in_range(order.request, self._feed.board(underlying).mark):
                return False
            if order.limit_price is None or order.request.continuousUpdate:
                order.limit_price = to_tick(order, self._theoretical(order), board)
        elif kind == "PEG BENCH":
            return self._follow(order, board)
        elif kind == "PEG BEST":
            order.limit_price = _compete(order, liquidity, board)
        return True

    def _theoretical(self, order: SimOrder) -> Decimal:
        contract, request = order.contract, order.request
        volatility = (request.volatility or 0.0) / 100.0
        if request.volatilityType == _DAILY:
            volatility *= math.sqrt(_TRADING_DAYS)
        spot = self._feed.board(self._contracts.get(contract.under_con_id)).mark
        years = years_between(
            self._clock.now_ns, expiry_ns(contract, self._feed.board(contract).hours)
        )
        call = contract.right == "C"
        return price_decimal(
            value(spot, float(contract.strike), years, volatility, call=call).price
        )

    def _follow(self, order: SimOrder, board: Board) -> bool:
        request = order.request
        reference = self._feed.board(self._contracts.get(request.referenceContractId or 0)).mark
        if not _in_range(request, reference):
            return False
        if order.reference_start is None:
            # IB starts from the present prices where the order names none.
            order.reference_start = price_decimal(
                reference if request.stockRefPrice is None else request.stockRefPrice
            )
            own = request.startingPrice
            order.own_start = price_decimal(board.mark if own is None else own)
        step = price_decimal(request.referenceChangeAmount or 1.0)
        change = price_decimal(request.peggedChangeAmount or 0.0)
        if request.isPeggedChangeAmountDecrease:
            change = -change
        moved = (price_decimal(reference) - order.reference_start) / step
        order.limit_price = to_tick(order, order.own_start + moved * change, board)
        return True


def _in_range(request: Order, price: float) -> bool:
    low, high = request.stockRangeLower, request.stockRangeUpper
    return (not low or price >= low) and (not high or price <= high)


def _compete(order: SimOrder, liquidity: Liquidity, board: Board) -> Decimal | None:
    """Return the price that beats the best one by the order's offset, never past the middle."""
    request = order.request
    middle = liquidity.middle()
    best = liquidity.opposite(buy=not order.is_buy)
    if middle is None or best is None:
        return None
    sign = 1 if order.is_buy else -1
    offset = request.competeAgainstBestOffset
    if offset is not None and math.isinf(offset):
        inner = price_decimal(request.midOffsetAtWhole or 0.0)
        price = middle - inner * sign
    else:
        wanted = best + price_decimal(offset or 0.0) * sign
        price = min(wanted, middle) if order.is_buy else max(wanted, middle)
    if request.lmtPrice:
        cap = price_decimal(request.lmtPrice)
        price = min(price, cap) if order.is_buy else max(price, cap)
    return to_tick(order, price, board)


def _need(request: Order, name: str) -> None:
    if getattr(request, name) is None:
        raise _invalid(f"{name} is needed for the order type {request.orderType}")


def _invalid(cause: str) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'bI' : cause - {cause}")
