"""Faults on demand: what goes wrong between a gateway and its clients.

Every fault leaves the simulation's own books consistent; only what clients see is disturbed.
"""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, final

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.server.permissions import COMPETING, COMPETING_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_ib_sim.orders import Fill
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["Faults"]


@final
class Faults:
    """Causes faults; each method takes effect at once. `client_id=None` means all clients.

    Methods must be called in the event loop of the gateway.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def drop(
        self,
        client_id: int | None = None,
        *,
        after_bytes: int | None = None,
        after_messages: int | None = None,
    ) -> None:
        """Cut connections: now, or in the middle of the next data, after some bytes of it.

        With `after_messages`, so many more messages of the client's arrive before the cut.
        """
        for session in self._sessions(client_id):
            if after_messages is not None:
                session.hears = after_messages
            elif after_bytes is None:
                session.abort()
            else:
                session.outgoing.drop_after = after_bytes

    def half_open(self, client_id: int | None = None) -> None:
        """Stop answering without closing: the connection looks alive and is dead."""
        for session in self._sessions(client_id):
            session.outgoing.stalled = True
            session.is_deaf = True

    def stall(self, client_id: int | None = None, *, seconds: float | None = None) -> None:
        """Hold everything back for real `seconds`, or until `release`."""
        for session in self._sessions(client_id):
            session.outgoing.stalled = True
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, self.release, client_id)

    def release(self, client_id: int | None = None) -> None:
        """End a stall; what has waited is sent."""
        for session in self._sessions(client_id):
            session.outgoing.release()

    def split(self, size: int | None, client_id: int | None = None) -> None:
        """Send in segments of at most `size` bytes; 0 or `None` ends it."""
        for session in self._sessions(client_id):
            session.outgoing.segment_size = size or None

    def merge(self, seconds: float | None, client_id: int | None = None) -> None:
        """Collect what is sent for real `seconds`, send it as one segment; 0 or `None` ends it."""
        for session in self._sessions(client_id):
            session.outgoing.merge_seconds = seconds or None
            session.outgoing.flush()

    def garbage(self, data: bytes | str, client_id: int | None = None) -> None:
        """Send bytes that are no message; a text is taken as hexadecimal digits.

        Raises:
            ConfigurationError: The text is no hexadecimal number of whole bytes.
        """
        if isinstance(data, str):
            try:
                data = bytes.fromhex(data)
            except ValueError as error:
                raise ConfigurationError(
                    f"data={data!r} is no hexadecimal text; write for example 00ffff"
                ) from error
        for session in self._sessions(client_id):
            session.send_raw(data)

    def notice(self, code: int, text: str, client_id: int | None = None) -> None:
        """Send a notice (an error with id -1)."""
        for session in self._sessions(client_id):
            session.error(-1, code, text)

    def connectivity_lost(self) -> None:
        """Lose IB's servers: notice 1100; data stops until connectivity is restored."""
        self._server.connectivity = False
        self.notice(1100, "Connectivity between IBKR and Trader Workstation has been lost.")

    def connectivity_restored(self, *, data_maintained: bool = True) -> None:
        """Find IB's servers again: 1102 with subscriptions kept, or 1101 with them lost."""
        self._server.connectivity = True
        if data_maintained:
            self.notice(
                1102,
                "Connectivity between IBKR and Trader Workstation has been restored - data "
                "maintained. All data farms are connected.",
            )
            return
        for session in self._sessions(None):
            session.lose_market_data()
        self.notice(
            1101,
            "Connectivity between IBKR and Trader Workstation has been restored - data lost.",
        )

    def farm_broken(self, farm: str = "usfarm") -> None:
        """Lose one market data farm: notice 2103."""
        self.notice(2103, f"Market data farm connection is broken:{farm}")

    def farm_ok(self, farm: str = "usfarm") -> None:
        """Find it again: notice 2104."""
        self.notice(2104, f"Market data farm connection is OK:{farm}")

    def history_farm_broken(self, farm: str = "ushmds") -> None:
        """Lose the historical data farm: notice 2105."""
        self.notice(2105, f"HMDS data farm connection is broken:{farm}")

    def history_farm_ok(self, farm: str = "ushmds") -> None:
        """Find it again: notice 2106."""
        self.notice(2106, f"HMDS data farm connection is OK:{farm}")

    def definitions_farm_broken(self, farm: str = "secdefil") -> None:
        """Lose the security definition farm: notice 2157."""
        self.notice(2157, f"Sec-def data farm connection is broken:{farm}")

    def definitions_farm_ok(self, farm: str = "secdefil") -> None:
        """Find it again: notice 2158."""
        self.notice(2158, f"Sec-def data farm connection is OK:{farm}")

    def restart(
        self,
        seconds: float,
        *,
        keep_sockets: bool = False,
        data_maintained: bool = False,
        refuse_seconds: float = 0.0,
    ) -> None:
        """Restart the gateway: cut all connections and listen again after real `seconds`.

        With `keep_sockets`, clients stay connected and see only that IB's servers and all farms
        are gone for that time; afterwards their data subscriptions are lost (1101) unless
        `data_maintained` (1102). With `refuse_seconds`, every client id is refused with error 326
        for that long after the gateway listens again.
        """
        loop = asyncio.get_running_loop()
        if refuse_seconds:
            self.refuse_client_ids(seconds + refuse_seconds)
        if not keep_sockets:
            self._server.begin_restart(seconds)
            return
        self.connectivity_lost()
        self.farm_broken()
        self.history_farm_broken()
        self.definitions_farm_broken()
        loop.call_later(seconds, self._come_back, data_maintained)

    def _come_back(self, data_maintained: bool) -> None:
        self.connectivity_restored(data_maintained=data_maintained)
        self.farm_ok()
        self.history_farm_ok()
        self.definitions_farm_ok()

    def omit(self, message: str, count_messages: int = 1) -> None:
        """Leave out the next messages of a type, such as "OrderStatus"."""
        self._server.mischief.omit(message, count_messages)

    def repeat(self, message: str, count_messages: int = 1) -> None:
        """Send the next messages of a type twice."""
        self._server.mischief.repeat(message, count_messages)

    def swap(self, message: str, count_messages: int = 1) -> None:
        """Send the next messages of a type after the one that follows each."""
        self._server.mischief.swap(message, count_messages)

    def spare_answers(self, *, spared: bool = True) -> None:
        """Let `omit`, `repeat` and `swap` disturb only what is told of orders unasked."""
        self._server.mischief.spares_answers = spared

    def desync_orders(self, client_id: int) -> None:
        """Tell a client nothing any more of what happens to its orders, until `resync_orders`.

        Orders go on: they fill, commissions are charged, positions change. What the client asks
        for is answered truly, so it can find out.
        """
        self._server.reports.untold.add(client_id)

    def resync_orders(self, client_id: int) -> None:
        """Report orders again; what happened in the meantime is not reported afterwards."""
        self._server.reports.untold.discard(client_id)

    def cancel_silently(self, client_id: int, order_id: int) -> None:
        """Cancel an order without telling anybody: clients believe that it lives."""
        self._server.reports.is_muted = True
        try:
            self._server.simulation.desk.cancel((client_id, order_id))
        finally:
            self._server.reports.is_muted = False

    def refuse_client_ids(self, seconds: float) -> None:
        """Answer 326 to every client for real `seconds`, as after an unclean restart."""
        loop = asyncio.get_running_loop()
        self._server.refuse_until = loop.time() + seconds

    def delay_commissions(self, seconds: float) -> None:
        """Report commissions simulated `seconds` after their executions; 0 ends it."""
        self._server.simulation.desk.booker.commission_delay_ns = int(seconds * 1_000_000_000)

    def repeat_executions(self, times: int) -> None:
        """Report every further execution so many more times; 0 ends it."""
        self._server.reports.extra_executions = times

    def wrong_next_valid_id(self, order_id: int | None) -> None:
        """Tell connecting clients this order id, right or wrong; `None` ends it."""
        self._server.forced_next_id = order_id

    def correct_execution(self, exec_id: str, price: float | str, size: str = "") -> None:
        """Correct an execution's price and perhaps size; it is reported again under `.02`.

        Cash, position and profit are booked anew. An empty `exec_id` takes the latest execution.

        Raises:
            ConfigurationError: There is no such execution.
        """
        desk = self._server.simulation.desk
        quantity = Decimal(size) if size else None
        desk.correct(self._execution(exec_id), Decimal(str(price)), quantity)

    def bust_execution(self, exec_id: str = "") -> None:
        """Take an execution back: it is reported again with size 0, its money is refunded.

        Raises:
            ConfigurationError: There is no such execution.
        """
        self._server.simulation.desk.bust(self._execution(exec_id))

    def bust_trade(self) -> None:
        """Bust a trade of the venue: real-time bars end with error 10225."""
        for session in self._sessions(None):
            for ident in session.end_all("real-time bars"):
                session.error(
                    ident,
                    10225,
                    "Bust event occurred, current subscription is deactivated. Please resubscribe "
                    "real-time bars immediately.",
                )

    def competing_session(self, *, active: bool = True) -> None:
        """Give the market data to another session of the user, or take it back.

        Level 1 subscriptions are told with error 10197 and get nothing meanwhile.
        """
        self._server.competing_session = active
        if not active:
            return
        for session in self._sessions(None):
            for kind, ident in session.subscriptions:
                if kind == "market data":
                    session.error(ident, COMPETING, COMPETING_TEXT)

    def lend_shares(self, symbol: str, shares: int | None = None) -> None:
        """Set how many shares can be borrowed, `None` for enough; held orders begin to work."""
        amount = None if shares is None else Decimal(shares)
        self._server.simulation.desk.lend(symbol, amount)

    def _execution(self, exec_id: str) -> Fill:
        fills = self._server.simulation.desk.registry.fills
        found = [fill for fill in fills if exec_id in {"", fill.exec_id}]
        if not found:
            raise ConfigurationError(f"exec_id={exec_id!r} is no execution; see the truth's list")
        return found[-1]

    def clock_jump(self, seconds: float) -> None:
        """Set the simulated clock off by `seconds`."""
        self._server.simulation.clock.jump(int(seconds * 1_000_000_000))

    def _sessions(self, client_id: int | None) -> Iterable[Session]:
        return [
            session
            for session in self._server.sessions
            if client_id is None or session.client_id == client_id
        ]
