"""Request ids and order ids: IB reports errors for both under one number, so they never meet."""

from __future__ import annotations

from collections import deque
from typing import Final, final

__all__ = ["FIRST_REQUEST_ID", "IdAllocator"]

FIRST_REQUEST_ID: Final = 10_000
_FIRST_ORDER_ID: Final = 101
_DISTANCE: Final = 1_000_000
_LAST_ID: Final = 2**31 - 1
_REMEMBERED: Final = 4_096


@final
class IdAllocator:
    """Hand out ids.

    Order ids only grow, across connections too. Request ids start at 10,000 and jump out of the way
    of an account whose order ids have come that far.
    """

    def __init__(self) -> None:
        self._next_request = FIRST_REQUEST_ID
        self._next_order = _FIRST_ORDER_ID
        self._used: set[int] = set()
        self._retired: deque[int] = deque()
        self._retired_set: set[int] = set()

    def request_id(self) -> int:
        """Return a new request id."""
        if self._next_request <= self._next_order + _DISTANCE // 2 and (
            self._next_order >= FIRST_REQUEST_ID // 2
        ):
            self._next_request = self._next_order + _DISTANCE
        if self._next_request > _LAST_ID:
            self._next_request = self._next_order + _DISTANCE
        number = self._next_request
        self._next_request += 1
        self._used.add(number)
        return number

    def retire(self, request_id: int) -> None:
        """Take note that nothing asks under this id any more; what still comes for it is late."""
        self._used.discard(request_id)
        self._retired.append(request_id)
        self._retired_set.add(request_id)
        if len(self._retired) > _REMEMBERED:
            self._retired_set.discard(self._retired.popleft())

    def is_retired(self, request_id: int) -> bool:
        """Whether the id was a request's not long ago."""
        return request_id in self._retired_set

    def order_id(self) -> int:
        """Return a new order id."""
        while self._next_order in self._used or self._next_order in self._retired_set:
            self._next_order += 1
        number = self._next_order
        self._next_order += 1
        return number

    def order_ids_from(self, next_valid_id: int) -> None:
        """Never hand out an order id below what IB says is the next valid one."""
        self._next_order = max(self._next_order, next_valid_id)

    def order_id_seen(self, order_id: int) -> None:
        """Never hand out an order id that was in use before."""
        self.order_ids_from(order_id + 1)
