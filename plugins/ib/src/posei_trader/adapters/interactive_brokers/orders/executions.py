"""Which executions are known: duplicates, corrections, and commissions that come early or late.

IB corrects an execution by sending it again under the same id with a higher number behind the last
dot (``...01.01`` becomes ``...01.02``). The first id stays the name of the fill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.model.identifiers import ClientOrderId, TradeId
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

KNOWN_AT_MOST: Final = 200_000
"""How many executions are remembered; the oldest are forgotten first."""


class Known(msgspec.Struct, gc=False):
    """An execution as it is known now.

    Attributes:
        first_id: The id under which it was reported first.
        revision: The number behind the last dot of the newest report.
        owner: Our order, None for one that is not ours.
        quantity: How much it is now.
        price: At which price, now.
        commission: What it cost, None while unknown.
    """

    first_id: TradeId
    revision: int
    owner: ClientOrderId | None
    quantity: Quantity
    price: Price
    commission: Money | None = None


class Executions:
    """A bounded memory of executions.

    Not thread-safe. All operations are O(1).
    """

    __slots__ = ("_capacity", "_early", "_known")

    def __init__(self, capacity: int = KNOWN_AT_MOST) -> None:
        self._capacity = capacity
        self._known: dict[str, Known] = {}
        self._early: dict[str, Money] = {}

    def __len__(self) -> int:
        return len(self._known)

    def find(self, exec_id: str) -> Known | None:
        """Return what is known of an execution, whichever revision the id names."""
        return self._known.get(split(exec_id)[0])

    def is_news(self, exec_id: str) -> bool:
        """Return whether the id is unknown, or corrects what is known."""
        base, revision = split(exec_id)
        known = self._known.get(base)
        return known is None or revision > known.revision

    def add(
        self, exec_id: str, owner: ClientOrderId | None, quantity: Quantity, price: Price
    ) -> Known:
        """Remember a new execution, joined with its commission if that came first."""
        base, revision = split(exec_id)
        known = Known(
            TradeId(exec_id), revision, owner, quantity, price, self._early.pop(base, None)
        )
        self._known[base] = known
        if len(self._known) > self._capacity:
            self._trim(self._known)
        return known

    def correct(self, exec_id: str, quantity: Quantity, price: Price) -> int:
        """Replace what is known by a correction; return how much more it is, in 10^-9 units."""
        base, revision = split(exec_id)
        known = self._known[base]
        added = quantity.raw - known.quantity.raw
        known.revision, known.quantity, known.price = revision, quantity, price
        return added

    def charge(self, exec_id: str, commission: Money) -> Known | None:
        """Join a commission; return the execution if this is news about one that is known.

        A commission that comes before its execution waits for it.
        """
        base, _ = split(exec_id)
        known = self._known.get(base)
        if known is None:
            self._early[base] = commission
            self._trim(self._early)
            return None
        if known.commission == commission:
            return None
        known.commission = commission
        return known

    def recall(self, owner: ClientOrderId, fills: Iterable[Known]) -> None:
        """Remember the executions of an order that was restored from the store."""
        for fill in fills:
            base, revision = split(fill.first_id)
            if base not in self._known:
                fill.revision, fill.owner = max(revision, fill.revision), owner
                self._known[base] = fill
        self._trim(self._known)

    def _trim(self, memory: dict[str, Known] | dict[str, Money]) -> None:
        while len(memory) > self._capacity:
            del memory[next(iter(memory))]


def split(exec_id: str) -> tuple[str, int]:
    """Return what names an execution, and the number of its correction."""
    base, dot, revision = exec_id.rpartition(".")
    return (base, int(revision)) if dot and revision.isdecimal() else (exec_id, 0)
