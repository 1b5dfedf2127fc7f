"""The risk engine: what an order must satisfy before it is stored and sent.

When in doubt it refuses. What an instrument demands is checked here, what the configuration limits
in :mod:`posei_trader.engine.limits`.
"""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_trader.config import LiveRiskEngineConfig, RiskLimits
from posei_trader.engine.limits import Denial, LimitSet, Proposal, RateLimit, others_on_side
from posei_trader.model.enums import OrderSide, TradingState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.model.identifiers import AccountId, InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.values import Price, Quantity
    from posei_trader.protocols import Clock

__all__ = ["Denial", "RiskEngine"]

_log: Final = logging.getLogger("posei.RiskEngine")

_STRICTNESS: Final = {state: number for number, state in enumerate(TradingState)}
"""They are declared from the mildest to the strictest."""


@final
class RiskEngine:
    """Check orders and changes of orders.

    Args:
        cache: Instruments, prices, positions and orders.
        clock: Time, for the order rate.
        config: The limits.
        outside_state: Tells what somebody outside the program demands, and why; None without one.
    """

    def __init__(
        self,
        cache: Cache,
        clock: Clock,
        config: LiveRiskEngineConfig | None = None,
        outside_state: Callable[[], tuple[TradingState, str]] | None = None,
    ) -> None:
        self._cache = cache
        self._clock = clock
        self._config = config = config or LiveRiskEngineConfig()
        self._outside_state = outside_state
        self._rate = RateLimit(config.max_orders_per_second)
        self._for_all = LimitSet(config.limits, cache, "of every instrument")
        self._by_instrument = {
            instrument_id: LimitSet(limits, cache, f"of {instrument_id}")
            for instrument_id, limits in _instrument_limits(config).items()
        }
        self._by_account: dict[str, LimitSet] = {}
        self.limits_accounts: Final = bool(config.account_limits)
        """Whether it matters which account an order is for."""
        self._has_limits = bool(
            self._by_instrument or self.limits_accounts or not self._for_all.is_empty
        )
        self._state = TradingState(config.trading_state)

    @property
    def trading_state(self) -> TradingState:
        """Return what is let through: everything, only what reduces, or nothing.

        The stricter of what was set here and what is demanded from outside.
        """
        return self._effective_state()[0]

    def set_trading_state(self, state: TradingState, reason: str) -> None:
        """Change what is let through. Cancels always are. Never raises."""
        if state is not self._state:
            _log.warning("trading state %s -> %s: %s", self._state, state, reason)
            self._state = state

    def check_order(
        self,
        order: Order,
        account_id: AccountId | None = None,
        together: Sequence[Order] = (),
    ) -> Denial | None:
        """Return why an order may not be sent, None when it may.

        Rules, in order: TRADING_HALTED, TRADING_REDUCING, INSTRUMENT_UNKNOWN,
        INSTRUMENT_NOT_TRADABLE, QUANTITY_*, PRICE_*, those of `LimitSet.check`, ORDER_RATE.

        Args:
            order: The order.
            account_id: The account it would trade for, None while that is not known.
            together: The orders that are submitted with it.
        """
        state, why = self._effective_state()
        if state is not TradingState.ACTIVE:
            denial = self._check_state(order, together, state, why)
            if denial is not None:
                return denial  # whatever is bypassed, a halt is a halt
        if self._config.bypass:
            return None
        instrument = self._cache.instrument(order.terms.instrument_id)
        if instrument is None:
            return Denial(
                "INSTRUMENT_UNKNOWN",
                f"{order.instrument_id} is not loaded; add it to load_ids, or request it",
            )
        denial = _check_terms(order, instrument)
        if denial is not None:
            return denial
        if not self._has_limits:
            return self._check_rate()
        proposal = Proposal(
            order, instrument, order.quantity, order.price, order.trigger_price, together
        )
        return self._check_limits(proposal, account_id)

    def check_change(
        self,
        order: Order,
        quantity: Quantity | None,
        price: Price | None,
        trigger_price: Price | None,
    ) -> Denial | None:
        """Return why an order may not be changed so, None when it may. Rules as `check_order`."""
        state = self.trading_state
        if state is not TradingState.ACTIVE and (quantity is None or quantity > order.quantity):
            return Denial(f"TRADING_{state}", "orders may only be made smaller or canceled")
        if self._config.bypass:
            return None
        instrument = self._cache.instrument(order.instrument_id)
        if instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", f"{order.instrument_id} is not loaded")
        if quantity is None and price is None and trigger_price is None:
            return Denial("NOTHING_TO_CHANGE", "give a quantity, a price or a trigger price")
        found: Denial | None = None
        if quantity is not None:
            found = _check_quantity(instrument, quantity)
        for name, value in (("PRICE", price), ("TRIGGER_PRICE", trigger_price)):
            if found is None and value is not None:
                found = _check_price(instrument, name, value)
        proposal = Proposal(
            order,
            instrument,
            quantity or order.quantity,
            price or order.price,
            trigger_price or order.trigger_price,
        )
        return found or self._check_limits(proposal, order.account_id)

    def _effective_state(self) -> tuple[TradingState, str]:
        if self._outside_state is None:
            return self._state, ""
        demanded, why = self._outside_state()
        if _STRICTNESS[demanded] > _STRICTNESS[self._state]:
            return demanded, why
        return self._state, ""

    def _check_state(
        self, order: Order, together: Sequence[Order], state: TradingState, why: str
    ) -> Denial | None:
        because = f" ({why})" if why else ""
        if state is TradingState.HALTED:
            return Denial("TRADING_HALTED", f"no orders are sent until trading is resumed{because}")
        held = sum(
            (held.signed_qty for held in self._cache.positions_open(order.instrument_id)),
            Decimal(0),
        )
        working = sum(
            (
                other.leaves_qty.as_decimal()
                for other in others_on_side(self._cache, order, together)
            ),
            Decimal(0),
        )
        closing = -held if order.side is OrderSide.BUY else held
        if order.quantity.as_decimal() + working > closing:
            return Denial(
                "TRADING_REDUCING",
                f"{order.side} {order.quantity} does not only reduce the position of {held} "
                f"(working on that side: {working}){because}",
            )
        return None

    def _check_limits(self, proposal: Proposal, account_id: AccountId | None) -> Denial | None:
        sets = list(self._sets(proposal.instrument.id, account_id))
        for limits in sets:
            denial = limits.check(proposal)
            if denial is not None:
                return denial
        return self._check_rate(sets)

    def _sets(
        self, instrument_id: InstrumentId, account_id: AccountId | None
    ) -> Iterator[LimitSet]:
        yield self._for_all
        by_instrument = self._by_instrument.get(instrument_id)
        if by_instrument is not None:
            yield by_instrument
        if account_id is not None and self.limits_accounts:
            by_account = self._account_set(account_id)
            if by_account is not None:
                yield by_account

    def _account_set(self, account_id: AccountId) -> LimitSet | None:
        known = self._by_account.get(account_id)
        if known is None:
            limits = self._config.account_limits.get(account_id)
            if limits is None:
                return None
            # A full account number has no place in a reason, which is logged.
            known = LimitSet(limits, self._cache, "of the account", account_id)
            self._by_account[account_id] = known
        return known

    def _check_rate(self, sets: Sequence[LimitSet] = ()) -> Denial | None:
        now = self._clock.timestamp_ns()
        rates = [self._rate]
        if sets:
            rates += [one.rate for one in sets if one.rate is not None]
        for rate in rates:
            if rate.is_reached(now):
                return Denial("ORDER_RATE", f"more than {rate.limit} orders in one second")
        for rate in rates:
            rate.count(now)
        return None


def _instrument_limits(config: LiveRiskEngineConfig) -> dict[str, RiskLimits]:
    """Join the limits by instrument with the older setting of notional values alone."""
    found = dict(config.instrument_limits)
    for instrument_id, notional in config.max_notional_per_order.items():
        given = found.get(instrument_id, RiskLimits())
        lowest = min(notional, given.max_order_notional or notional)
        found[instrument_id] = given.model_copy(update={"max_order_notional": lowest})
    return found


def _check_terms(order: Order, instrument: Instrument) -> Denial | None:
    if not instrument.is_tradable:
        return Denial("INSTRUMENT_NOT_TRADABLE", f"orders on {instrument} are not possible")
    if not order.terms.quote_quantity:
        found = _check_quantity(instrument, order.quantity)
        if found is not None:
            return found
    for name, value in (("PRICE", order.price), ("TRIGGER_PRICE", order.trigger_price)):
        if value is not None:
            found = _check_price(instrument, name, value)
            if found is not None:
                return found
    return None


def _check_quantity(instrument: Instrument, quantity: Quantity) -> Denial | None:
    raw = quantity.raw
    if raw % instrument.size_increment.raw:
        return Denial(
            "QUANTITY_INCREMENT",
            f"{quantity} is no multiple of {instrument.size_increment}; use make_qty",
        )
    if instrument.min_quantity is not None and raw < instrument.min_quantity.raw:
        return Denial("QUANTITY_MIN", f"{quantity} is below {instrument.min_quantity}")
    if instrument.max_quantity is not None and raw > instrument.max_quantity.raw:
        return Denial("QUANTITY_MAX", f"{quantity} is above {instrument.max_quantity}")
    return None


def _check_price(instrument: Instrument, name: str, price: Price) -> Denial | None:
    if instrument.is_on_tick(price):
        return None
    return Denial(f"{name}_INCREMENT", f"{price} is no multiple of {instrument.tick_at(price)}")
