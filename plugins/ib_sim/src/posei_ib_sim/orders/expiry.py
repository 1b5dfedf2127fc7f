"""When orders end: their time in force, the sessions of their contract, and their duration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.history.bar_sizes import parse_moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.market.feed import MarketFeed
    from posei_ib_sim.orders.state import SimOrder

__all__ = ["OPENING_TIFS", "Expiry"]

OPENING_TIFS: Final = frozenset({"OPG", "AUC"})
"""Times in force of the opening auction."""

_OF_THE_DAY: Final = frozenset({"DAY", "", "DTC"}) | OPENING_TIFS


@final
class Expiry:
    """Arms the end of orders.

    Args:
        clock: Times and timers.
        zone: Zone of order times that name none.
        feed: Sessions of contracts.
        expire: Called for an order whose time has come.
        session_ends: Called for an order of the day when its session ends.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        zone: ZoneInfo,
        feed: MarketFeed,
        expire: Callable[[SimOrder], None],
        session_ends: Callable[[SimOrder], None],
    ) -> None:
        self._clock = clock
        self._zone = zone
        self._feed = feed
        self._expire = expire
        self._session_ends = session_ends
        self._armed: Final[dict[int, Callable[[], None]]] = {}

    def schedule(self, order: SimOrder) -> None:
        """Arm the end of an order, in place of what was armed before."""
        self._disarm(order)
        request = order.request
        if request.tif in OPENING_TIFS and not order.at_opening:
            return
        if request.duration:
            self._arm(order, self._clock.now_ns + request.duration * NANOSECONDS, self._expire)
        elif request.tif == "GTD":
            moment = parse_moment(request.goodTillDate, self._zone)
            if moment is not None:
                self._arm(order, moment, self._expire)
        elif request.tif in _OF_THE_DAY:
            self._arm(order, self.next_close(order), self._session_ends)

    def next_close(self, order: SimOrder) -> int:
        """Return when the session ends in which an order could trade now."""
        contract = order.contract
        liquid = contract.sec_type == "STK" and not order.request.outsideRth
        hours = self._feed.board(contract).hours
        return hours.next_close(contract.hours, self._clock.now_ns, liquid=liquid)

    def _arm(self, order: SimOrder, due_ns: int, action: Callable[[SimOrder], None]) -> None:
        def run() -> None:
            self._armed.pop(order.perm_id, None)
            action(order)

        self._armed[order.perm_id] = self._clock.call_at(due_ns, run).cancel

    def _disarm(self, order: SimOrder) -> None:
        cancel = self._armed.pop(order.perm_id, None)
        if cancel is not None:
            cancel()
