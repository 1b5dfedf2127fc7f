"""Price steps and order sizes: precision, increments, bands by price."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from posei_trader.errors import InvalidRequest
from posei_trader.model.fixed_point import FIXED_PRECISION
from posei_trader.model.instruments import PriceBand
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContractDetails,
        PriceIncrement,
    )
    from posei_trader.adapters.interactive_brokers.instruments.price_scale import PriceScale

__all__ = ["PriceSteps", "SizeSteps", "price_steps", "rule_of_exchange", "size_steps"]

_ONE: Final = Decimal(1)


class PriceSteps(NamedTuple):
    """How prices of a contract are written."""

    precision: int
    increment: Price
    bands: tuple[PriceBand, ...]


class SizeSteps(NamedTuple):
    """How sizes of a contract are written."""

    precision: int
    increment: Quantity
    minimum: Quantity | None


def rule_of_exchange(details: IBContractDetails) -> int | None:
    """Return the id of the market rule at the contract's exchange, None when IB names none.

    `marketRuleIds` runs parallel to `validExchanges`; where the exchange is not among them, a rule
    that holds at all of them is taken.
    """
    return _rule_at(details.contract.exchange, details.marketRuleIds, details.validExchanges)


@functools.lru_cache(maxsize=1024)
def _rule_at(exchange: str, rule_ids: str, valid_exchanges: str) -> int | None:
    rules = [rule for rule in rule_ids.split(",") if rule.strip().isdigit()]
    exchanges = valid_exchanges.split(",")
    if len(rules) == len(exchanges) and exchange in exchanges:
        return int(rules[exchanges.index(exchange)])
    return int(rules[0]) if rules and len(set(rules)) == 1 else None


@functools.lru_cache(maxsize=4096)
def price_steps(min_tick: float, rule: tuple[PriceIncrement, ...], scale: PriceScale) -> PriceSteps:
    """Return precision, smallest step and bands in our unit, of numbers in IB's.

    The answer is shared: thousands of options have the same steps.

    Raises:
        InvalidRequest: IB gives no usable step, or one finer than prices can hold.
    """
    steps = sorted(
        (scale.from_ib(row.lowEdge), scale.from_ib(row.increment))
        for row in rule
        if row.increment > 0
    )
    increments = [step for _, step in steps]
    if min_tick > 0:
        increments_or_tick = increments or [scale.from_ib(min_tick)]
        digits = [_digits(scale.from_ib(min_tick))]
    else:
        increments_or_tick, digits = increments, []
    digits += [_digits(value) for pair in steps for value in pair]
    if not increments_or_tick or max(digits) > FIXED_PRECISION:
        raise InvalidRequest(
            "IB's price step cannot be used",
            field="IBContractDetails.minTick",
            value=min_tick,
            remedy=f"a step must be positive and have at most {FIXED_PRECISION} decimals",
        )
    precision = max(digits)
    bands: tuple[PriceBand, ...] = ()
    if len(set(increments)) > 1:
        bands = tuple(
            PriceBand(Price(low, precision), Price(step, precision)) for low, step in steps
        )
    return PriceSteps(precision, Price(min(increments_or_tick), precision), bands)


@functools.lru_cache(maxsize=256)
def size_steps(increment: Decimal | None, minimum: Decimal | None) -> SizeSteps:
    """Return precision, step and minimum of order sizes; whole units where IB does not say."""
    step = increment if increment is not None and increment > 0 else _ONE
    least = minimum if minimum is not None and minimum > 0 else None
    precision = max(_digits(step), _digits(least) if least is not None else 0)
    precision = min(precision, FIXED_PRECISION)
    return SizeSteps(
        precision,
        Quantity(step, precision),
        None if least is None else Quantity(least, precision),
    )


def _digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
