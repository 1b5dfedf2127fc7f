"""Which combination an execution is of, where its own message does not say.

Gateways that speak text tell a combination's execution without the legs. All combinations of a
currency share one conId, so the legs have to come from the order: one of ours, or one of others
that IB told of. Orders are told apart by their permId.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.execution.contracts import COMBINATION, is_leg
from posei_trader.adapters.interactive_brokers.orders.executions import split
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.messages import ExecutionRecord
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.traded import Traded

_log = get_logger("InteractiveBrokersExecutionClient")

COMBINATIONS_AT_MOST: Final = 10_000
"""How many orders of combinations are remembered, and how many executions wait for one."""


@final
class Combinations:
    """A bounded memory of the orders that trade combinations. Not thread-safe.

    Args:
        ledger: Our orders.
        contracts: What is traded.
        at_most: How many orders are remembered.
    """

    def __init__(
        self, ledger: OrderLedger, contracts: ContractBook, at_most: int = COMBINATIONS_AT_MOST
    ) -> None:
        self._ledger = ledger
        self._contracts = contracts
        self._at_most = at_most
        self._by_order: dict[int, IBContract] = {}
        self._waiting: dict[str, ExecutionRecord] = {}

    def learn(self, perm_id: int, contract: IBContract) -> list[ExecutionRecord]:
        """Take what an order trades.

        Returns:
            The executions of the order that waited for its legs.
        """
        if contract.secType != COMBINATION or not perm_id:
            return []
        if not contract.comboLegs:
            # What is known already says more.
            contract = self._by_order.get(perm_id, contract)
        self._by_order[perm_id] = contract
        if len(self._by_order) > self._at_most:
            del self._by_order[next(iter(self._by_order))]
        if not contract.comboLegs or not self._waiting:
            return []
        named = [name for name, row in self._waiting.items() if row.perm_id == perm_id]
        return [self._waiting.pop(name) for name in named]

    def contract_of(self, row: ExecutionRecord) -> IBContract | None:
        """Return what was traded, legs included; None while nothing names the legs."""
        contract = row.contract
        if contract.secType != COMBINATION or contract.comboLegs:
            return contract
        own = self._own(row)
        if own is not None and own.sec_type == COMBINATION:
            return own.contract
        known = self._by_order.get(row.perm_id)
        return known if known is not None and known.comboLegs else None

    def is_leg(self, row: ExecutionRecord) -> bool:
        """Return whether an execution is of a leg, when a combination was ordered."""
        if row.contract.secType == COMBINATION:
            return False
        if row.perm_id in self._by_order:
            return True
        own = self._own(row)
        return own is not None and is_leg(row.contract, own)

    def wait(self, row: ExecutionRecord) -> None:
        """Keep an execution until its legs are known; its legs have executions of their own."""
        name, revision = split(row.exec_id)
        known = self._waiting.get(name)
        if known is None:
            _log.info("an execution waits for the legs of its combination", exec_id=row.exec_id)
        elif split(known.exec_id)[1] > revision:
            return
        self._waiting[name] = row
        if len(self._waiting) > self._at_most:
            dropped = self._waiting.pop(next(iter(self._waiting)))
            _log.warning(
                "an execution waits no longer for its legs: the next reconciliation has it",
                exec_id=dropped.exec_id,
            )

    def _own(self, row: ExecutionRecord) -> Traded | None:
        tracked = self._ledger.find(
            order_ref=row.order_ref,
            client_id=row.client_id,
            order_id=row.order_id,
            perm_id=row.perm_id,
        )
        return None if tracked is None else self._contracts.get(tracked.identity.instrument_id)
