"""Price, Quantity and Money: exact, immutable, comparable values."""

from __future__ import annotations

import functools
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, ClassVar, Final, Self

from posei_trader.errors import InvalidRequest
from posei_trader.model.currencies import Currency
from posei_trader.model.fixed_point import (
    FIXED_SCALAR,
    RAW_MAX,
    RAW_MIN,
    check_precision,
    check_raw,
    decimal_to_raw,
    decimals_of,
    parse_decimal,
    raw_to_decimal,
    raw_to_str,
)

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_new: Final = object.__new__


@functools.total_ordering
class _FixedPoint:
    """The shared part of Price and Quantity."""

    __slots__ = ("_precision", "_raw")
    _field: ClassVar[str] = "value"
    _least: ClassVar[int] = RAW_MIN

    _raw: int
    _precision: int

    def __init__(self, value: Decimal | float | str, precision: int | None = None) -> None:
        if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
            raise InvalidRequest(
                f"a {self._field} is a number",
                field=self._field,
                value=value,
                remedy=f"write {type(self).__name__}('1.25')",
            )
        if isinstance(value, str):
            value = parse_decimal(value, self._field)
        elif isinstance(value, float):
            if precision is None:
                raise InvalidRequest(
                    f"a {self._field} from a float needs a precision",
                    field=self._field,
                    value=value,
                    remedy=f"write {type(self).__name__}({value!r}, precision=2), or give a text",
                )
            value = Decimal(repr(value))
        else:
            value = Decimal(value)
        digits = decimals_of(value) if precision is None else precision
        self._precision = check_precision(digits, self._field)
        self._raw = self._check(decimal_to_raw(value, digits, self._field))

    @classmethod
    def _check(cls, raw: int) -> int:
        return raw

    @classmethod
    def from_raw(cls, raw: int, precision: int) -> Self:
        """Make one from its 64-bit form, in units of 10^-9, unchecked: for the hot path.

        The raw value must be a whole number of steps of the precision; what is shown of other
        values is rounded down.
        """
        new = _new(cls)
        new._raw = raw  # noqa: SLF001  an alternative constructor of the class itself
        new._precision = precision  # noqa: SLF001  same
        return new

    @classmethod
    def from_str(cls, text: str) -> Self:
        """Parse the string form; the digits written are the precision."""
        return cls(text)

    @classmethod
    def zero(cls, precision: int = 0) -> Self:
        """Return zero."""
        return cls.from_raw(0, precision)

    @property
    def raw(self) -> int:
        """Return the 64-bit form, in units of 10^-9."""
        return self._raw

    @property
    def precision(self) -> int:
        """Return how many decimals are shown."""
        return self._precision

    def as_decimal(self) -> Decimal:
        """Return the exact value."""
        return raw_to_decimal(self._raw, self._precision)

    def as_double(self) -> float:
        """Return the nearest float."""
        return self._raw / FIXED_SCALAR

    def __float__(self) -> float:
        return self._raw / FIXED_SCALAR

    def __int__(self) -> int:
        raw = self._raw
        return raw // FIXED_SCALAR if raw >= 0 else -(-raw // FIXED_SCALAR)

    def __bool__(self) -> bool:
        return self._raw != 0

    def __str__(self) -> str:
        return raw_to_str(self._raw, self._precision)

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __hash__(self) -> int:
        return hash(self._raw)

    def __eq__(self, other: object) -> bool:
        if type(other) is type(self):
            return self._raw == other._raw
        return NotImplemented

    def __lt__(self, other: Self) -> bool:
        if type(other) is type(self):
            return self._raw < other._raw
        return NotImplemented

    def __add__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self._make(self._raw + other._raw, max(self._precision, other._precision))

    def __sub__(self, other: Self) -> Self:
        if type(other) is not type(self):
            return NotImplemented
        return self._make(self._raw - other._raw, max(self._precision, other._precision))

    @classmethod
    def _make(cls, raw: int, precision: int) -> Self:
        if not cls._least <= raw <= RAW_MAX:
            cls._check(check_raw(raw, cls._field))
        return cls.from_raw(raw, precision)

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (str(self),)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[object], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415  pydantic is only there when it asks

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            serialization=core_schema.to_string_ser_schema(),
        )


class Price(_FixedPoint):
    """A price: may be negative (spreads, oil in 2020).

    ``Price("1.10")``, ``Price(Decimal("1.10"))``, ``Price(1.1, precision=2)``.
    Prices are equal when their values are: ``Price("1.1") == Price("1.10")``.
    """

    __slots__ = ()
    _field = "price"

    def __neg__(self) -> Price:
        return Price.from_raw(-self._raw, self._precision)


class Quantity(_FixedPoint):
    """An amount to trade, a size or a volume: never negative.

    Raises:
        InvalidRequest: the value is negative, also as the result of a subtraction.
    """

    __slots__ = ()
    _field = "quantity"
    _least = 0

    @classmethod
    def _check(cls, raw: int) -> int:
        if raw < 0:
            raise InvalidRequest(
                "a quantity may not be negative",
                field="quantity",
                value=Decimal(raw) / FIXED_SCALAR,
                remedy="give the amount, and the direction as an OrderSide",
            )
        return raw


@functools.total_ordering
class Money:
    """An exact amount of a currency. Not rounded: IB's commissions have more digits than cents."""

    __slots__ = ("_amount", "_currency")

    def __init__(self, amount: Decimal | int | str, currency: Currency | str) -> None:
        if type(amount) is not Decimal and (
            isinstance(amount, float | bool) or not isinstance(amount, Decimal | int | str)
        ):
            raise InvalidRequest(
                f"an amount of money may not be a {type(amount).__name__}",
                field="amount",
                value=amount,
                remedy="give a Decimal or a text such as '10.50'",
            )
        value = parse_decimal(amount, "amount") if isinstance(amount, str) else Decimal(amount)
        if not value.is_finite():
            raise InvalidRequest(
                "an amount of money must be finite", field="amount", value=amount, remedy="a number"
            )
        self._amount = value
        self._currency = currency if isinstance(currency, Currency) else Currency.of(currency)

    @classmethod
    def from_str(cls, text: str) -> Money:
        """Parse ``"10.50 USD"``."""
        amount, space, code = text.strip().rpartition(" ")
        if not space:
            raise InvalidRequest(
                "money has the form AMOUNT CURRENCY",
                field="money",
                value=text,
                remedy="give something like '10.50 USD'",
            )
        return cls(amount, code)

    @classmethod
    def zero(cls, currency: Currency | str) -> Money:
        """Return no money."""
        return cls(Decimal(0), currency)

    @property
    def currency(self) -> Currency:
        """Return the currency."""
        return self._currency

    def as_decimal(self) -> Decimal:
        """Return the exact amount."""
        return self._amount

    def as_double(self) -> float:
        """Return the nearest float."""
        return float(self._amount)

    def rounded(self) -> Money:
        """Return the amount rounded half to even to the currency's minor unit."""
        unit = Decimal(1).scaleb(-self._currency.precision)
        return Money(self._amount.quantize(unit, ROUND_HALF_EVEN), self._currency)

    def _same(self, other: Money) -> Decimal:
        if not isinstance(other, Money):
            raise TypeError(f"cannot combine Money with {type(other).__name__}")
        if other._currency != self._currency:
            raise InvalidRequest(
                f"cannot combine {self._currency} with {other._currency}",
                field="currency",
                value=other._currency.code,
                remedy="convert one of them first",
            )
        return other._amount

    def __add__(self, other: Money) -> Money:
        return Money(self._amount + self._same(other), self._currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self._amount - self._same(other), self._currency)

    def __neg__(self) -> Money:
        return Money(-self._amount, self._currency)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Money):
            return NotImplemented
        return self._amount == other._amount and self._currency == other._currency

    def __lt__(self, other: Money) -> bool:
        return self._amount < self._same(other)

    def __hash__(self) -> int:
        return hash((self._amount, self._currency))

    def __bool__(self) -> bool:
        return self._amount != 0

    def __str__(self) -> str:
        digits = max(self._currency.precision, decimals_of(self._amount))
        return f"{self._amount:.{digits}f} {self._currency.code}"

    def __repr__(self) -> str:
        return f"Money('{self}')"

    def __reduce__(self) -> tuple[type[Money], tuple[Decimal, str]]:
        return Money, (self._amount, self._currency.code)
