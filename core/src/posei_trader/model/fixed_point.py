"""Fixed-point numbers: a 64-bit integer in units of 10^-9 and the number of digits to show.

Ticks and bars carry only the integers; these functions turn text, numbers and decimals into them.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Final

from posei_trader.errors import InvalidRequest

FIXED_PRECISION: Final = 9
"""Digits behind the decimal point that a raw value can hold."""

FIXED_SCALAR: Final = 10**FIXED_PRECISION
"""Raw units in 1.0."""

RAW_MAX: Final = 2**63 - 1
RAW_MIN: Final = -(2**63)

_UNITS: Final[tuple[int, ...]] = tuple(
    10 ** (FIXED_PRECISION - p) for p in range(FIXED_PRECISION + 1)
)
_POWERS: Final[tuple[float, ...]] = tuple(10.0**p for p in range(FIXED_PRECISION + 1))
_SCALAR: Final = Decimal(FIXED_SCALAR)


def check_precision(precision: int, field: str) -> int:
    """Return `precision` when it lies between 0 and 9.

    Raises:
        InvalidRequest: it does not.
    """
    if not isinstance(precision, int) or not 0 <= precision <= FIXED_PRECISION:
        raise InvalidRequest(
            f"{field} precision must be a whole number from 0 to {FIXED_PRECISION}",
            field=field,
            value=precision,
            remedy="round the value, or scale the instrument's unit",
        )
    return precision


def check_raw(raw: int, field: str) -> int:
    """Return `raw` when it fits 64 bits.

    Raises:
        InvalidRequest: it does not.
    """
    if not RAW_MIN <= raw <= RAW_MAX:
        raise InvalidRequest(
            f"{field} does not fit 64 bits at {FIXED_PRECISION} decimals",
            field=field,
            value=Decimal(raw) / _SCALAR,
            remedy=f"values must lie within +-{RAW_MAX // FIXED_SCALAR}",
        )
    return raw


def decimal_to_raw(value: Decimal, precision: int, field: str) -> int:
    """Scale a decimal, rounding half to even at `precision` digits.

    Raises:
        InvalidRequest: the value is not finite or does not fit.
    """
    if not value.is_finite():
        raise InvalidRequest(
            f"{field} must be a finite number", field=field, value=value, remedy="give a number"
        )
    steps = value.scaleb(precision).to_integral_value(ROUND_HALF_EVEN)
    return check_raw(int(steps) * _UNITS[precision], field)


def float_to_raw(value: float, precision: int) -> int:
    """Scale a float, rounded to `precision` digits; the hot path's converter, without checks."""
    return round(value * _POWERS[precision]) * _UNITS[precision]


def raw_to_decimal(raw: int, precision: int) -> Decimal:
    """Return the exact decimal with `precision` digits shown."""
    return Decimal(raw // _UNITS[precision]).scaleb(-precision)


def raw_to_str(raw: int, precision: int) -> str:
    """Return the text with `precision` digits shown."""
    whole = raw // _UNITS[precision]
    if precision == 0:
        return str(whole)
    sign = "-" if whole < 0 else ""
    digits = f"{abs(whole):0{precision + 1}d}"
    return f"{sign}{digits[:-precision]}.{digits[-precision:]}"


def parse_decimal(text: str, field: str) -> Decimal:
    """Parse plain or scientific notation; ``_`` may group digits.

    Raises:
        InvalidRequest: the text is no finite number.
    """
    try:
        value = Decimal(text.replace("_", ""))
    except (InvalidOperation, AttributeError) as error:
        raise InvalidRequest(
            f"{field} is not a number", field=field, value=text, remedy="give a text like '1.25'"
        ) from error
    if not value.is_finite():
        raise InvalidRequest(
            f"{field} must be a finite number", field=field, value=text, remedy="give a number"
        )
    return value


def decimals_of(value: Decimal) -> int:
    """Return how many digits stand behind the point, as written ("1.50" has two)."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
