"""IB's whole truth about the account: orders, executions, positions. Complete, or it raises."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

import msgspec

from posei_trader.adapters.interactive_brokers.client.messages import (
    CompletedOrder,
    ExecutionRecord,
    OpenOrder,
    ReportedExecution,
)
from posei_trader.adapters.interactive_brokers.execution.contracts import COMBINATION
from posei_trader.adapters.interactive_brokers.execution.cut_lists import CutLists
from posei_trader.adapters.interactive_brokers.execution.desk import added_up
from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.adapters.interactive_brokers.orders.decoding import (
    as_leg,
    decode_terms,
    fill_report,
    money_of,
    order_report,
    position_report,
)
from posei_trader.adapters.interactive_brokers.venue_time import parse_time
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.adapters.interactive_brokers.execution.inbox import OrderInbox
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.identifiers import ClientOrderId
    from posei_trader.model.reports import FillReport, OrderStatusReport, PositionStatusReport
    from posei_trader.protocols import Clock


class Listing(msgspec.Struct, frozen=True):
    """What IB listed of the account at one moment.

    Attributes:
        open: Orders that work.
        completed: Today's orders that are done.
        executions: Executions, with their commissions where IB told.
    """

    open: tuple[OpenOrder, ...]
    completed: tuple[CompletedOrder, ...]
    executions: tuple[ReportedExecution, ...]


@final
class VenueTruth:
    """Asks IB for everything, heals our view with it, and reports it.

    Args:
        client: The connection.
        desk: Whose orders.
        ledger: Our orders.
        inbox: Judges what happens to them.
        contracts: What is traded.
        clock: Time.
        skipped_types: IB's contract types that are left out of all reports.
        all_clients: Whether orders of other API clients and of TWS are listed too.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        desk: Desk,
        ledger: OrderLedger,
        inbox: OrderInbox,
        contracts: ContractBook,
        clock: Clock,
        *,
        skipped_types: frozenset[str] = frozenset(),
        all_clients: bool = False,
    ) -> None:
        self._client = client
        self._desk = desk
        self._ledger = ledger
        self._inbox = inbox
        self._combinations = inbox.other_fills.combinations
        self._contracts = contracts
        self._clock = clock
        self._skipped_types = skipped_types
        self._all_clients = all_clients
        self._cut_lists = CutLists(client, ledger, inbox)
        self._next: asyncio.Task[dict[ClientOrderId, OrderStatusReport]] | None = None

    # -- healing --------------------------------------------------------------------------------

    async def refresh(
        self, since_ns: int = 0, *, is_audit: bool = False, is_reported: bool = False
    ) -> Listing:
        """List everything and let the machine settle what was in doubt.

        Args:
            since_ns: Executions from this moment on, UNIX ns UTC; 0 for all.
            is_audit: Doubt every working order that IB does not list.
            is_reported: Whether the caller reports the listed orders, so that those of others need
                not be reported one by one as they come.

        Raises:
            RetryLater: a part of the answer did not come; what came was true and was used.
        """
        waited = {
            tracked.identity.client_order_id
            for tracked in self._ledger.live()
            if is_audit or tracked.is_in_doubt or tracked.is_waiting
        }
        # An order of an earlier run may have been placed under another client id.
        everywhere = self._all_clients or any(self._ledger.order_id(n) is None for n in waited)
        listing = await self._list(since_ns, everywhere=everywhere, is_reported=is_reported)
        absent = self._settle(listing, waited)
        if self._cut_lists.withdraw(absent):
            listing = await self._list(since_ns, everywhere=everywhere, is_reported=is_reported)
            absent = self._settle(listing, waited)
        for tracked in absent:
            self._inbox.happened(tracked, t.AbsenceSeen())
        return listing

    async def _list(self, since_ns: int, *, everywhere: bool, is_reported: bool) -> Listing:
        listed: list[OpenOrder] = []
        self._inbox.others.keep()
        try:
            # The client hands every order of the answer to the inbox as it comes.
            listed = await self._client.get_open_orders(all_clients=everywhere)
        finally:
            self._inbox.others.release(listed if is_reported else ())
        account = "" if self._desk.is_advisor else self._desk.number
        executions = await self._client.get_executions(since_ns=since_ns, account=account)
        completed = await self._client.get_completed_orders()
        for order in completed:
            self._inbox.other_fills.order(order.order.permId, order.contract)
        for one in executions:
            self._inbox.other_fills.order(one.execution.perm_id, one.execution.contract)
        listing = Listing(
            tuple(row for row in listed if self._concerns(row.order.account, row.contract)),
            tuple(row for row in completed if self._concerns(row.order.account, row.contract)),
            tuple(
                row
                for row in executions
                if self._concerns(row.execution.account, row.execution.contract)
            ),
        )
        if is_reported and not everywhere and self.unattributed(listing):
            await self._learn_legs_elsewhere()
        return listing

    def _lacks_legs(self, row: ExecutionRecord) -> bool:
        return self._combinations.contract_of(row) is None

    async def _learn_legs_elsewhere(self) -> None:
        """Look at the orders of other API clients for legs; report nothing else of them."""
        listed: list[OpenOrder] = []
        self._inbox.others.keep()
        try:
            listed = await self._client.get_open_orders(all_clients=True)
        finally:
            self._inbox.others.release(listed)

    def _concerns(self, account: str, contract: IBContract) -> bool:
        return self._desk.concerns(account) and contract.secType not in self._skipped_types

    def _settle(self, listing: Listing, waited: set[ClientOrderId]) -> list[t.TrackedOrder]:
        """Take over what is listed, and return the orders that were waited for in vain."""
        for reported in listing.executions:
            if reported.commission is not None:
                self._inbox.commission(reported.commission)
            self._inbox.execution(reported.execution)
        mentioned: set[ClientOrderId] = set()
        for row in listing.completed:
            tracked = self._inbox.completed(row)
            if tracked is not None:
                mentioned.add(tracked.identity.client_order_id)
        for order in listing.open:
            tracked = self._ledger.find(
                order_ref=order.order.orderRef,
                client_id=order.order.clientId,
                order_id=order.order_id,
                perm_id=order.order.permId,
            )
            if tracked is None:
                continue
            mentioned.add(tracked.identity.client_order_id)
            if tracked.identity.client_order_id in waited:
                self._confirm(order, tracked)
        missing = (self._ledger.get(name) for name in waited - mentioned)
        return [one for one in missing if one is not None and not one.phase.is_done]

    def _confirm(self, row: OpenOrder, tracked: t.TrackedOrder) -> None:
        traded = self._contracts.get(tracked.identity.instrument_id)
        if traded is None or row.status not in {"Submitted", "PreSubmitted"}:
            return
        terms = decode_terms(
            row.order,
            traded,
            tracked.identity.order_type,
            is_quote_quantity=tracked.identity.is_quote_quantity,
        )
        self._inbox.happened(tracked, t.StillWorking(terms))

    async def status_of(self, name: ClientOrderId) -> OrderStatusReport | None:
        """Ask what IB knows of an order of ours; None when it definitely knows nothing of it.

        Those who ask at the same moment share one question, for IB always tells of all orders.

        Raises:
            RetryLater: a part of the answer did not come.
        """
        if self._next is None:
            self._next = asyncio.get_running_loop().create_task(self._look())
        return (await asyncio.shield(self._next)).get(name)

    async def _look(self) -> dict[ClientOrderId, OrderStatusReport]:
        self._next = None  # an answer that has begun may know nothing of what was sent since
        reports = await self.order_reports(await self.refresh())
        named = ((report.client_order_id, report) for report in reversed(reports))
        return {name: report for name, report in named if name is not None}

    # -- reports --------------------------------------------------------------------------------

    async def order_reports(self, listing: Listing) -> tuple[OrderStatusReport, ...]:
        """Return the listed orders as reports, those that are done before those that work."""
        contracts = [row.contract for row in listing.completed]
        await self._load([*contracts, *(row.contract for row in listing.open)])
        done = [self._completed_report(row) for row in listing.completed]
        working = [self._open_report(row) for row in listing.open]
        unique = {report.venue_order_id: report for report in (*done, *working)}
        return tuple(unique.values())

    def _open_report(self, row: OpenOrder) -> OrderStatusReport:
        return order_report(
            row.order,
            row.status or row.state.status,
            self._traded(row.contract, row.order.orderRef),
            account_id=self._desk.account_id,
            client_order_id=self._our_name(row.order.orderRef, row.order.permId),
            progress=row.last_status,
            ts_init=self._clock.timestamp_ns(),
            order_id=row.order_id,
        )

    def _completed_report(self, row: CompletedOrder) -> OrderStatusReport:
        return order_report(
            row.order,
            row.status,
            self._traded(row.contract, row.order.orderRef),
            account_id=self._desk.account_id,
            client_order_id=self._our_name(row.order.orderRef, row.order.permId),
            progress=None,
            reason=row.completed_status,
            ts_last=_moment(row.completed_time),
            ts_init=self._clock.timestamp_ns(),
        )

    async def fill_reports(self, listing: Listing) -> tuple[FillReport, ...]:
        """Return the listed executions as reports; legs of a combination as fills of their own.

        Those that `unattributed` tells of are left out.
        """
        found = [(row, self._combinations.contract_of(row.execution)) for row in listing.executions]
        named = [(row, contract) for row, contract in found if contract is not None]
        await self._load(contract for _, contract in named)
        return tuple(self._fill_report(row, contract) for row, contract in named)

    def unattributed(self, listing: Listing) -> tuple[str, ...]:
        """Return a line for each execution of a combination whose legs nothing names.

        What is held does not depend on them: the legs have executions of their own.
        """
        return tuple(
            f"execution {row.exec_id} ({row.side} {row.shares} at {row.price}, permId "
            f"{row.perm_id}) is of a combination in {row.contract.symbol} whose legs IB does not "
            "name: only the executions of its legs are counted"
            for row in (one.execution for one in listing.executions)
            if self._lacks_legs(row)
        )

    def _fill_report(self, row: ReportedExecution, contract: IBContract) -> FillReport:
        execution = row.execution
        report = fill_report(
            execution,
            self._traded(contract, execution.order_ref, execution.perm_id),
            account_id=self._desk.account_id,
            client_order_id=self._our_name(execution.order_ref, execution.perm_id),
            commission=None if row.commission is None else money_of(row.commission),
            ts_init=self._clock.timestamp_ns(),
        )
        if not self._combinations.is_leg(execution):
            return report
        combination = self._ledger.find(order_ref=execution.order_ref, perm_id=execution.perm_id)
        owner = None if combination is None else combination.identity.strategy_id
        return as_leg(report, execution.contract.conId, owner)

    async def position_reports(self) -> tuple[PositionStatusReport, ...]:
        """Fetch what the account holds.

        Raises:
            RetryLater: the answer did not come.
            ReconciliationFailed: it holds what the provider cannot define.
        """
        held = [
            row
            for row in await self._client.get_positions()
            if row.quantity and self._concerns(row.account, row.contract)
        ]
        if self._desk.is_advisor:
            held = added_up(held)
        await self._load(row.contract for row in held)
        return tuple(
            position_report(
                row,
                self._traded(row.contract),
                account_id=self._desk.account_id,
                ts_init=self._clock.timestamp_ns(),
            )
            for row in held
        )

    # -- names ----------------------------------------------------------------------------------

    def _our_name(self, order_ref: str, perm_id: int) -> ClientOrderId | None:
        tracked = self._ledger.find(order_ref=order_ref, perm_id=perm_id)
        if tracked is not None:
            return tracked.identity.client_order_id
        return None

    async def _load(self, contracts: Iterable[IBContract]) -> None:
        unique = {_key(contract): contract for contract in contracts}
        missing = [one for one in unique.values() if self._contracts.of_contract(one) is None]
        await asyncio.gather(*(self._contracts.load(contract) for contract in missing))

    def _traded(self, contract: IBContract, order_ref: str = "", perm_id: int = 0) -> Traded:
        tracked = self._ledger.find(order_ref=order_ref, perm_id=perm_id)
        if tracked is not None:
            own = self._contracts.get(tracked.identity.instrument_id)
            if own is not None and own.contract.secType == contract.secType:
                return own
        found = self._contracts.of_contract(contract)
        if found is None:
            raise InvalidRequest(
                "a contract that was loaded is gone",
                field="contract",
                value=str(contract),
                remedy="report this",
            )
        return found


def _key(contract: IBContract) -> object:
    """Return what tells contracts apart: combinations share their numbers."""
    is_numbered = contract.conId and contract.secType != COMBINATION
    return contract.conId if is_numbered else contract


def _moment(text: str) -> int:
    return parse_time(text) if text else 0
