"""Limits of size, price, position and rate: what one set of them lets through.

A limit that cannot be computed, because no price is known, denies. A position is counted as it
would be if everything that works on the same side filled.
"""

from __future__ import annotations

from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import ContingencyType, OrderSide, PriceType

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from posei_trader.config import RiskLimits
    from posei_trader.engine.cache import Cache
    from posei_trader.model.identifiers import AccountId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.values import Price, Quantity

__all__ = ["Denial", "LimitSet", "Proposal", "RateLimit", "others_on_side"]


_ONE_OF_THEM: Final = frozenset({ContingencyType.OCO, ContingencyType.OUO})
"""Of such orders one fills and the others shrink or go."""


class Denial(NamedTuple):
    """Why something may not be sent.

    Attributes:
        rule: The rule's name.
        why: The value and the remedy.
    """

    rule: str
    why: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.why}"


class Proposal(NamedTuple):
    """What an order would be: as it is asked for, or as a change would make it.

    Attributes:
        order: The order.
        instrument: What it is about.
        quantity: How much, in all.
        price: Its limit price, None for none.
        trigger_price: Its stop or touch price, None for none.
        together: The orders that are submitted with it, itself among them or not.
    """

    order: Order
    instrument: Instrument
    quantity: Quantity
    price: Price | None
    trigger_price: Price | None
    together: Sequence[Order] = ()

    @property
    def adds(self) -> Decimal:
        """Return the units that it can still trade."""
        return max(Decimal(0), self.quantity.as_decimal() - self.order.filled_qty.as_decimal())


@final
class RateLimit:
    """Count orders within any second.

    Args:
        limit: How many may be sent within one.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._sent: deque[int] = deque(maxlen=limit)

    def is_reached(self, now_ns: int) -> bool:
        """Return whether one more would be too many."""
        return len(self._sent) == self.limit and now_ns - self._sent[0] < NANOS_PER_SECOND

    def count(self, now_ns: int) -> None:
        """Take note of one that is sent."""
        self._sent.append(now_ns)


@final
class LimitSet:
    """One set of limits, and the orders they hold for.

    Args:
        limits: The limits.
        cache: Prices, positions and orders.
        owner: Whose limits they are, for messages: ``"of AAPL.NASDAQ"``, ``"of the account"``.
        account_id: Count the positions and orders of this account only; None counts all.
    """

    def __init__(
        self,
        limits: RiskLimits,
        cache: Cache,
        owner: str,
        account_id: AccountId | None = None,
    ) -> None:
        self._limits = limits
        self._cache = cache
        self._owner = owner
        self._account_id = account_id
        self._limits_nothing_but_rate = all(
            value is None for name, value in limits if name != "max_orders_per_second"
        )
        rate = limits.max_orders_per_second
        self.rate = None if rate is None else RateLimit(rate)

    @property
    def is_empty(self) -> bool:
        """Return whether it lets everything through."""
        return self._limits_nothing_but_rate and self.rate is None

    def check(self, proposal: Proposal) -> Denial | None:
        """Return why an order may not be sent, None when it may.

        Rules, in order: MAX_ORDER_QUANTITY, PRICE_COLLAR, MAX_ORDER_NOTIONAL, MAX_POSITION,
        MAX_POSITION_NOTIONAL; PRICE_UNKNOWN where a price is needed and none is known.
        """
        if self._limits_nothing_but_rate:
            return None
        return (
            self._check_quantity(proposal)
            or self._check_collar(proposal)
            or self._check_notional(proposal)
            or self._check_position(proposal)
        )

    def _check_quantity(self, proposal: Proposal) -> Denial | None:
        limit = self._limits.max_order_quantity
        if limit is None or proposal.order.terms.quote_quantity:
            return None  # an amount of money is limited as a notional value
        if proposal.quantity.as_decimal() > limit:
            return self._denial("MAX_ORDER_QUANTITY", f"{proposal.quantity} exceeds {limit}")
        return None

    def _check_collar(self, proposal: Proposal) -> Denial | None:
        """Keep a slip of the finger from crossing the whole book."""
        share = self._limits.price_collar
        if share is None or proposal.price is None:
            return None
        reference = proposal.trigger_price or market_price(self._cache, proposal.order)
        if reference is None:
            return self._no_price("PRICE_COLLAR", proposal)
        around = reference.as_decimal()
        room = abs(around) * share
        price = proposal.price.as_decimal()
        is_buy = proposal.order.side is OrderSide.BUY
        if price > around + room if is_buy else price < around - room:
            bound = around + room if is_buy else around - room
            side = "above" if is_buy else "below"
            return self._denial(
                "PRICE_COLLAR",
                f"{proposal.price} is {side} {bound.normalize():f}, {share:%} from {reference}",
            )
        return None

    def _check_notional(self, proposal: Proposal) -> Denial | None:
        limit = self._limits.max_order_notional
        if limit is None:
            return None
        if proposal.order.terms.quote_quantity:
            notional = proposal.quantity.as_decimal()
        else:
            price = (
                proposal.price
                or proposal.trigger_price
                or market_price(self._cache, proposal.order)
            )
            if price is None:
                return self._no_price("MAX_ORDER_NOTIONAL", proposal)
            notional = abs(proposal.instrument.notional(proposal.quantity, price).as_decimal())
        if notional > limit:
            return self._denial("MAX_ORDER_NOTIONAL", f"{notional} exceeds {limit}")
        return None

    def _check_position(self, proposal: Proposal) -> Denial | None:
        limits = self._limits
        if limits.max_position is None and limits.max_position_notional is None:
            return None
        if not _can_add(proposal.order):
            return None
        reached = self._reach(proposal)
        if reached is None:
            return self._no_price("MAX_POSITION", proposal)
        if limits.max_position is not None and reached > limits.max_position:
            return self._denial(
                "MAX_POSITION",
                f"the position could become {_signed(proposal.order, reached)}, "
                f"beyond {limits.max_position}",
            )
        if limits.max_position_notional is None:
            return None
        price = self._cache.mark_price(proposal.instrument.id) or proposal.price
        if price is None:
            return self._no_price("MAX_POSITION_NOTIONAL", proposal)
        value = reached * abs(price.as_decimal()) * proposal.instrument.multiplier.as_decimal()
        if value > limits.max_position_notional:
            return self._denial(
                "MAX_POSITION_NOTIONAL",
                f"the position could be worth {value}, beyond {limits.max_position_notional}",
            )
        return None

    def _reach(self, proposal: Proposal) -> Decimal | None:
        """Return how far the position could go to the order's side; None where no price tells."""
        order = proposal.order
        held = sum(
            (
                position.signed_qty
                for position in self._cache.positions_open(order.instrument_id)
                if self._account_id is None or position.account_id == self._account_id
            ),
            Decimal(0),
        )
        alone = Decimal(0)
        groups: dict[frozenset[str], Decimal] = {}
        for other, leaves in self._candidates(proposal):
            units = self._units(other, leaves)
            if units is None:
                return None
            if other.terms.contingency_type in _ONE_OF_THEM:
                group = frozenset({other.client_order_id, *other.terms.linked_order_ids})
                groups[group] = max(units, groups.get(group, Decimal(0)))
            else:
                alone += units
        return (held if order.side is OrderSide.BUY else -held) + alone + sum(groups.values())

    def _candidates(self, proposal: Proposal) -> Iterator[tuple[Order, Decimal]]:
        """Yield every order that could enlarge the position on this side, and what it has left."""
        yield proposal.order, proposal.adds
        for other in others_on_side(self._cache, proposal.order, proposal.together):
            is_here = self._account_id is None or other.account_id in {None, self._account_id}
            if is_here and _can_add(other):
                yield other, other.leaves_qty.as_decimal()

    def _units(self, order: Order, leaves: Decimal) -> Decimal | None:
        if not order.terms.quote_quantity:
            return leaves
        price = market_price(self._cache, order)
        return None if price is None or price.raw == 0 else leaves / price.as_decimal()

    def _no_price(self, rule: str, proposal: Proposal) -> Denial:
        return self._denial(
            "PRICE_UNKNOWN",
            f"no price of {proposal.instrument.id} is known to check {rule}; "
            "subscribe to its quotes first",
        )

    def _denial(self, rule: str, why: str) -> Denial:
        return Denial(rule, f"{why} (limit {self._owner})")


def market_price(cache: Cache, order: Order) -> Price | None:
    """Return the price that an order would trade at now: the far side, else the mark price."""
    side = PriceType.ASK if order.side is OrderSide.BUY else PriceType.BID
    quoted = cache.price(order.instrument_id, side)
    return quoted or cache.mark_price(order.instrument_id)


def others_on_side(cache: Cache, order: Order, together: Sequence[Order] = ()) -> list[Order]:
    """Return the other orders on an order's side: working, on their way, or sent with it."""
    found = {
        other.client_order_id: other
        for other in (
            *cache.orders_open(order.instrument_id, side=order.side),
            *cache.orders_in_flight(order.instrument_id, side=order.side),
            *(
                one
                for one in together
                if one.side is order.side and one.instrument_id == order.instrument_id
            ),
        )
    }
    found.pop(order.client_order_id, None)
    return list(found.values())


def _can_add(order: Order) -> bool:
    """Return whether an order can enlarge a position: not what only closes another order's fill."""
    return not order.terms.reduce_only and order.terms.parent_order_id is None


def _signed(order: Order, reached: Decimal) -> Decimal:
    return reached if order.side is OrderSide.BUY else -reached
