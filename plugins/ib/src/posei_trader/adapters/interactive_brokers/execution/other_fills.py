"""Executions that no order of ours has: trades of others, and the legs of combinations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.adapters.interactive_brokers.execution.combinations import Combinations
from posei_trader.adapters.interactive_brokers.execution.contracts import COMBINATION
from posei_trader.adapters.interactive_brokers.orders.decoding import as_leg, fill_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client.messages import ExecutionRecord
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.orders.executions import Executions, Known
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.identifiers import AccountId
    from posei_trader.model.reports import FillReport
    from posei_trader.model.values import Money
    from posei_trader.protocols import Clock, ExecSink

_WITHOUT_COST_AT_MOST: Final = 10_000
"""How many executions are remembered until IB tells what they cost."""


@final
class OtherFills:
    """Reports them as they come.

    Attributes:
        combinations: What the executions of combinations are of.

    Args:
        account_id: The account they belong to.
        ledger: Our orders.
        executions: The executions that are known.
        contracts: What is traded.
        sink: Where to report.
        clock: Time.
        load: Loads the instrument of an execution, then calls back.
    """

    def __init__(
        self,
        account_id: AccountId,
        ledger: OrderLedger,
        executions: Executions,
        contracts: ContractBook,
        sink: ExecSink,
        clock: Clock,
        load: Callable[[IBContract, Callable[[Traded], None]], None],
    ) -> None:
        self._account_id = account_id
        self._ledger = ledger
        self._executions = executions
        self._sink = sink
        self._clock = clock
        self._load = load
        self.combinations: Final = Combinations(ledger, contracts)
        self._without_cost: dict[str, FillReport] = {}

    def order(self, perm_id: int, contract: IBContract) -> None:
        """Take what an order trades: executions may have waited for it."""
        for row in self.combinations.learn(perm_id, contract):
            self.execution(row)

    def execution(self, row: ExecutionRecord) -> None:
        """Take an execution; one of a combination waits until its legs are known."""
        self.order(row.perm_id, row.contract)
        contract = self.combinations.contract_of(row)
        if contract is None:
            self.combinations.wait(row)
            return
        self._load(contract, lambda traded: self._report(row, traded))

    def cost(self, known: Known, commission: Money) -> None:
        """Take what an execution cost."""
        report = self._without_cost.pop(known.first_id, None)
        if report is not None:
            self._sink.fill_report(msgspec.structs.replace(report, commission=commission))

    def _report(self, row: ExecutionRecord, traded: Traded) -> None:
        if not self._executions.is_news(row.exec_id):
            return
        report = fill_report(
            row,
            traded,
            account_id=self._account_id,
            client_order_id=None,
            commission=None,
            ts_init=self._clock.timestamp_ns(),
        )
        ours = self._ledger.find(order_ref=row.order_ref, perm_id=row.perm_id)
        is_combination = row.contract.secType == COMBINATION
        if not is_combination and (ours is not None or self.combinations.is_leg(row)):
            owner = None if ours is None else ours.identity.strategy_id
            report = as_leg(report, row.contract.conId, owner)
        known = self._executions.find(row.exec_id)
        if known is None:
            known = self._executions.add(row.exec_id, None, report.last_qty, report.last_px)
            report = msgspec.structs.replace(report, commission=known.commission)
        else:
            self._executions.correct(row.exec_id, report.last_qty, report.last_px)
        if report.commission is None:
            self._without_cost[known.first_id] = report
            if len(self._without_cost) > _WITHOUT_COST_AT_MOST:
                del self._without_cost[next(iter(self._without_cost))]
        self._sink.fill_report(report)
