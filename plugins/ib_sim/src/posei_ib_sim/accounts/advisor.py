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
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["Advisor", "AdvisorGroup", "share_out"]

GROUPS, ALIASES = 1, 3
_EMPTY: Final = {
    GROUPS: '<?xml version="1.0" encoding="UTF-8"?><ListOfGroups></ListOfGroups>',
    ALIASES: '<?xml version="1.0" encoding="UTF-8"?><ListOfAccountAliases></ListOfAccountAliases>',
}
_EQUAL: Final = frozenset({"", "Equal", "EqualQuantity"})
_PCT_CHANGE: Final = "PctChange"
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
        """Return the XML of a kind: 1 groups, 3 aliases.

        Raises:
            RequestRefused: 321 there is no such kind (profiles are groups now).
        """
        _check_kind(kind)
        return self._xml[kind]

    def members(self, name: str) -> list[str]:
        """Return the accounts that a request means: all, those of a group, or one.

        Raises:
            RequestRefused: 321 the name is neither.
        """
        if name in {"", "All"}:
            return list(self._book.accounts)
        if name in self._book.accounts:
            return [name]
        group = self._groups.get(name) if self.exists else None
        if group is None:
            raise _invalid(f"{name!r} is neither an account nor a group")
        return list(group.amounts)

    @staticmethod
    def check_model(code: str) -> None:
        """Refuse a model: the simulated broker keeps none.

        Raises:
            RequestRefused: 321 a model is named.
        """
        if code:
            raise _invalid(f"the model {code!r} does not exist; no account has models")

    def replace(self, kind: int, xml: str) -> None:
        """Take new XML of a kind.

        Raises:
            RequestRefused: 321 it is not well formed or of no known kind, 10231 it names accounts
                that do not exist.
        """
        _check_kind(kind)
        root = _parsed(xml)
        if kind == GROUPS:
            groups = [_group(element) for element in root.iter("Group")]
            known = self._book.accounts.keys()
            wrong = [group.name for group in groups if group.amounts.keys() - known]
            if wrong:
                raise RequestRefused(
                    10231,
                    "The following Groups and/or Profiles contain invalid accounts: "
                    + ", ".join(wrong),
                )
            self._groups = {group.name: group for group in groups}
        self._xml[kind] = xml

    def check(self, request: Order) -> None:
        """Refuse an order that cannot be shared out.

        Raises:
            RequestRefused: 344 no advisor, 436 an advisor's order for nobody, 321 no such group, an
                empty group, an unknown method or a model, 10012 no sensible percentage.
        """
        self.check_model(request.modelCode)
        if not self.exists:
            if request.faGroup or request.faMethod or request.faPercentage:
                raise RequestRefused(
                    344, "The account logged into is not a financial advisor account."
                )
            return
        if request.faGroup:
            self._weights(request)
            if self._method(request) == _PCT_CHANGE:
                _percentage(request)

    def check_allocation(self, request: Order) -> None:
        """Refuse an advisor's order that says for whom it is neither by account nor by group.

        Raises:
            RequestRefused: 436.
        """
        if self.exists and not (request.account or request.faGroup):
            raise RequestRefused(
                436,
                "You must specify an allocation (either a single account, group, or profile).",
            )

    def shares(self, request: Order, contract: SimContract) -> dict[str, Decimal]:
        """Return how much of an order each account gets; without a group its own account all."""
        quantity = request.totalQuantity or Decimal(0)
        if not request.faGroup:
            return {request.account: quantity}
        unit = contract.whole_unit
        if self._method(request) == _PCT_CHANGE:
            changes = self._changes(request, contract)
            if sum(changes.values(), Decimal(0)) == quantity:
                return changes
            # A changed size is shared out in the proportions of the positions.
            return share_out(quantity, changes, unit)
        return share_out(quantity, self._weights(request), unit)

    def size(self, request: Order, contract: SimContract) -> Decimal | None:
        """Return the size of an order that changes positions by a percentage, `None` for others.

        Raises:
            RequestRefused: 426 no account has a position that the order would change so.
        """
        if not request.faGroup or self._method(request) != _PCT_CHANGE:
            return None
        total = sum(self._changes(request, contract).values(), Decimal(0))
        if not total:
            raise RequestRefused(426, "None of the accounts have enough shares.")
        return total

    def _changes(self, request: Order, contract: SimContract) -> dict[str, Decimal]:
        """Return by how much each position of the group changes in the order's direction."""
        unit = contract.whole_unit
        percent = _percentage(request)
        sign = 1 if request.action == "BUY" else -1
        found = {}
        for name in self._groups[request.faGroup].amounts:
            held = self._book.get(name).position(contract).quantity
            wanted = held * percent / 100 * sign
            if wanted > 0:
                found[name] = (wanted / unit).to_integral_value(ROUND_FLOOR) * unit
        return found

    def _method(self, request: Order) -> str:
        group = self._groups.get(request.faGroup)
        return request.faMethod or (group.method if group is not None else "")

    def _weights(self, request: Order) -> dict[str, Decimal]:
        group = self._groups.get(request.faGroup) if self.exists else None
        if group is None or not group.amounts:
            raise _invalid(f"the advisor has no group {request.faGroup!r} with accounts")
        method = self._method(request)
        if method in _EQUAL or method == _PCT_CHANGE:
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


def _percentage(request: Order) -> Decimal:
    try:
        percent = Decimal(request.faPercentage)
    except InvalidOperation:
        percent = Decimal(0)
    if not percent.is_finite() or not percent:
        raise RequestRefused(10012, f"Invalid allocation percentage {request.faPercentage!r}")
    return percent


def _check_kind(kind: int) -> None:
    if kind not in _EMPTY:
        raise _invalid("FA Profile is not supported anymore, use FA Group instead")


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
