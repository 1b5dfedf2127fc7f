"""Exercises and assignments of options: IB reports no execution, only the positions change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from posei_trader.adapters.interactive_brokers.client import (
        InteractiveBrokersClient,
        Subscription,
    )
    from posei_trader.adapters.interactive_brokers.client.messages import Position
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.errors import PoseiError
    from posei_trader.protocols import Clock, TimerHandle

_log = get_logger("InteractiveBrokersExecutionClient")

_OPTIONS: Final = frozenset({"OPT", "FOP", "WAR", "IOPT"})

SETTLE_NS: Final = 2_000_000_000
"""How long after an option's position changed its account is compared: trades report in between."""


@final
class PositionWatch:
    """Asks for a reconciliation when the account's position in an option has changed.

    A change by a trade needs none, and costs only the question: then everything agrees.
    Satisfies `PositionHandler`.

    Args:
        client: The connection.
        desk: Whose positions.
        wanted: Called with the reason.
        clock: Time.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        desk: Desk,
        wanted: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._client = client
        self._desk = desk
        self._wanted = wanted
        self._clock = clock
        self._held: dict[tuple[str, int], Decimal] = {}
        self._is_complete = False
        self._subscription: Subscription | None = None
        self._timer: TimerHandle | None = None

    def open(self) -> None:
        """Follow the positions.

        Raises:
            NotConnected: there is no connection.
        """
        self._subscription = self._client.subscribe_positions(self)

    def close(self) -> None:
        """Follow them no longer. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def position(self, position: Position) -> None:
        """Take one position; zero when it was closed."""
        if position.account not in self._desk.accounts:
            return
        if position.contract.secType not in _OPTIONS:
            return
        key = (position.account, position.contract.conId)
        before = self._held.get(key)
        self._held[key] = position.quantity
        if self._is_complete and before != position.quantity and self._timer is None:
            self._timer = self._clock.call_at(self._clock.timestamp_ns() + SETTLE_NS, self._settled)

    def positions_end(self) -> None:
        """Take note that everything has been told once."""
        self._is_complete = True

    def stream_restarted(self, reason: str) -> None:
        """Take note that everything is told anew; the node reconciles after a reconnect anyway."""
        _log.debug("positions are requested anew", reason=reason)
        self._is_complete = False

    def stream_failed(self, error: PoseiError) -> None:
        """Take note that positions will not come."""
        _log.error(
            "exercises and assignments are no longer noticed before the next reconciliation",
            error=str(error),
        )

    def _settled(self) -> None:
        self._timer = None
        self._wanted("a position in options changed")
