"""A financial advisor's groups: how an order is shared out among sub-accounts."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, final
from xml.etree import ElementTree as ET

import msgspec

from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from posei_ib_sim.accounts.book import AccountBook
    from posei_ib_sim.wire import Order

__all__ = ["Advisor", "AdvisorGroup", "share_out"]

GROUPS, ALIASES = 1, 3
_EMPTY: Final = {
    GROUPS: '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups></ListOfGroups>',
    ALIASES: '<?xml version="1.0" encoding="UTF-8"?><ListOfAccountAliases></ListOfAccountAliases>',
}
_EQUAL: Final = frozenset({"", "Equal", "EqualQuantity"})
_OWN_AMOUNTS: Final = frozenset({"Ratio", "Percent", "Shares", "ContractsOrShares"})


class AdvisorGroup(msgspec.Struct, frozen=True):
    """A group of accounts.

    Attributes:
        method: How orders are shared out when they do not say it themselves.
        amounts: Each account's part for the methods in which the user gives it.
    """

    name: str
    method: str
    amounts: Mapping[str, Decimal]


@final
class Advisor:
    """The advisor's configuration, as XML that clients read and replace.

    Args:
        book: The accounts; the first one is the advisor's own when its number begins with F or DF.
    """

    def __init__(self, book: AccountBook) -> None:
        self._book = book
        self._xml = dict(_EMPTY)
        self._groups: dict[str, AdvisorGroup] = {}

    @property
    def exists(self) -> bool:
        """Whether the simulated user is an advisor."""
        return self._book.default.account_id.startswith(("F", "DF"))

    def read(self, kind: int) -> str:
        """Return the XML of a kind: 1 groups, 3 aliases."""
        return self._xml.get(kind, "")

    def replace(self, kind: int, xml: str) -> None:
        """Take new XML of a kind.

        Raises:
            RequestRefused: 321 it is not well formed, or names an account that does not exist.
        """
        root = _parsed(xml)
        if kind == GROUPS:
            groups = [_group(element) for element in root.iter("Group")]
            for group in groups:
                unknown = group.amounts.keys() - self._book.accounts.keys()
                if unknown:
                    raise _invalid(f"the group {group.name!r} has no account {min(unknown)}")
            self._groups = {group.name: group for group in groups}
        self._xml[kind] = xml

    def check(self, request: Order) -> None:
        """Refuse an order that cannot be shared out.

        Raises:
            RequestRefused: 321 no advisor, no such group, an empty group or an unknown method.
        """
        if request.faGroup:
            self._weights(request)

    def shares(self, request: Order, increment: Decimal) -> dict[str, Decimal]:
        """Return how much of an order each account gets; without a group its own account all."""
        quantity = request.totalQuantity or Decimal(0)
        if not request.faGroup:
            return {request.account: quantity}
        return share_out(quantity, self._weights(request), increment)

    def _weights(self, request: Order) -> dict[str, Decimal]:
        group = self._groups.get(request.faGroup) if self.exists else None
        if group is None or not group.amounts:
            raise _invalid(f"the advisor has no group {request.faGroup!r} with accounts")
        method = request.faMethod or group.method
        if method in _EQUAL:
            return dict.fromkeys(group.amounts, Decimal(1))
        if method in _OWN_AMOUNTS:
            return dict(group.amounts)
        values = {name: self._book.value(self._book.get(name)) for name in group.amounts}
        if method == "NetLiq":
            return {name: max(v.net_liquidation, Decimal(0)) for name, v in values.items()}
        if method in {"AvailableEquity", "AvailableEquityMethod"}:
            return {name: max(v.available_funds, Decimal(0)) for name, v in values.items()}
        raise _invalid(f"the allocation method {method!r} is not known")


def share_out(
    quantity: Decimal, weights: Mapping[str, Decimal], increment: Decimal
) -> dict[str, Decimal]:
    """Share a quantity out by weights, in whole increments; the shares add up to it exactly.

    What rounding leaves goes to those whose share was cut most, one increment each.
    """
    total = sum(weights.values(), Decimal(0))
    if total <= 0:
        weights, total = dict.fromkeys(weights, Decimal(1)), Decimal(len(weights))
    exact = {name: quantity * weight / total for name, weight in weights.items()}
    shares = {
        name: (amount / increment).to_integral_value(ROUND_FLOOR) * increment
        for name, amount in exact.items()
    }
    left = quantity - sum(shares.values(), Decimal(0))
    for name in sorted(exact, key=lambda one: shares[one] - exact[one]):
        if left <= 0:
            break
        piece = min(increment, left)
        shares[name] += piece
        left -= piece
    return shares


def _parsed(xml: str) -> ET.Element:
    if "<!" in xml:
        raise _invalid("the XML has a document type or comment, which is not accepted")
    try:
        return ET.fromstring(xml)  # noqa: S314 - declarations of entities are refused above
    except ET.ParseError as error:
        raise _invalid(f"the XML is not well formed ({error})") from None


def _group(element: ET.Element) -> AdvisorGroup:
    amounts = {}
    for account in element.iter("Account"):
        amounts[_text(account, "acct")] = _amount(_text(account, "amount"))
    for listed in element.iter("String"):
        amounts[(listed.text or "").strip()] = Decimal(1)
    return AdvisorGroup(_text(element, "name"), _text(element, "defaultMethod"), amounts)


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text or "1")
    except InvalidOperation:
        raise _invalid(f"the amount {text!r} is no number") from None
    if not amount.is_finite() or amount < 0:
        raise _invalid(f"the amount {text!r} is not 0 or more")
    return amount


def _text(element: ET.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _invalid(cause: str) -> RequestRefused:
    return RequestRefused(321, f"Error validating request.-'cB' : cause - {cause}")
