"""Identifiers: strings with a type of their own.

Each identifier subclasses :class:`str`: it hashes, compares and orders at the interpreter's speed,
needs no conversion on its way to a log or to JSON, and parses back by calling its type. The types
exist for the type checker and for validation; two identifiers are equal when their texts are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Self

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

_LONG_NUMBER: Final = re.compile(r"\d{3,}(?=\d{2}(?!\d))")


class Identifier(str):
    """A non-empty, printable text that names one thing.

    Raises:
        InvalidRequest: the text is empty, padded with white space, or not printable.
    """

    __slots__ = ()
    _example: ClassVar[str] = "X-001"

    def __new__(cls, value: str) -> Self:
        """Check the text; an identifier of the same type is returned as it is."""
        if type(value) is cls:
            return value
        if not isinstance(value, str) or not value or value != value.strip():
            raise InvalidRequest(
                f"{cls.__name__} must be a non-empty text without surrounding white space",
                field=cls.__name__,
                value=value,
                remedy=f"give something like {cls._example!r}",
            )
        if not value.isprintable():
            raise InvalidRequest(
                f"{cls.__name__} has a character that cannot be printed",
                field=cls.__name__,
                value=value,
                remedy=f"give something like {cls._example!r}",
            )
        return super().__new__(cls, value)

    @property
    def value(self) -> str:
        """Return the bare text."""
        return str.__str__(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str.__repr__(self)})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[object], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415  pydantic is only there when it asks

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class Symbol(Identifier):
    """The venue-local part of an instrument's name."""

    __slots__ = ()
    _example = "AAPL"


class Venue(Identifier):
    """The place an instrument trades at: an exchange code or an ISO 10383 MIC."""

    __slots__ = ()
    _example = "XNAS"

    def __new__(cls, value: str) -> Self:
        """Check that the name has no dot: the dot separates symbol and venue.

        ``OSE.JPN`` style exchange codes are spelt with a hyphen here.
        """
        if isinstance(value, str) and "." in value:
            raise InvalidRequest(
                "a Venue may not contain a dot",
                field="Venue",
                value=value,
                remedy=f"write {value.replace('.', '-')!r}",
            )
        return super().__new__(cls, value)


class InstrumentId(Identifier):
    """``{symbol}.{venue}``: the symbol may contain dots, the venue may not.

    Raises:
        InvalidRequest: there is no dot, or nothing on one side of the last one.
    """

    __slots__ = ()
    _example = "AAPL.XNAS"

    def __new__(cls, value: str) -> Self:
        """Check the text; an identifier of the same type is returned as it is."""
        if type(value) is cls:
            return value
        if isinstance(value, str):
            symbol, dot, venue = value.rpartition(".")
            if not (dot and symbol and venue):
                raise InvalidRequest(
                    "an instrument id has the form SYMBOL.VENUE",
                    field="InstrumentId",
                    value=value,
                    remedy="give something like 'AAPL.XNAS'",
                )
        return super().__new__(cls, value)

    @classmethod
    def from_parts(cls, symbol: str, venue: str) -> Self:
        """Join a symbol and a venue."""
        return cls(f"{Symbol(symbol)}.{Venue(venue)}")

    @classmethod
    def from_str(cls, value: str) -> Self:
        """Parse the string form."""
        return cls(value)

    @property
    def symbol(self) -> Symbol:
        """Return what stands before the last dot."""
        return Symbol(self.rpartition(".")[0])

    @property
    def venue(self) -> Venue:
        """Return what stands behind the last dot."""
        return Venue(self.rpartition(".")[2])


class TraderId(Identifier):
    """The name of a trading node, for example ``PAPER-TRADER-001``."""

    __slots__ = ()
    _example = "TRADER-001"


class ComponentId(Identifier):
    """The name of an actor or engine inside a node."""

    __slots__ = ()
    _example = "EMACross-001"


class StrategyId(ComponentId):
    """The name of a strategy inside a node."""

    __slots__ = ()


class ClientId(Identifier):
    """The name under which a data or execution client is configured in a node."""

    __slots__ = ()
    _example = "IB"


class AccountId(Identifier):
    """``{issuer}-{number}``, for example ``IB-DU123456``.

    Raises:
        InvalidRequest: there is no hyphen, or nothing on one side of the first one.
    """

    __slots__ = ()
    _example = "IB-DU123456"

    def __new__(cls, value: str) -> Self:
        """Check the text; an identifier of the same type is returned as it is."""
        if type(value) is cls:
            return value
        if isinstance(value, str):
            issuer, hyphen, number = value.partition("-")
            if not (hyphen and issuer and number):
                raise InvalidRequest(
                    "an account id has the form ISSUER-NUMBER",
                    field="AccountId",
                    value=value,
                    remedy="give something like 'IB-DU123456'",
                )
        return super().__new__(cls, value)

    def __repr__(self) -> str:
        """Show the short form: representations end up in logs."""
        return f"AccountId({self.shortened!r})"

    @property
    def shortened(self) -> str:
        """Return what can be shown, with two digits of a long number: ``IB-DU..56``."""
        return _LONG_NUMBER.sub("..", self)

    @property
    def issuer(self) -> str:
        """Return who keeps the account, for example ``IB``."""
        return self.partition("-")[0]

    @property
    def number(self) -> str:
        """Return the venue's own account number, the only form that goes on its wire."""
        return self.partition("-")[2]


class ClientOrderId(Identifier):
    """Our name of an order, unique for the life of the durable store."""

    __slots__ = ()
    _example = "O-20240102-150405-001-1"


class VenueOrderId(Identifier):
    """The venue's name of an order."""

    __slots__ = ()
    _example = "1847502913"


class OrderListId(Identifier):
    """The name of a group of orders that belong together."""

    __slots__ = ()
    _example = "OL-20240102-150405-001-1"


class PositionId(Identifier):
    """The name of a position."""

    __slots__ = ()
    _example = "AAPL.XNAS-EMACross-001"


class TradeId(Identifier):
    """The venue's name of a trade: of a print on the tape, or of an execution of ours."""

    __slots__ = ()
    _example = "0000e0d5.65a1b2c3.01.01"
