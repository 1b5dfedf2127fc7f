"""Whose orders an execution client trades: one account's, or those of an advisor's whole login."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from posei_trader.adapters.interactive_brokers.execution.accounts import account_id_of
from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import AccountId, ClientId

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ibapi.order import Order as IBOrder

    from posei_trader.adapters.interactive_brokers.client.messages import Position

__all__ = ["Desk", "added_up"]

_ADVISORS = ("F", "DF")


class Desk(msgspec.Struct, frozen=True):
    """Whose orders these are.

    An advisor's account holds nothing itself: its orders are shared out among the accounts of a
    group, and what these hold and trade is the advisor's.

    Attributes:
        number: IB's number of the account.
        account_id: Our id of it.
        client_id: The API client id that our order ids belong to.
        name: The execution client's name in the node.
        accounts: Every account whose orders, executions and positions are meant.
    """

    number: str
    account_id: AccountId
    client_id: int
    name: ClientId
    accounts: frozenset[str]

    @classmethod
    def of(cls, number: str, managed: Sequence[str], client_id: int, name: ClientId) -> Desk:
        """Return the desk of an account of a login that manages some."""
        is_advisor = number.upper().startswith(_ADVISORS)
        accounts = frozenset(managed) | {number} if is_advisor else frozenset({number})
        return cls(number, account_id_of(number), client_id, name, accounts)

    @property
    def is_advisor(self) -> bool:
        """Whether it stands for several accounts."""
        return len(self.accounts) > 1

    def concerns(self, account: str) -> bool:
        """Return whether what IB tells of an account is this desk's; no account means any."""
        return not account or account in self.accounts

    def address(self, order: IBOrder) -> None:
        """Say for whom an order is: IB takes an advisor's for a group, and no account then.

        Raises:
            InvalidRequest: an advisor's order names no group.
        """
        if not self.is_advisor:
            return
        if not order.faGroup:
            raise InvalidRequest(
                "an advisor's order has to say for which group of accounts it is",
                field="IBOrderTags.faGroup",
                value="",
                remedy="name a group, or trade one account by an execution client whose account_id "
                "is that account's",
            )
        order.account = order.clearingAccount = ""


def added_up(positions: Iterable[Position]) -> list[Position]:
    """Return what several accounts hold together, contract by contract; what cancels out is gone.

    The cost is the average of those that are on the side of the sum.
    """
    together: dict[int, list[Position]] = {}
    for position in positions:
        together.setdefault(position.contract.conId, []).append(position)
    sums = []
    for held in together.values():
        total = sum((one.quantity for one in held), start=Decimal(0))
        same = [one for one in held if one.quantity * total > 0]
        if same:
            size = sum(float(one.quantity) for one in same)
            cost = sum(float(one.quantity) * one.avg_cost for one in same) / size
            sums.append(msgspec.structs.replace(same[0], quantity=total, avg_cost=cost))
    return sums
