"""Instruments: what can be quoted or traded, one frozen struct for each kind.

Common rules: prices are in `quote_currency` per one unit; `multiplier` turns price times quantity
into money; increments are the smallest steps a venue accepts; `activation_ns` and `expiration_ns`
are UNIX nanoseconds, UTC. Two instruments are equal when all fields are; they hash by id.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass, OptionKind
from posei_trader.model.fixed_point import raw_to_decimal
from posei_trader.model.identifiers import InstrumentId, Symbol, Venue
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping


class PriceBand(msgspec.Struct, frozen=True):
    """One step of a price-dependent tick size.

    Attributes:
        low_edge: The band begins at this price, inclusive.
        increment: The tick size inside the band.
    """

    low_edge: Price
    increment: Price


class Instrument(msgspec.Struct, frozen=True, kw_only=True, tag=True, eq=True):
    """What every instrument has.

    Attributes:
        id: The instrument's name in the whole system.
        raw_symbol: The venue's own name.
        asset_class: What the value derives from.
        quote_currency: The currency of prices.
        price_precision: Decimals of prices.
        price_increment: The smallest price step.
        size_precision: Decimals of quantities.
        size_increment: The smallest quantity step.
        multiplier: Units of the underlying in one contract; 1 for shares.
        lot_size: The round lot, where there is one.
        min_quantity: The smallest order, where there is a limit.
        max_quantity: The largest order, where there is a limit.
        price_bands: Tick sizes by price, ascending; empty when `price_increment` always holds.
        activation_ns: First moment of trading, 0 where unknown.
        expiration_ns: Last moment of trading, 0 for what does not expire.
        ts_event: When the definition was made, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
        info: The venue's raw definition, for what the model has no field for.
    """

    id: InstrumentId
    raw_symbol: Symbol
    asset_class: AssetClass
    quote_currency: Currency
    price_precision: int
    price_increment: Price
    size_precision: int = 0
    size_increment: Quantity = Quantity("1")
    multiplier: Quantity = Quantity("1")
    lot_size: Quantity | None = None
    min_quantity: Quantity | None = None
    max_quantity: Quantity | None = None
    price_bands: tuple[PriceBand, ...] = ()
    activation_ns: int = 0
    expiration_ns: int = 0
    ts_event: int = 0
    ts_init: int = 0
    info: dict[str, object] = {}

    def __post_init__(self) -> None:
        if self.price_increment.raw % 10 ** (9 - self.price_precision):
            raise InvalidRequest(
                "price_precision shows fewer digits than price_increment has",
                field=f"{self.id} price_precision",
                value=(self.price_precision, self.price_increment),
                remedy=f"give {self.price_increment.precision}",
            )
        if self.price_increment.raw <= 0:
            raise InvalidRequest(
                "price_increment must be positive",
                field=f"{self.id} price_increment",
                value=self.price_increment,
                remedy="give the smallest price step of the venue",
            )
        if self.size_increment.raw <= 0 or self.multiplier.raw <= 0:
            raise InvalidRequest(
                "size_increment and multiplier must be positive",
                field=f"{self.id} size_increment, multiplier",
                value=(self.size_increment, self.multiplier),
                remedy="give 1 where the venue has no other rule",
            )

    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def symbol(self) -> Symbol:
        """Return the symbol of the id."""
        return self.id.symbol

    @property
    def venue(self) -> Venue:
        """Return the venue of the id."""
        return self.id.venue

    @property
    def kind(self) -> str:
        """Return the name of the kind, for example ``Equity``."""
        return type(self).__name__

    @property
    def is_combination(self) -> bool:
        """Return whether it is made of legs: it is ordered as one, and held as its legs."""
        return False

    @property
    def is_tradable(self) -> bool:
        """Return whether orders can be placed on it."""
        return True

    @property
    def settlement_currency(self) -> Currency:
        """Return the currency in which profit and loss arise."""
        return self.quote_currency

    def make_price(self, value: Decimal | float | str) -> Price:
        """Return a price with this instrument's precision, rounded half to even."""
        return Price(value, self.price_precision)

    def make_qty(self, value: Decimal | float | str) -> Quantity:
        """Return a quantity with this instrument's precision, rounded half to even."""
        return Quantity(value, self.size_precision)

    def tick_at(self, price: Price) -> Price:
        """Return the price step that holds at a price."""
        step = self.price_increment
        for band in self.price_bands:
            if price.raw < band.low_edge.raw:
                break
            step = band.increment
        return step

    def is_on_tick(self, price: Price) -> bool:
        """Return whether the venue would accept the price's step."""
        return price.raw % self.tick_at(price).raw == 0

    def notional(self, quantity: Quantity, price: Price) -> Money:
        """Return quantity times price times multiplier, in the settlement currency."""
        return Money(
            quantity.as_decimal() * price.as_decimal() * self.multiplier.as_decimal(),
            self.settlement_currency,
        )

    def notional_raw(self, quantity_raw: int, price_raw: int) -> Decimal:
        """Return the same for raw values, as a bare decimal."""
        return (
            raw_to_decimal(quantity_raw, 9)
            * raw_to_decimal(price_raw, 9)
            * self.multiplier.as_decimal()
        )

    def __str__(self) -> str:
        return f"{self.kind}({self.id})"


class Equity(Instrument, frozen=True, kw_only=True, tag=True):
    """A share, an ETF or a fund that trades like a share.

    Attributes:
        isin: ISO 6166 number, where known.
    """

    isin: str | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class CurrencyPair(Instrument, frozen=True, kw_only=True, tag=True):
    """Spot foreign exchange.

    Attributes:
        base_currency: What is bought and sold.
    """

    base_currency: Currency

    def __hash__(self) -> int:
        return hash(self.id)


class CryptoPair(Instrument, frozen=True, kw_only=True, tag=True):
    """A spot crypto currency against money.

    Attributes:
        base_currency: The crypto currency.
    """

    base_currency: Currency

    def __hash__(self) -> int:
        return hash(self.id)


class Commodity(Instrument, frozen=True, kw_only=True, tag=True):
    """A physical commodity, for example London gold."""

    def __hash__(self) -> int:
        return hash(self.id)


class Cfd(Instrument, frozen=True, kw_only=True, tag=True):
    """A contract for difference.

    Attributes:
        underlying: The symbol it follows.
        base_currency: For a currency CFD, what is bought and sold.
    """

    underlying: str = ""
    base_currency: Currency | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class Index(Instrument, frozen=True, kw_only=True, tag=True):
    """A calculated index: it has a value, it cannot be traded."""

    @property
    def is_tradable(self) -> bool:
        """Return False: an index has no market of its own."""
        return False

    def __hash__(self) -> int:
        return hash(self.id)


class Bond(Instrument, frozen=True, kw_only=True, tag=True):
    """A debt security, quoted in percent of its face value.

    Attributes:
        isin: ISO 6166 number, where known.
        cusip: CUSIP number, where known.
        coupon: Interest in percent of the face value a year.
        maturity: Day of repayment, ``YYYYMMDD``, or empty.
        face_value: Money repaid for one bond.
    """

    isin: str | None = None
    cusip: str | None = None
    coupon: Decimal = Decimal(0)
    maturity: str = ""
    face_value: Decimal = Decimal(1000)

    def __hash__(self) -> int:
        return hash(self.id)


class FuturesContract(Instrument, frozen=True, kw_only=True, tag=True):
    """A future with an expiry.

    Attributes:
        underlying: The symbol of what is delivered or settled against.
        exchange: The listing exchange's MIC, where known.
    """

    underlying: str
    exchange: str = ""

    def __hash__(self) -> int:
        return hash(self.id)


class ContinuousFuture(Instrument, frozen=True, kw_only=True, tag=True):
    """The front month of a future, rolling by itself: for data, never for orders.

    Attributes:
        underlying: The symbol of the futures family.
        exchange: The listing exchange's MIC, where known.
        front: The contract it stands for at `ts_event`, where known.
    """

    underlying: str
    exchange: str = ""
    front: InstrumentId | None = None

    @property
    def is_tradable(self) -> bool:
        """Return False: orders need a contract with an expiry."""
        return False

    def __hash__(self) -> int:
        return hash(self.id)


class OptionContract(Instrument, frozen=True, kw_only=True, tag=True):
    """An option on a share, an ETF or an index.

    Attributes:
        underlying: The symbol of what it can be exercised into.
        option_kind: Call or put.
        strike_price: The price of exercise.
        exchange: The listing exchange's MIC, where known.
        trading_class: The venue's series name: SPX and SPXW share an underlying.
    """

    underlying: str
    option_kind: OptionKind
    strike_price: Price
    exchange: str = ""
    trading_class: str = ""

    def __hash__(self) -> int:
        return hash(self.id)


class FutureOption(OptionContract, frozen=True, kw_only=True, tag=True):
    """An option on a future."""

    def __hash__(self) -> int:
        return hash(self.id)


class Warrant(OptionContract, frozen=True, kw_only=True, tag=True):
    """A warrant or structured product with a strike.

    Attributes:
        isin: ISO 6166 number, where known.
    """

    isin: str | None = None

    def __hash__(self) -> int:
        return hash(self.id)


class SpreadLeg(msgspec.Struct, frozen=True):
    """A part of a spread.

    Attributes:
        instrument_id: The leg.
        ratio: Units for one spread; negative is sold when the spread is bought.
    """

    instrument_id: InstrumentId
    ratio: int


class _Spread(Instrument, frozen=True, kw_only=True):
    """Legs traded as one.

    Attributes:
        legs: The parts; at least two, in the order of the id.
    """

    legs: tuple[SpreadLeg, ...]

    @property
    def is_combination(self) -> bool:
        """Return True: it is ordered as one, and held as its legs."""
        return True

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.legs) < 2 or any(leg.ratio == 0 for leg in self.legs):
            raise InvalidRequest(
                "a spread needs at least two legs with ratios other than 0",
                field=f"{self.id} legs",
                value=self.legs,
                remedy="give the legs as SpreadLeg(instrument_id, ratio)",
            )

    def __hash__(self) -> int:
        return hash(self.id)


class FuturesSpread(_Spread, frozen=True, kw_only=True, tag=True):
    """Futures traded as one, for example a calendar roll."""

    def __hash__(self) -> int:
        return hash(self.id)


class OptionSpread(_Spread, frozen=True, kw_only=True, tag=True):
    """Options, with or without their underlying, traded as one."""

    def __hash__(self) -> int:
        return hash(self.id)


AnyInstrument = (
    Equity
    | CurrencyPair
    | CryptoPair
    | Commodity
    | Cfd
    | Index
    | Bond
    | FuturesContract
    | ContinuousFuture
    | OptionContract
    | FutureOption
    | Warrant
    | FuturesSpread
    | OptionSpread
)
"""Every kind of instrument: the type to decode JSON to."""


def instrument_kinds() -> Mapping[str, type[Instrument]]:
    """Return every kind by its name."""
    return {kind.__name__: kind for kind in AnyInstrument.__args__}
