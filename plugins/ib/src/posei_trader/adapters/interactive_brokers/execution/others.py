"""Orders of the account that are not ours: entered by hand, or by another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.adapters.interactive_brokers.orders.decoding import order_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_trader.adapters.interactive_brokers.client.messages import (
        OpenOrder,
        OrderStatusUpdate,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.identifiers import AccountId
    from posei_trader.protocols import Clock, ExecSink

OTHERS_AT_MOST: Final = 10_000
"""How many orders of others are remembered, for their statuses."""

_FINAL: Final = frozenset({"Cancelled", "ApiCancelled", "Filled", "Inactive"})


@final
class OtherOrders:
    """Remembers and reports orders that are not ours.

    Args:
        account_id: The account whose orders these are.
        sink: Where to report.
        clock: Time.
        load: Loads the instrument of an order, then calls back.
    """

    def __init__(
        self,
        account_id: AccountId,
        sink: ExecSink,
        clock: Clock,
        load: Callable[[IBContract, Callable[[Traded], None]], None],
    ) -> None:
        self._account_id = account_id
        self._sink = sink
        self._clock = clock
        self._load = load
        self._known: dict[int, OpenOrder] = {}
        self._kept: dict[int, tuple[OpenOrder, OrderStatusUpdate | None]] = {}
        self._keepers = 0

    def __contains__(self, perm_id: int) -> bool:
        return perm_id in self._known

    def get(self, perm_id: int) -> OpenOrder | None:
        """Return an order as IB told it last, None when it told nothing."""
        return self._known.get(perm_id)

    def order(self, row: OpenOrder) -> None:
        """Take an order."""
        if row.order.permId:
            self._known[row.order.permId] = row
            if len(self._known) > OTHERS_AT_MOST:
                del self._known[next(iter(self._known))]
        self._tell(row, None)

    def status(self, row: OrderStatusUpdate) -> None:
        """Take the status of an order; one that was never told is left alone."""
        known = self._known.get(row.perm_id)
        if known is None:
            return
        if row.status in _FINAL:
            del self._known[row.perm_id]
        self._tell(msgspec.structs.replace(known, status=row.status), row)

    # -- lists ----------------------------------------------------------------------------------

    def keep(self) -> None:
        """Report nothing until `release`: a list of thousands tells each order twice."""
        self._keepers += 1

    def release(self, reported: Iterable[OpenOrder] = ()) -> None:
        """Report what was kept, once for each order.

        Args:
            reported: The orders that the caller reports himself: if nothing newer came, that will
                do.
        """
        self._keepers -= 1
        if self._keepers:
            return
        kept, self._kept = self._kept, {}
        listed = {row.order.permId: row for row in reported}
        for perm_id, (row, progress) in kept.items():
            known = listed.get(perm_id)
            if known is None or known.order is not row.order or known.last_status is not progress:
                self._tell(row, progress)

    def _tell(self, row: OpenOrder, progress: OrderStatusUpdate | None) -> None:
        if self._keepers and row.order.permId:
            self._kept[row.order.permId] = row, progress
            return
        self._load(row.contract, lambda traded: self._report(row, traded, progress))

    def _report(self, row: OpenOrder, traded: Traded, progress: OrderStatusUpdate | None) -> None:
        self._sink.order_report(
            order_report(
                row.order,
                row.status or row.state.status,
                traded,
                account_id=self._account_id,
                client_order_id=None,
                progress=progress or row.last_status,
                ts_init=self._clock.timestamp_ns(),
                order_id=row.order_id,
            )
        )
