"""One account: cash by currency, positions, realised profit; exact decimals throughout."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.contracts.model import SimContract

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Account", "Position", "price_decimal"]

_EXACT: Final = Decimal("0.00000001")
# Classes that settle price changes in cash instead of being paid for.
_MARGINED: Final = frozenset({"FUT", "CFD", "CMDTY"})


def price_decimal(price: float) -> Decimal:
    """Return a price as the decimal that a person reads: the shortest text of the double."""
    return Decimal(repr(price))


class Position(msgspec.Struct):
    """A position of one contract.

    Attributes:
        contract: What is held.
        quantity: Signed size.
        cost: Signed cost of what is held, commissions included; negative for a short position.
        fees: The part of `cost` that is commissions.
        settled: Profit of what is held that the daily settlement has paid out in cash.
        realized: Realised profit and loss since the start, commissions deducted.
        day_value: Market value at the start of the day.
        day_flow: Money that went into the position since then, commissions included.
    """

    contract: SimContract
    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    settled: Decimal = Decimal(0)
    realized: Decimal = Decimal(0)
    day_value: Decimal = Decimal(0)
    day_flow: Decimal = Decimal(0)

    @property
    def average_cost(self) -> Decimal:
        """Cost of one unit, multiplier included, as IB states it; 0 when flat."""
        return self.cost / self.quantity if self.quantity else Decimal(0)

    def market_value(self, price: Decimal) -> Decimal:
        """Return the value at a price, in the contract's currency."""
        return self.quantity * price * self.contract.money_factor

    def unrealized(self, price: Decimal) -> Decimal:
        """Return the unrealised profit and loss at a price."""
        return self.market_value(price) - self.cost

    def equity(self, price: Decimal) -> Decimal:
        """Return what the position adds to net liquidation beside the cash balances."""
        if self.contract.sec_type == "CASH":
            return Decimal(0)
        if self.contract.sec_type in _MARGINED:
            return self.market_value(price) - (self.cost - self.fees) - self.settled
        return self.market_value(price)


class _Entry(msgspec.Struct, frozen=True):
    """One booking of a contract, kept so that it can be amended later.

    One without a quantity is a daily settlement at its price.
    """

    exec_id: str
    signed_quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_currency: str


@final
class Account:
    """The books of one account.

    Args:
        account_id: IB's account number, such as "DU123456".
        base_currency: Currency of the account's totals.
        cash: Opening balances by currency.
    """

    def __init__(self, account_id: str, base_currency: str, cash: Mapping[str, Decimal]) -> None:
        self.account_id: Final = account_id
        self.base_currency: Final = base_currency
        self.opening_cash: Final = dict(cash)
        self.cash: dict[str, Decimal] = defaultdict(Decimal, cash)
        self.cash[base_currency] += 0
        self.positions: dict[int, Position] = {}
        self.commissions: dict[str, Decimal] = defaultdict(Decimal)
        self.realized: dict[str, Decimal] = defaultdict(Decimal)
        self._journal: dict[int, list[_Entry]] = defaultdict(list)

    def position(self, contract: SimContract) -> Position:
        """Return the position of a contract, a flat one if it was never traded."""
        position = self.positions.get(contract.con_id)
        if position is None:
            position = self.positions[contract.con_id] = Position(contract)
        return position

    def apply_fill(
        self,
        contract: SimContract,
        signed_quantity: Decimal,
        price: Decimal,
        commission: Decimal,
        commission_currency: str,
        exec_id: str = "",
    ) -> Decimal | None:
        """Book a fill and return the profit realised by it, `None` if it only opens.

        The realised amount is in the contract's currency, with commissions deducted that are
        charged in that currency: those of the opening fills and the share of this one.
        A booking that `amend` shall find needs its execution id.
        """
        entry = _Entry(exec_id, signed_quantity, price, commission, commission_currency)
        self._journal[contract.con_id].append(entry)
        return self._book(contract, entry)

    def settle(self, contract: SimContract, price: Decimal) -> None:
        """Pay a future's profit since the last settlement, or take its loss, in cash.

        Cost and unrealised profit stay: IB states both since the position was opened.
        """
        entry = _Entry("", Decimal(0), price, Decimal(0), contract.currency)
        self._journal[contract.con_id].append(entry)
        self._book(contract, entry)

    def amend(
        self, contract: SimContract, exec_id: str, new_id: str, quantity: Decimal, price: Decimal
    ) -> dict[str, Decimal | None]:
        """Book a fill anew at another signed size and price, as if it had been so from the start.

        Whatever followed on the contract is booked again after it; a size of zero takes the fill
        and its commission out. Returns the realised profit of every fill of the contract.

        Raises:
            KeyError: There is no such fill.
        """
        entries = self._journal[contract.con_id]
        number = next((n for n, one in enumerate(entries) if one.exec_id == exec_id), None)
        if number is None:
            raise KeyError(exec_id)
        before, _ = self._replayed(contract, entries)
        if quantity:
            entries[number] = msgspec.structs.replace(
                entries[number], exec_id=new_id, signed_quantity=quantity, price=price
            )
        else:
            del entries[number]
        after, realized = self._replayed(contract, entries)
        for mine, old, new in (
            (self.cash, before.cash, after.cash),
            (self.realized, before.realized, after.realized),
            (self.commissions, before.commissions, after.commissions),
        ):
            for currency in old.keys() | new.keys():
                mine[currency] += new[currency] - old[currency]
        position, was = self.position(contract), before.position(contract)
        now = after.position(contract)
        position.quantity, position.cost, position.fees = now.quantity, now.cost, now.fees
        position.settled, position.realized = now.settled, now.realized
        position.day_flow += now.day_flow - was.day_flow
        return realized

    def _replayed(
        self, contract: SimContract, entries: list[_Entry]
    ) -> tuple[Account, dict[str, Decimal | None]]:
        scratch = Account(self.account_id, self.base_currency, {})
        return scratch, {one.exec_id: scratch._book(contract, one) for one in entries}

    def _book(self, contract: SimContract, entry: _Entry) -> Decimal | None:
        signed_quantity, price, commission = entry.signed_quantity, entry.price, entry.commission
        commission_currency = entry.commission_currency
        position = self.position(contract)
        if not signed_quantity:
            variation = position.equity(price)
            position.settled += variation
            self.cash[contract.currency] += variation
            return None
        size = abs(signed_quantity)
        unit = price * contract.money_factor * (1 if signed_quantity > 0 else -1)
        value = unit * size
        capitalised = commission if commission_currency == contract.currency else Decimal(0)
        closing = _closing(position.quantity, signed_quantity)
        close_fee = (capitalised * closing / size).quantize(_EXACT)
        realized, gross = self._close(position, closing, -unit * closing, close_fee)
        open_fee = capitalised - close_fee
        position.cost += unit * (size - closing) + open_fee
        position.fees += open_fee
        position.quantity += signed_quantity
        position.day_flow += value + capitalised
        self._settle(contract, signed_quantity, value, gross)
        self.cash[commission_currency] -= commission
        self.commissions[commission_currency] += commission
        return realized if closing else None

    def _close(
        self,
        position: Position,
        closing: Decimal,
        proceeds: Decimal,
        fee: Decimal,
    ) -> tuple[Decimal, Decimal]:
        """Take the closed part out of a position; return its net profit and what is still owed.

        The latter is without commissions and without what was settled daily.
        """
        if not closing:
            return Decimal(0), Decimal(0)
        held = abs(position.quantity)
        all_closed = closing == held
        relieved = position.cost if all_closed else _part(position.cost, closing, held)
        relieved_fees = position.fees if all_closed else _part(position.fees, closing, held)
        paid = position.settled if all_closed else _part(position.settled, closing, held)
        gross = proceeds - (relieved - relieved_fees)
        realized = proceeds - relieved - fee
        position.cost -= relieved
        position.fees -= relieved_fees
        position.settled -= paid
        position.realized += realized
        self.realized[position.contract.currency] += realized
        return realized, gross - paid

    def _settle(
        self, contract: SimContract, signed_quantity: Decimal, value: Decimal, gross: Decimal
    ) -> None:
        if contract.sec_type == "CASH":
            self.cash[contract.symbol] += signed_quantity
            self.cash[contract.currency] -= value
        elif contract.sec_type in _MARGINED:
            self.cash[contract.currency] += gross
        else:
            self.cash[contract.currency] -= value


def _part(amount: Decimal, closing: Decimal, held: Decimal) -> Decimal:
    return (amount * closing / held).quantize(_EXACT)


def _closing(held: Decimal, signed_quantity: Decimal) -> Decimal:
    """Return how much of a fill reduces what is held."""
    if held * signed_quantity >= 0:
        return Decimal(0)
    return min(abs(held), abs(signed_quantity))
