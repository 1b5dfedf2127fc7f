"""Names for orders and order lists that no restart repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.model.identifiers import ClientOrderId, OrderListId
from posei_trader.trading.moments import from_ns

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.model.identifiers import TraderId

__all__ = ["OrderIds"]

_ALPHABET: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_NANOS: Final = 1_000_000_000


@final
class OrderIds:
    """Name the orders of one strategy.

    An id names the moment at which this was made, the node, the strategy and the order's number:
    ``O-20240102-150405-6cte-001-001-17``. A restart is a later moment.

    Args:
        trader_id: The node.
        tag: The strategy's part, unique in the node.
        now_ns: The moment, UNIX ns UTC.
        is_taken: Says whether an id exists already; such an id is passed over.
    """

    def __init__(
        self, trader_id: TraderId, tag: str, now_ns: int, is_taken: Callable[[str], bool]
    ) -> None:
        self._session = _session(now_ns, trader_id.rpartition("-")[2], tag)
        self._is_taken = is_taken
        self._orders = 0
        self._lists = 0

    def next_order(self) -> ClientOrderId:
        """Return an id that no order of ours has had."""
        while True:
            self._orders += 1
            order_id = f"O-{self._session}-{self._orders}"
            if not self._is_taken(order_id):
                return ClientOrderId(order_id)

    def next_list(self) -> OrderListId:
        """Return an id that no order list of ours has had."""
        self._lists += 1
        return OrderListId(f"OL-{self._session}-{self._lists}")


def _session(now_ns: int, trader_tag: str, tag: str) -> str:
    moment = from_ns(now_ns)
    return f"{moment:%Y%m%d-%H%M%S}-{_base36(now_ns % _NANOS // 1_000)}-{trader_tag}-{tag}"


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = _ALPHABET[rest] + digits
        if not number:
            return digits.rjust(4, "0")
