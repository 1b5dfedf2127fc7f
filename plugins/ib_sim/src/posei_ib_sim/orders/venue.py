"""The market side of the order desk: orders meet events, fill, and affect their relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.accounts.account import price_decimal
from posei_ib_sim.market.events import MarketEvent, Quote
from posei_ib_sim.orders.expiry import OPENING_TIFS
from posei_ib_sim.orders.matching import REMOVED, Liquidity, Match, queue_at
from posei_ib_sim.orders.pricing import (
    adjust_stop,
    is_triggered,
    resting_limit,
    terms,
    waits_for_trigger,
)
from posei_ib_sim.orders.state import Fill, SimOrder, Status
from posei_ib_sim.orders.validation import normal_order_type

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.market.board import Board
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.booking import Booker
    from posei_ib_sim.orders.followers import Followers
    from posei_ib_sim.orders.lifecycle import Lifecycle
    from posei_ib_sim.orders.references import ReferencePricer
    from posei_ib_sim.orders.registry import OrderRegistry

__all__ = ["Venue"]

_LIMIT_TYPES: Final = frozenset({"LMT", "STP LMT", "LIT", "LOC"})


@final
class Venue:
    """Works the live orders on every market event.

    Args:
        clock: Times.
        feed: Market events and boards; observed from construction on.
        registry: The orders.
        booker: Books what matches.
        lifecycle: Moves orders on.
        references: Computes limits that follow something else.
        followers: Lets orders follow the fills of others.
        fill_on: "next_tick" or "standing_quote", see `OrderDesk`.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        feed: MarketFeed,
        registry: OrderRegistry,
        booker: Booker,
        lifecycle: Lifecycle,
        references: ReferencePricer,
        followers: Followers,
        *,
        fill_on: str,
    ) -> None:
        self._clock = clock
        self._feed = feed
        self._registry = registry
        self._booker = booker
        self._lifecycle = lifecycle
        self._references = references
        self._followers = followers
        self._fill_on = fill_on
        self._liquidity: Final[dict[int, Liquidity]] = {}
        lifecycle.on_arrival = self.queue
        lifecycle.on_working = self.meet_standing
        lifecycle.on_close = self.fill_at_close
        lifecycle.on_end = followers.after_end
        feed.observe(self._on_event)

    def queue(self, order: SimOrder) -> None:
        """Put a limit order behind the size that is displayed at its price."""
        limit = order.request.lmtPrice
        if limit is not None and normal_order_type(order.request.orderType) in _LIMIT_TYPES:
            board = self._feed.board(order.contract)
            order.queue_ahead = queue_at(board, price_decimal(limit), buy=order.is_buy)

    def _on_event(self, board: Board, event: MarketEvent) -> None:
        self._lifecycle.check_all_conditions()
        orders = self._registry.working(board.contract.con_id)
        if not orders:
            self._liquidity.pop(board.contract.con_id, None)
            return
        liquidity = self._liquidity.get(board.contract.con_id)
        if liquidity is None:
            liquidity = self._liquidity[board.contract.con_id] = Liquidity()
        liquidity.renew(board, event)
        for order in orders:
            if order.held or order.is_final or event.ts_ns <= order.active_ns:
                continue
            self._lifecycle.met(order)
            if order.request.tif in OPENING_TIFS:
                self._meet_opening(order, board, event)
                continue
            if order.algo is not None:
                order.algo.follow(event, order.quantity, board.contract.whole_unit)
            if adjust_stop(order, board, event):
                self._lifecycle.report(order)
                continue
            if waits_for_trigger(order):
                if not is_triggered(order, board, event):
                    continue
                order.triggered = True
                order.status = Status.SUBMITTED
                self._lifecycle.report(order)
            self._work(order, board, liquidity)

    def _meet_opening(self, order: SimOrder, board: Board, event: MarketEvent) -> None:
        """Fill an order at the opening print, or end it when its limit does not allow that.

        A venue without prints opens with its first quote.
        """
        buy = order.is_buy
        if not isinstance(event, Quote):
            price = price_decimal(event.price)
        elif board.last is None:
            price = price_decimal(event.ask if buy else event.bid)
        else:
            return
        limit = order.request.lmtPrice
        if normal_order_type(order.request.orderType) == "LMT" and limit is not None:
            bound = price_decimal(limit)
            if price > bound if buy else price < bound:
                self._lifecycle.end(order, "")
                return
        self._fill(order, Match(order.remaining, price, 2))

    def meet_standing(self, order: SimOrder) -> None:
        """Let an order meet the standing quote where nothing newer will come, or by setting."""
        ended = self._feed.has_ended(order.contract.con_id)
        if not (ended or self._fill_on == "standing_quote"):
            return

        def meet() -> None:
            if order.is_final or order.held or waits_for_trigger(order):
                return
            if order.request.tif in OPENING_TIFS or order.algo is not None:
                return
            board = self._feed.board(order.contract)
            liquidity = Liquidity()
            liquidity.stand(board)
            self._lifecycle.met(order)
            self._work(order, board, liquidity)

        self._clock.call_at(self._clock.now_ns, meet)

    def _work(self, order: SimOrder, board: Board, liquidity: Liquidity) -> None:
        if not self._references.apply(order, liquidity, board):
            self._lifecycle.end(order, "the benchmark left the order's range")
            return
        willing, limit = terms(order, liquidity, board)
        if not willing:
            return
        request = order.request
        match = liquidity.take(order, limit)
        if match is None and limit is not None:
            match = liquidity.rest(order, resting_limit(order, limit))
        if match is not None:
            self._fill(order, match)
            if request.sweepToFill and match.liquidity == REMOVED:
                for deeper in liquidity.sweep(order, limit, float(board.contract.min_tick)):
                    self._fill(order, deeper)
        if request.tif in {"IOC", "FOK"} and not order.is_final:
            self._lifecycle.end(order, "")

    def _fill(self, order: SimOrder, match: Match) -> None:
        fill = self._booker.book(order, match)
        if normal_order_type(order.request.orderType) == "MTL":
            order.limit_price = fill.price
        self._after_fill(order, fill)

    def _after_fill(self, order: SimOrder, fill: Fill) -> None:
        self._followers.after_fill(order, fill)
        if order.is_final:
            for child in list(self._registry.children(order)):
                if child.held == "parent":
                    self._lifecycle.resume(child)
        for other in list(self._registry.siblings(order)):
            if other.held == "transmit":
                continue
            if order.is_final or order.request.ocaType == 1:
                self._lifecycle.end(other, "")
            else:
                self._reduce(other, fill.quantity)

    def _reduce(self, order: SimOrder, quantity: Decimal) -> None:
        left = order.quantity - quantity
        if left <= order.filled:
            self._lifecycle.end(order, "")
            return
        order.request = msgspec.structs.replace(order.request, totalQuantity=left)
        self._lifecycle.report(order)

    def fill_at_close(self, order: SimOrder) -> None:
        """Fill a closing order at the last price, if its limit allows."""
        price = price_decimal(self._feed.board(order.contract).mark)
        limit = order.request.lmtPrice
        if normal_order_type(order.request.orderType) == "LOC" and limit is not None:
            bound = price_decimal(limit)
            if price > bound if order.is_buy else price < bound:
                return
        self._fill(order, Match(order.remaining, price, 2))
