"""Hedges: orders whose size follows the fills of the order they are attached to."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.market.option_model import model_volatility, value, years_between
from posei_ib_sim.market.option_tape import expiry_ns

if TYPE_CHECKING:
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.state import Fill, SimOrder
    from posei_ib_sim.wire import Order

__all__ = ["HedgeSizer", "has_delta_neutral"]

DELTA, BETA, FOREX, PAIR = "D", "B", "F", "P"
_OPTIONS: Final = frozenset({"OPT", "FOP"})
_DELTA_NEUTRAL_TYPES: Final = frozenset({"MKT", "LMT", "REL"})


def has_delta_neutral(order: Order) -> bool:
    """Tell whether a volatility order hedges its fills by itself."""
    return order.deltaNeutralOrderType.upper() not in {"", "NONE"}


@final
class HedgeSizer:
    """Says how much of a hedge a fill of its parent calls for.

    Args:
        clock: Time to expiry of options.
        feed: Prices.
        contracts: Finds underlyings.
    """

    def __init__(
        self, clock: SimulatedClock, feed: MarketFeed, contracts: ContractDatabase
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._contracts = contracts

    def check(self, contract: SimContract, order: Order, parent: SimOrder | None) -> None:
        """Refuse a hedge that cannot be computed.

        Raises:
            RequestRefused: 10006 no parent, 10007 no such kind, 10008 a bad beta, 10009 a bad
                ratio, 10010 a delta hedge of no option, on another contract, or the wrong way,
                380 a volatility order's hedge is of no allowed type, 378 it lacks its price.
        """
        if has_delta_neutral(order):
            _check_delta_neutral(order)
        kind = order.hedgeType.upper()
        if not kind:
            return
        if parent is None:
            raise RequestRefused(10006, f"Missing parent order {order.parentId or 0}.")
        if kind not in {DELTA, BETA, FOREX, PAIR}:
            raise RequestRefused(10007, f"Invalid hedge type: {order.hedgeType}")
        if kind == BETA and _parameter(order) is None:
            raise RequestRefused(10008, f"Invalid beta value: {order.hedgeParam!r}")
        if kind == PAIR and _parameter(order) is None:
            raise RequestRefused(10009, f"Invalid hedge ratio: {order.hedgeParam!r}")
        if kind == FOREX and parent.contract.currency not in {contract.symbol, contract.currency}:
            raise RequestRefused(
                10007, f"Invalid hedge type: F needs a pair with {parent.contract.currency}"
            )
        if kind == DELTA:
            self._check_delta(contract, order, parent)

    def size(self, hedge: SimOrder, parent: SimOrder, fill: Fill) -> Decimal:
        """Return the size that a fill of the parent adds to a hedge."""
        kind = hedge.request.hedgeType.upper()
        ratio = _parameter(hedge.request) or Decimal(1)
        if kind == PAIR:
            wanted = fill.quantity * ratio
        elif kind == DELTA:
            wanted = self.shares_of(parent.contract, fill)
        elif kind == BETA:
            price = price_decimal(self._feed.board(hedge.contract).mark)
            wanted = _money(fill) * ratio / (price * hedge.contract.money_factor)
        elif hedge.contract.symbol == parent.contract.currency:
            wanted = _money(fill)
        else:
            wanted = _money(fill) / price_decimal(self._feed.board(hedge.contract).mark)
        return _rounded(wanted, hedge.contract.whole_unit, hedge.request.hedgeMaxSize)

    def shares_of(self, option: SimContract, fill: Fill) -> Decimal:
        """Return the underlying that makes an option fill neutral, without a sign."""
        units = Decimal(option.multiplier or "1") if option.sec_type == "OPT" else Decimal(1)
        return abs(self._delta(option)) * fill.quantity * units

    def _delta(self, option: SimContract) -> Decimal:
        underlying = self._contracts.get(option.under_con_id)
        spot = self._feed.board(underlying).mark
        hours = self._feed.board(option).hours
        years = years_between(self._clock.now_ns, expiry_ns(option, hours))
        volatility = model_volatility(spot, float(option.strike), years)
        call = option.right == "C"
        found = value(spot, float(option.strike), years, volatility, call=call)
        return Decimal(repr(round(found.delta, 6)))

    @staticmethod
    def _check_delta(contract: SimContract, order: Order, parent: SimOrder) -> None:
        option = parent.contract
        if option.sec_type not in _OPTIONS or contract.con_id != option.under_con_id:
            raise RequestRefused(
                10010, "Invalid delta hedge order: it has to be in the underlying of an option"
            )
        sells = parent.is_buy == (option.right == "C")
        if (order.action != "BUY") != sells:
            needed = "SELL" if sells else "BUY"
            raise RequestRefused(10010, f"Invalid delta hedge order: its action must be {needed}")


def _check_delta_neutral(order: Order) -> None:
    kind = order.deltaNeutralOrderType.upper()
    if kind not in _DELTA_NEUTRAL_TYPES:
        raise RequestRefused(380, "This order type is not allowed for delta hedge orders.")
    if kind == "LMT" and order.deltaNeutralAuxPrice is None:
        raise RequestRefused(
            378, "Delta hedge order type requires delta hedge aux. price to be specified."
        )


def _parameter(order: Order) -> Decimal | None:
    try:
        number = Decimal(order.hedgeParam)
    except InvalidOperation:
        return None
    return number if number.is_finite() and number > 0 else None


def _money(fill: Fill) -> Decimal:
    return fill.quantity * abs(fill.price) * fill.contract.money_factor


def _rounded(wanted: Decimal, step: Decimal, most: int | None) -> Decimal:
    size = (wanted / step).to_integral_value(ROUND_HALF_UP) * step
    return size if not most else min(size, Decimal(most))
