"""Every fault of the simulator: how it is caused, how it ends, and what a client must notice."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from posei_ib_sim.wire import Order
from resilience_kit.station import CLIENT_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_ib_sim.gateway import SimulatedIBGateway

    Deed = Callable[[SimulatedIBGateway], object]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: What a failing test is called.
        cause: Begins it.
        cure: Ends it after a while; None for what ends by itself.
        loses: Whether a connection that is there has to be opened anew.
        uses: The methods of the simulator's `Faults` that it covers.
    """

    name: str
    cause: Deed
    cure: Deed | None = None
    loses: bool = False
    uses: tuple[str, ...] = ()


def _an_order(venue: SimulatedIBGateway) -> tuple[int, int]:
    """Return the number of an order that works: ours if there is one, else one made by hand."""
    ours = [one for one in venue.truth.open_orders if one.client_id == CLIENT_ID]
    if ours:
        return ours[0].client_id, ours[0].order_id
    order = Order(action="BUY", orderType="LMT", totalQuantity=Decimal(5), lmtPrice=1.0, tif="GTC")
    made = venue.place_by_hand("AAPL", order)
    return made.client_id, made.order_id


def _notice(code: int, text: str = "told by the test") -> Deed:
    return lambda venue: venue.faults.notice(code, text)


def _framed(payload: bytes) -> bytes:
    return len(payload).to_bytes(4, "big") + payload


FAULTS = (
    Fault("drop", lambda v: v.faults.drop(), None, True, ("drop",)),
    Fault("drop mid-frame", lambda v: v.faults.drop(after_bytes=9), None, True, ("drop",)),
    Fault("half open", lambda v: v.faults.half_open(), None, True, ("half_open",)),
    Fault(
        "stall",
        lambda v: v.faults.stall(),
        lambda v: v.faults.release(),
        uses=("stall", "release"),
    ),
    Fault("split", lambda v: v.faults.split(3), lambda v: v.faults.split(None), uses=("split",)),
    Fault("merge", lambda v: v.faults.merge(0.5), lambda v: v.faults.merge(None), uses=("merge",)),
    Fault("bytes out of frame", lambda v: v.faults.garbage(b"\xff" * 8), None, True, ("garbage",)),
    Fault(
        "a frame of nonsense",
        lambda v: v.faults.garbage(_framed((9_999).to_bytes(4, "big") + b"\xff" * 9)),
        uses=("garbage",),
    ),
    Fault("restart", lambda v: v.faults.restart(2.0), None, True, ("restart",)),
    Fault(
        "restart, id refused",
        lambda v: v.faults.restart(1.0, refuse_seconds=1.0),
        None,
        True,
        ("restart", "refuse_client_ids"),
    ),
    Fault(
        "nightly reset, data lost",
        lambda v: v.faults.restart(5.0, keep_sockets=True),
        uses=("restart", "connectivity_lost", "connectivity_restored"),
    ),
    Fault(
        "nightly reset, data kept",
        lambda v: v.faults.restart(5.0, keep_sockets=True, data_maintained=True),
        uses=("restart",),
    ),
    Fault(
        "1100, 1102",
        lambda v: v.faults.connectivity_lost(),
        lambda v: v.faults.connectivity_restored(),
        uses=("connectivity_lost", "connectivity_restored"),
    ),
    Fault(
        "1100, 1101",
        lambda v: v.faults.connectivity_lost(),
        lambda v: v.faults.connectivity_restored(data_maintained=False),
        uses=("connectivity_lost", "connectivity_restored"),
    ),
    Fault(
        "2110, 1102",
        _notice(2110, "Connectivity between TWS and server is broken."),
        _notice(1102, "restored - data maintained"),
        uses=("notice",),
    ),
    Fault(
        "market data farm",
        lambda v: v.faults.farm_broken(),
        lambda v: v.faults.farm_ok(),
        uses=("farm_broken", "farm_ok"),
    ),
    Fault(
        "history farm",
        lambda v: v.faults.history_farm_broken(),
        lambda v: v.faults.history_farm_ok(),
        uses=("history_farm_broken", "history_farm_ok"),
    ),
    Fault(
        "definition farm",
        lambda v: v.faults.definitions_farm_broken(),
        lambda v: v.faults.definitions_farm_ok(),
        uses=("definitions_farm_broken", "definitions_farm_ok"),
    ),
    *(Fault(f"notice {code}", _notice(code), uses=("notice",)) for code in (2107, 2108, 2119)),
    *(
        Fault(f"notice {code}", _notice(code), None, True, ("notice",))
        for code in (1300, 502, 504, 507)
    ),
    Fault(
        "326 at the next connection",
        lambda v: (v.faults.refuse_client_ids(1.5), v.faults.drop()),
        None,
        True,
        ("refuse_client_ids",),
    ),
    *(
        Fault(
            f"{what} of {message}",
            lambda v, what=what, message=message: getattr(v.faults, what)(message),
            uses=(what,),
        )
        for what in ("omit", "repeat", "swap")
        for message in ("OrderStatus", "ExecutionDetails")
        if (what, message) != ("omit", "ExecutionDetails")
    ),
    Fault(
        "an execution left out, then a drop",
        lambda v: (v.faults.spare_answers(), v.faults.omit("ExecutionDetails")),
        lambda v: v.faults.drop(),
        True,
        ("omit", "spare_answers"),
    ),
    Fault(
        "orders untold",
        lambda v: v.faults.desync_orders(CLIENT_ID),
        lambda v: v.faults.resync_orders(CLIENT_ID),
        uses=("desync_orders", "resync_orders"),
    ),
    Fault(
        "an order cancelled in silence, then a drop",
        lambda v: v.faults.cancel_silently(*_an_order(v)),
        lambda v: v.faults.drop(),
        True,
        ("cancel_silently",),
    ),
    Fault(
        "commissions late",
        lambda v: v.faults.delay_commissions(3.0),
        lambda v: v.faults.delay_commissions(0.0),
        uses=("delay_commissions",),
    ),
    Fault(
        "executions repeated",
        lambda v: v.faults.repeat_executions(2),
        lambda v: v.faults.repeat_executions(0),
        uses=("repeat_executions",),
    ),
    Fault(
        "a wrong next id",
        lambda v: (v.faults.wrong_next_valid_id(1), v.faults.drop()),
        lambda v: v.faults.wrong_next_valid_id(None),
        True,
        ("wrong_next_valid_id",),
    ),
    Fault(
        "an execution corrected, then a drop",
        lambda v: v.faults.correct_execution("", 123.45),
        lambda v: v.faults.drop(),  # of another's executions IB tells only who asks
        loses=True,
        uses=("correct_execution",),
    ),
    Fault(
        "an execution taken back, then a drop",
        lambda v: v.faults.bust_execution() if v.truth.executions else None,
        lambda v: v.faults.drop(),
        loses=True,
        uses=("bust_execution",),
    ),
    Fault("a trade of the venue busted", lambda v: v.faults.bust_trade(), uses=("bust_trade",)),
    Fault(
        "a competing session",
        lambda v: v.faults.competing_session(),
        lambda v: v.faults.competing_session(active=False),
        uses=("competing_session",),
    ),
    Fault(
        "no shares to borrow",
        lambda v: v.faults.lend_shares("AAPL", 0),
        lambda v: v.faults.lend_shares("AAPL"),
        uses=("lend_shares",),
    ),
    Fault("a clock that jumps", lambda v: v.faults.clock_jump(120.0), uses=("clock_jump",)),
)
