"""Order lists that a broken connection cut in the middle are withdrawn.

IB holds a parent and its children back until the last of them has come. What came of a list whose
last order was lost waits at TWS for ever and is listed nowhere, yet a person there could transmit
it: a parent without its stops. Sending the rest later would trade on prices of another moment. So
the whole list is withdrawn: what came is canceled, what did not is rejected, and the strategy,
which hears of both, decides anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.execution.inbox import OrderInbox
    from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
    from posei_trader.model.identifiers import OrderListId

_log = get_logger("InteractiveBrokersExecutionClient")

WITHDRAWN: Final = "withdrawn: the connection broke before its whole list was sent"


@final
class CutLists:
    """Finds and withdraws them.

    Args:
        client: The connection.
        ledger: Our orders.
        inbox: Judges what happens to them.
    """

    def __init__(
        self, client: InteractiveBrokersClient, ledger: OrderLedger, inbox: OrderInbox
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._inbox = inbox

    def withdraw(self, absent: Iterable[t.TrackedOrder]) -> bool:
        """Cancel what may have come of the lists of orders that IB does not list.

        A list of which something traded is left alone: its position may need what works. To cancel
        what never came, or was canceled with its parent, is harmless. If the connection breaks
        again, whoever asks IB next withdraws them again.

        Returns:
            Whether anything was canceled: what IB lists afterwards tells what came of it.

        Raises:
            NotConnected: the rest was not canceled.
        """
        lists = {self._ledger.list_of(one) for one in absent if one.phase is t.Phase.SENT}
        lists.discard(None)
        is_asked = False
        for family in self._families(lists):
            for tracked in family:
                order_id = self._ledger.order_id(tracked.identity.client_order_id)
                if order_id is not None and not tracked.phase.is_done:
                    self._cancel(tracked, order_id)
                    is_asked = True
        return is_asked

    def _families(self, lists: set[OrderListId | None]) -> list[list[t.TrackedOrder]]:
        """Return the orders of lists in which a parent has children and nothing traded."""
        if not lists:
            return []
        families: dict[OrderListId | None, list[t.TrackedOrder]] = {}
        for tracked in self._ledger:
            list_id = self._ledger.list_of(tracked)
            if list_id in lists:
                families.setdefault(list_id, []).append(tracked)
        return [
            family
            for family in families.values()
            if any(self._ledger.parent_id(one.identity.client_order_id) for one in family)
            and not any(one.filled_raw or one.reported_filled_raw for one in family)
        ]

    def _cancel(self, tracked: t.TrackedOrder, order_id: int) -> None:
        name = tracked.identity.client_order_id
        _log.warning("an order is withdrawn, for its list was cut", client_order_id=name)
        self._inbox.happened(tracked, t.ProblemSeen(t.ProblemKind.WARNING, 0, WITHDRAWN))
        self._client.cancel_order(order_id)
