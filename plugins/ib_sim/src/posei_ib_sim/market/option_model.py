"""Option prices: Black-Scholes values, greeks, implied volatility, and a repeatable smile."""

from __future__ import annotations

import math
from typing import Final

import msgspec

__all__ = ["Greeks", "implied_volatility", "model_volatility", "value"]

_YEAR_NS: Final = 365 * 86_400 * 1_000_000_000
_LOWEST: Final = 0.001
_HIGHEST: Final = 10.0


class Greeks(msgspec.Struct, frozen=True):
    """Value and sensitivities of an option.

    Attributes:
        theta: Change of value a day.
        vega: Change of value for one percentage point of volatility.
    """

    price: float
    delta: float
    gamma: float
    vega: float
    theta: float


def value(
    spot: float, strike: float, years: float, volatility: float, *, call: bool, rate: float = 0.0
) -> Greeks:
    """Return value and greeks of a European option; at expiry, its intrinsic value."""
    sign = 1.0 if call else -1.0
    if years <= 0.0 or volatility <= 0.0:
        inner = max(0.0, sign * (spot - strike))
        return Greeks(inner, sign if inner > 0.0 else 0.0, 0.0, 0.0, 0.0)
    root = volatility * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + volatility * volatility / 2.0) * years) / root
    d2 = d1 - root
    discount = math.exp(-rate * years)
    density = math.exp(-d1 * d1 / 2.0) / math.sqrt(2.0 * math.pi)
    price = sign * (spot * _normal(sign * d1) - strike * discount * _normal(sign * d2))
    decay = spot * density * volatility / (2.0 * math.sqrt(years))
    carry = sign * rate * strike * discount * _normal(sign * d2)
    return Greeks(
        price=max(price, 0.0),
        delta=sign * _normal(sign * d1),
        gamma=density / (spot * root),
        vega=spot * density * math.sqrt(years) / 100.0,
        theta=-(decay + carry) / 365.0,
    )


def implied_volatility(
    price: float, spot: float, strike: float, years: float, *, call: bool
) -> float | None:
    """Return the volatility that gives a price, `None` if none does."""
    low, high = _LOWEST, _HIGHEST
    if years <= 0.0:
        return None
    if not (
        value(spot, strike, years, low, call=call).price - 1e-9
        <= price
        <= value(spot, strike, years, high, call=call).price
    ):
        return None
    for _ in range(60):
        middle = (low + high) / 2.0
        if value(spot, strike, years, middle, call=call).price < price:
            low = middle
        else:
            high = middle
        if high - low < 1e-6:
            break
    return (low + high) / 2.0


def model_volatility(spot: float, strike: float, years: float) -> float:
    """Return the simulated market's volatility of a strike: a smile that flattens with time."""
    moneyness = math.log(strike / spot)
    tilt = -0.12 * moneyness + 0.35 * moneyness * moneyness
    return max(0.05, 0.18 + tilt / (0.5 + math.sqrt(max(years, 1.0 / 365.0))))


def years_between(now_ns: int, expiry_ns: int) -> float:
    """Return the time to expiry in years, 0 after it."""
    return max(0.0, (expiry_ns - now_ns) / _YEAR_NS)


def _normal(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))
