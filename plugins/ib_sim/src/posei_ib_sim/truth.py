"""The simulation's own books, for tests to compare with what a client believes."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from posei_ib_sim.accounts import Account, Valuation
    from posei_ib_sim.market import Board
    from posei_ib_sim.orders import Fill, SimOrder
    from posei_ib_sim.simulation import Simulation

__all__ = ["Truth"]


@final
class Truth:
    """Read-only views of orders, executions and accounts, exact and always current.

    Args:
        simulation: What to look into.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @property
    def orders(self) -> list[SimOrder]:
        """All orders that live or ended in the last week, oldest first."""
        return self._simulation.desk.registry.orders

    @property
    def open_orders(self) -> list[SimOrder]:
        """The orders that still live."""
        return self._simulation.desk.registry.open_orders()

    @property
    def executions(self) -> list[Fill]:
        """All fills of the last week with their commissions, oldest first."""
        return list(self._simulation.desk.registry.fills)

    def order(self, client_id: int, order_id: int) -> SimOrder:
        """Return one order.

        Raises:
            KeyError: There is none.
        """
        order = self._simulation.desk.registry.get((client_id, order_id))
        if order is None:
            raise KeyError((client_id, order_id))
        return order

    def account(self, account_id: str = "") -> Account:
        """Return an account's books, by default those of the first account."""
        book = self._simulation.accounts
        return book.get(account_id) if account_id else book.default

    def positions(self, account_id: str = "") -> dict[str, Decimal]:
        """Return the open positions by local symbol."""
        return {
            position.contract.local_symbol: position.quantity
            for position in self.account(account_id).positions.values()
            if position.quantity
        }

    def cash(self, account_id: str = "") -> Mapping[str, Decimal]:
        """Return the balances by currency."""
        return dict(self.account(account_id).cash)

    def valuation(self, account_id: str = "") -> Valuation:
        """Return the account's totals at current prices."""
        return self._simulation.accounts.value(self.account(account_id))

    def profit(self, account_id: str = "") -> Decimal:
        """Return realised and unrealised profit since the start, in the base currency."""
        value = self.valuation(account_id)
        return value.realized + value.unrealized

    def board(self, name: str) -> Board:
        """Return the market of a contract by its short name, such as "AAPL" or "EUR.USD"."""
        contract = self._simulation.contracts.named(name)
        return self._simulation.feed.board(contract)
