"""What a node gives to its actors and strategies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from posei_trader.engine.bus import MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.data import DataEngine
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.portfolio import Portfolio
    from posei_trader.engine.risk import RiskEngine
    from posei_trader.model.identifiers import ClientId, TraderId
    from posei_trader.protocols import Clock

__all__ = ["DataClientsView", "ExecClientsView", "Wiring"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The parts of a node.

    Attributes:
        trader_id: The node's name.
        clock: Time.
        bus: Topics.
        cache: What is known.
        data: Streams and history.
        execution: Orders.
        risk: Limits.
        portfolio: Balances, positions and profit.
    """

    trader_id: TraderId
    clock: Clock
    bus: MessageBus
    cache: Cache
    data: DataEngine
    execution: ExecutionEngine
    risk: RiskEngine
    portfolio: Portfolio


@final
class DataClientsView:
    """The data clients of a node, as a strategy sees them."""

    def __init__(self, engine: DataEngine) -> None:
        self._engine = engine

    @property
    def is_connected(self) -> bool:
        """Return whether there are data clients and every one is connected."""
        return self._engine.is_connected()

    @property
    def client_ids(self) -> list[ClientId]:
        """Return the names under which they are configured."""
        return [client.client_id for client in self._engine.clients]


@final
class ExecClientsView:
    """The execution clients of a node, as a strategy sees them."""

    def __init__(self, engine: ExecutionEngine) -> None:
        self._engine = engine

    @property
    def is_connected(self) -> bool:
        """Return whether there are execution clients and every one is connected."""
        return self._engine.is_connected()

    @property
    def may_trade(self) -> bool:
        """Return whether every client is connected and reconciled: orders can be sent."""
        clients = self._engine.clients
        return self.is_connected and all(
            self._engine.may_trade(client.client_id) for client in clients
        )

    @property
    def client_ids(self) -> list[ClientId]:
        """Return the names under which they are configured."""
        return [client.client_id for client in self._engine.clients]
