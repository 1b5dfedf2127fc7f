"""Bars and what defines them: ``ESM4.CME-1-MINUTE-LAST-EXTERNAL``."""

from __future__ import annotations

import functools
from typing import Final, Self

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import AggregationSource, BarAggregation, PriceType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Price, Quantity

NANOS_PER_SECOND: Final = 1_000_000_000

_UNIT_SECONDS: Final = {
    BarAggregation.SECOND: 1,
    BarAggregation.MINUTE: 60,
    BarAggregation.HOUR: 3_600,
    BarAggregation.DAY: 86_400,
    BarAggregation.WEEK: 604_800,
}

# Python 3.11 has no `"text" in StrEnum`.
_UNITS: Final = frozenset(BarAggregation)
_PRICES: Final = frozenset(PriceType)
_UNIT_RANKS: Final = {unit: rank for rank, unit in enumerate(BarAggregation)}
_SOURCES: Final = frozenset(AggregationSource)


@functools.total_ordering
class BarSpecification(msgspec.Struct, frozen=True, cache_hash=True):
    """How a bar is made: ``1-MINUTE-LAST``. Ordered by unit, then by step.

    Attributes:
        step: How many units close a bar; positive.
        aggregation: The unit.
        price_type: Which price the bar is made of.
    """

    step: int
    aggregation: BarAggregation
    price_type: PriceType

    def __post_init__(self) -> None:
        if not isinstance(self.step, int) or self.step < 1:
            raise InvalidRequest(
                "a bar's step must be a positive whole number",
                field="bar specification",
                value=self.step,
                remedy="give something like '1-MINUTE-LAST'",
            )

    @classmethod
    def from_str(cls, text: str) -> Self:
        """Parse ``"1-MINUTE-LAST"``.

        Raises:
            InvalidRequest: the text is not STEP-UNIT-PRICE; names the choices.
        """
        step, aggregation, price_type = _parse_spec(text)
        return cls(step, aggregation, price_type)

    def __lt__(self, other: BarSpecification) -> bool:
        if not isinstance(other, BarSpecification):
            return NotImplemented
        return self._rank() < other._rank()

    def _rank(self) -> tuple[int, int, str]:
        return _UNIT_RANKS[self.aggregation], self.step, self.price_type

    @property
    def nanos(self) -> int | None:
        """Return the length of a bar in nanoseconds; None when it is not fixed.

        A month, and every bar that volume, value or a tick count closes, has no fixed length.
        """
        unit = _UNIT_SECONDS.get(self.aggregation)
        return None if unit is None else self.step * unit * NANOS_PER_SECOND

    def __str__(self) -> str:
        return f"{self.step}-{self.aggregation}-{self.price_type}"


@functools.lru_cache(maxsize=1024)
def _parse_spec(text: str) -> tuple[int, BarAggregation, PriceType]:
    step, _, rest = text.strip().upper().partition("-")
    unit, _, price = rest.partition("-")
    if step.isascii() and step.isdigit() and unit in _UNITS and price in _PRICES:
        return int(step), BarAggregation(unit), PriceType(price)
    raise InvalidRequest(
        "a bar specification has the form STEP-UNIT-PRICE",
        field="bar specification",
        value=text,
        remedy=(
            f"give something like '1-MINUTE-LAST'; units: {', '.join(BarAggregation)}; "
            f"prices: {', '.join(PriceType)}"
        ),
    )


class BarType(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A stream of bars of one instrument: ``ESM4.CME-1-MINUTE-LAST-EXTERNAL``.

    Attributes:
        instrument_id: The instrument.
        spec: How a bar is made.
        aggregation_source: EXTERNAL when the venue makes it, INTERNAL when our data engine does.
    """

    instrument_id: InstrumentId
    spec: BarSpecification
    aggregation_source: AggregationSource = AggregationSource.EXTERNAL

    @classmethod
    def from_str(cls, text: str) -> Self:
        """Parse ``"ESM4.CME-1-MINUTE-LAST-EXTERNAL"``; the source may be left out.

        Raises:
            InvalidRequest: a part is missing or unknown.
        """
        head, _, tail = text.strip().rpartition("-")
        source = AggregationSource.EXTERNAL
        if tail.upper() in _SOURCES:
            source = AggregationSource(tail.upper())
            text = head
        parts = text.strip().rsplit("-", 3)
        if len(parts) != 4:
            raise InvalidRequest(
                "a bar type has the form INSTRUMENT-STEP-UNIT-PRICE-SOURCE",
                field="bar type",
                value=text,
                remedy="give something like 'AAPL.XNAS-1-MINUTE-LAST-EXTERNAL'",
            )
        return cls(InstrumentId(parts[0]), BarSpecification.from_str("-".join(parts[1:])), source)

    @property
    def is_internal(self) -> bool:
        """Return whether our data engine makes the bars."""
        return self.aggregation_source is AggregationSource.INTERNAL

    def __str__(self) -> str:
        return f"{self.instrument_id}-{self.spec}-{self.aggregation_source}"


class Bar(msgspec.Struct, frozen=True, gc=False):
    """Open, high, low, close and volume of an interval.

    Attributes:
        bar_type: The stream it belongs to.
        open_raw: The first price, in units of 10^-9, like the other prices and the volume.
        high_raw: The highest price.
        low_raw: The lowest price.
        close_raw: The last price.
        volume_raw: What traded.
        price_precision: Decimals to show in prices.
        size_precision: Decimals to show in the volume.
        ts_event: When the interval opened (or closed: `time_bars_timestamp_on_close`), UNIX ns UTC.
        ts_init: When the bar could first be known, UNIX ns UTC.
        is_revision: Whether the bar corrects one published before.
        is_backfilled: Whether it was missed when it closed, and fetched after an interruption.
    """

    bar_type: BarType
    open_raw: int
    high_raw: int
    low_raw: int
    close_raw: int
    volume_raw: int
    price_precision: int
    size_precision: int
    ts_event: int
    ts_init: int
    is_revision: bool = False
    is_backfilled: bool = False

    @property
    def instrument_id(self) -> InstrumentId:
        """Return the instrument."""
        return self.bar_type.instrument_id

    @property
    def open(self) -> Price:
        """Return the first price."""
        return Price.from_raw(self.open_raw, self.price_precision)

    @property
    def high(self) -> Price:
        """Return the highest price."""
        return Price.from_raw(self.high_raw, self.price_precision)

    @property
    def low(self) -> Price:
        """Return the lowest price."""
        return Price.from_raw(self.low_raw, self.price_precision)

    @property
    def close(self) -> Price:
        """Return the last price."""
        return Price.from_raw(self.close_raw, self.price_precision)

    @property
    def volume(self) -> Quantity:
        """Return what traded."""
        return Quantity.from_raw(self.volume_raw, self.size_precision)

    def __str__(self) -> str:
        return (
            f"{self.bar_type},{self.open},{self.high},{self.low},{self.close},"
            f"{self.volume},{self.ts_event}"
        )
