"""The risk engine: what an order must satisfy before it is stored and sent.

When in doubt it refuses: a limit that cannot be computed, because no price is known, denies.
"""

from __future__ import annotations

import logging
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.config import LiveRiskEngineConfig
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import OrderSide, PriceType, TradingState

if TYPE_CHECKING:
    from posei_trader.engine.cache import Cache
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.values import Price, Quantity
    from posei_trader.protocols import Clock

__all__ = ["Denial", "RiskEngine"]

_log: Final = logging.getLogger("posei.RiskEngine")


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


@final
class RiskEngine:
    """Check orders and changes of orders.

    Args:
        cache: Instruments, prices, positions and orders.
        clock: Time, for the order rate.
        config: The limits.
    """

    def __init__(
        self, cache: Cache, clock: Clock, config: LiveRiskEngineConfig | None = None
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._config = config or LiveRiskEngineConfig()
        self._sent: deque[int] = deque(maxlen=self._config.max_orders_per_second)
        self._state = TradingState.ACTIVE

    @property
    def trading_state(self) -> TradingState:
        """Return what is let through: everything, only what reduces, or nothing."""
        return self._state

    def set_trading_state(self, state: TradingState, reason: str) -> None:
        """Change what is let through. Cancels always are. Never raises."""
        if state is not self._state:
            _log.warning("trading state %s -> %s: %s", self._state, state, reason)
            self._state = state

    def check_order(self, order: Order) -> Denial | None:
        """Return why an order may not be sent, None when it may.

        Rules, in order: INSTRUMENT_UNKNOWN, INSTRUMENT_NOT_TRADABLE, TRADING_HALTED,
        TRADING_REDUCING, QUANTITY_*, PRICE_*, MAX_NOTIONAL, NOTIONAL_UNKNOWN, ORDER_RATE.
        """
        if self._config.bypass:
            return self._check_state(order)  # whatever is bypassed, a halt is a halt
        instrument = self._cache.instrument(order.instrument_id)
        if instrument is None:
            return Denial(
                "INSTRUMENT_UNKNOWN",
                f"{order.instrument_id} is not loaded; add it to load_ids, or request it",
            )
        return (
            _check_tradable(instrument)
            or self._check_state(order)
            or self._check_terms(order, instrument)
            or self._check_notional(order, instrument, order.quantity, order.price)
            or self._check_rate()
        )

    def check_change(
        self,
        order: Order,
        quantity: Quantity | None,
        price: Price | None,
        trigger_price: Price | None,
    ) -> Denial | None:
        """Return why an order may not be changed so, None when it may. Rules as `check_order`."""
        if self._config.bypass:
            return None
        instrument = self._cache.instrument(order.instrument_id)
        if instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", f"{order.instrument_id} is not loaded")
        if quantity is None and price is None and trigger_price is None:
            return Denial("NOTHING_TO_CHANGE", "give a quantity, a price or a trigger price")
        if self._state is not TradingState.ACTIVE and (
            quantity is None or quantity > order.quantity
        ):
            return Denial(f"TRADING_{self._state}", "orders may only be made smaller or canceled")
        found: Denial | None = None
        if quantity is not None:
            found = _check_quantity(instrument, quantity)
        for name, value in (("PRICE", price), ("TRIGGER_PRICE", trigger_price)):
            if found is None and value is not None:
                found = _check_price(instrument, name, value)
        return (
            found
            or self._check_notional(
                order, instrument, quantity or order.quantity, price or order.price
            )
            or self._check_rate()
        )

    def _check_state(self, order: Order) -> Denial | None:
        if self._state is TradingState.ACTIVE:
            return None
        if self._state is TradingState.HALTED:
            return Denial("TRADING_HALTED", "no orders are sent until trading is resumed")
        held = sum(
            (held.signed_qty for held in self._cache.positions_open(order.instrument_id)),
            Decimal(0),
        )
        working = sum(
            (
                other.leaves_qty.as_decimal()
                for other in self._working(order.instrument_id, order.side)
                if other is not order
            ),
            Decimal(0),
        )
        closing = -held if order.side is OrderSide.BUY else held
        if order.quantity.as_decimal() + working > closing:
            return Denial(
                "TRADING_REDUCING",
                f"{order.side} {order.quantity} does not only reduce the position of {held} "
                f"(working on that side: {working})",
            )
        return None

    def _working(self, instrument_id: InstrumentId, side: OrderSide) -> list[Order]:
        working = self._cache.orders_open(instrument_id, side=side)
        seen = {order.client_order_id for order in working}
        in_flight = self._cache.orders_in_flight(instrument_id, side=side)
        return working + [order for order in in_flight if order.client_order_id not in seen]

    def _check_terms(self, order: Order, instrument: Instrument) -> Denial | None:
        terms = order.terms
        if not terms.quote_quantity:
            found = _check_quantity(instrument, order.quantity)
            if found is not None:
                return found
        for name, value in (("PRICE", order.price), ("TRIGGER_PRICE", order.trigger_price)):
            if value is not None:
                found = _check_price(instrument, name, value)
                if found is not None:
                    return found
        return None

    def _check_notional(
        self, order: Order, instrument: Instrument, quantity: Quantity, price: Price | None
    ) -> Denial | None:
        limit = self._config.max_notional_per_order.get(instrument.id)
        if limit is None:
            return None
        if order.terms.quote_quantity:
            notional = quantity.as_decimal()
        else:
            at = price or order.trigger_price or self._market_price(order)
            if at is None:
                return Denial(
                    "NOTIONAL_UNKNOWN",
                    f"no price of {instrument.id} is known to compute the order's value; "
                    "subscribe to its quotes first",
                )
            notional = abs(instrument.notional(quantity, at).as_decimal())
        if notional > limit:
            return Denial("MAX_NOTIONAL", f"{notional} exceeds the limit of {limit}")
        return None

    def _market_price(self, order: Order) -> Price | None:
        side = PriceType.ASK if order.side is OrderSide.BUY else PriceType.BID
        quoted = self._cache.price(order.instrument_id, side)
        return quoted or self._cache.mark_price(order.instrument_id)

    def _check_rate(self) -> Denial | None:
        now = self._clock.timestamp_ns()
        limit = self._config.max_orders_per_second
        if len(self._sent) == limit and now - self._sent[0] < NANOS_PER_SECOND:
            return Denial("ORDER_RATE", f"more than {limit} orders in one second")
        self._sent.append(now)
        return None


def _check_tradable(instrument: Instrument) -> Denial | None:
    if instrument.is_tradable:
        return None
    return Denial("INSTRUMENT_NOT_TRADABLE", f"orders on {instrument} are not possible")


def _check_quantity(instrument: Instrument, quantity: Quantity) -> Denial | None:
    if quantity.raw % instrument.size_increment.raw:
        return Denial(
            "QUANTITY_INCREMENT",
            f"{quantity} is no multiple of {instrument.size_increment}; use make_qty",
        )
    if instrument.min_quantity is not None and quantity < instrument.min_quantity:
        return Denial("QUANTITY_MIN", f"{quantity} is below {instrument.min_quantity}")
    if instrument.max_quantity is not None and quantity > instrument.max_quantity:
        return Denial("QUANTITY_MAX", f"{quantity} is above {instrument.max_quantity}")
    return None


def _check_price(instrument: Instrument, name: str, price: Price) -> Denial | None:
    if instrument.is_on_tick(price):
        return None
    return Denial(f"{name}_INCREMENT", f"{price} is no multiple of {instrument.tick_at(price)}")
