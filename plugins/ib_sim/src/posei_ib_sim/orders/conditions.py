"""Order conditions: what must be true before an order works, or before it is cancelled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.errors import RequestRefused, UnknownContract
from posei_ib_sim.history.bar_sizes import parse_moment
from posei_ib_sim.market.events import Trade
from posei_ib_sim.orders.triggers import method_of, trigger_prices

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.registry import OrderRegistry
    from posei_ib_sim.orders.state import SimOrder
    from posei_ib_sim.wire import OrderCondition

__all__ = ["ConditionChecker"]

PRICE, TIME, MARGIN, EXECUTION, VOLUME, PERCENT_CHANGE = 1, 3, 4, 5, 6, 7
_ABOUT_CONTRACTS: Final = frozenset({PRICE, VOLUME, PERCENT_CHANGE})


@final
class ConditionChecker:
    """Evaluates conditions against the simulation's present state.

    Args:
        clock: For time conditions.
        zone: Zone of times that name none.
        feed: Prices and volumes.
        contracts: Finds what a condition is about.
        accounts: Margin cushions.
        registry: Executions.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        zone: ZoneInfo,
        feed: MarketFeed,
        contracts: ContractDatabase,
        accounts: AccountBook,
        registry: OrderRegistry,
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._feed = feed
        self._contracts = contracts
        self._accounts = accounts
        self._registry = registry
        self._tests: Final[dict[int, Callable[[SimOrder, OrderCondition], bool]]] = {
            PRICE: self._price,
            TIME: self._time,
            MARGIN: self._margin,
            EXECUTION: self._execution,
            VOLUME: self._volume,
            PERCENT_CHANGE: self._percent_change,
        }

    def prepare(self, order: SimOrder, wake: Callable[[], None]) -> None:
        """Check that the conditions can be evaluated, play their contracts, arm their times.

        Raises:
            RequestRefused: 321 for a condition that cannot be: it must never be ignored.
        """
        for condition in order.request.conditions:
            if condition.type not in self._tests:
                raise _refusal(f"condition type {condition.type}")
            if condition.type in _ABOUT_CONTRACTS:
                self._board(condition)
            if condition.type == TIME:
                moment = self._moment(condition)
                if moment > self._clock.now_ns:
                    self._clock.call_at(moment, wake)

    def are_met(self, order: SimOrder) -> bool:
        """Tell whether all conditions together hold; each one's connection leads to the next."""
        result: bool | None = None
        conjunction = True
        for condition in order.request.conditions:
            met = self._counts_now(order, condition) and self._tests[condition.type or 0](
                order, condition
            )
            if result is None:
                result = met
            elif conjunction:
                result = result and met
            else:
                result = result or met
            conjunction = condition.isConjunctionConnection
        return result is None or result

    def _board(self, condition: OrderCondition) -> Board:
        try:
            contract = self._contracts.get(condition.conId or 0)
        except UnknownContract:
            raise _refusal(f"conId {condition.conId} of a condition") from None
        return self._feed.board(contract)

    def _price(self, _: SimOrder, condition: OrderCondition) -> bool:
        if condition.price is None:
            raise _refusal("a price condition without a price")
        prices = self._prices(condition)
        wanted = price_decimal(condition.price)
        if not prices:
            return False
        return min(prices) >= wanted if condition.isMore else max(prices) <= wanted

    def _prices(self, condition: OrderCondition) -> list[Decimal]:
        """Return the present prices that have to be beyond the condition's, by its method."""
        board = self._board(condition)
        method = method_of(condition.triggerMethod, board.contract)
        found: list[Decimal] = []
        if board.last is not None:
            trade = Trade(board.last_ns, board.last, board.last_size)
            found = trigger_prices(method, board, trade, rises=condition.isMore)
        if board.quote is not None:
            quoted = trigger_prices(method, board, board.quote, rises=condition.isMore)
            pick = max if condition.isMore else min
            either = [*found, *quoted]
            # Last or bid/ask: one of the two is enough.
            found = [pick(either)] if found and quoted else either
        if not found and board.last is None:
            # Nothing of the method's kind has ever been seen: the standing price must do.
            found = [price_decimal(board.mark)]
        return found

    def _counts_now(self, order: SimOrder, condition: OrderCondition) -> bool:
        """Tell whether a condition is looked at now: prices outside regular hours may not count."""
        if condition.type not in _ABOUT_CONTRACTS or order.request.conditionsIgnoreRth:
            return True
        board = self._board(condition)
        hours, now = board.contract.hours, self._clock.now_ns
        return board.contract.sec_type != "STK" or board.hours.is_open(hours, now, liquid=True)

    def _time(self, _: SimOrder, condition: OrderCondition) -> bool:
        after = self._clock.now_ns >= self._moment(condition)
        return after if condition.isMore else not after

    def _margin(self, order: SimOrder, condition: OrderCondition) -> bool:
        value = self._accounts.value(self._accounts.get(order.account_id))
        if value.net_liquidation <= 0:
            return not condition.isMore
        cushion = value.excess_liquidity / value.net_liquidation * 100
        wanted = Decimal(condition.percent or 0)
        return cushion >= wanted if condition.isMore else cushion <= wanted

    def _execution(self, order: SimOrder, condition: OrderCondition) -> bool:
        return any(
            fill.ts_ns >= order.placed_ns
            and fill.contract.symbol == condition.symbol
            and fill.contract.sec_type == condition.secType
            and condition.exchange in {"", "*", "SMART", fill.exchange, fill.contract.exchange}
            for fill in self._registry.fills
        )

    def _volume(self, _: SimOrder, condition: OrderCondition) -> bool:
        volume = self._board(condition).day_volume
        wanted = condition.volume or 0
        return volume >= wanted if condition.isMore else volume <= wanted

    def _percent_change(self, _: SimOrder, condition: OrderCondition) -> bool:
        board = self._board(condition)
        if not board.close:
            return False
        before = price_decimal(board.close)
        change = (price_decimal(board.mark) - before) / before * 100
        wanted = Decimal(repr(condition.changePercent or 0.0))
        return change >= wanted if condition.isMore else change <= wanted

    def _moment(self, condition: OrderCondition) -> int:
        moment = parse_moment(condition.time, self._zone)
        if moment is None:
            raise _refusal("a time condition without a time")
        return moment


def _refusal(what: str) -> RequestRefused:
    return RequestRefused(
        321, f"Error validating request.-'bI' : cause - {what} cannot be evaluated"
    )
