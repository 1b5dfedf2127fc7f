"""Quote and trade ticks, and the smaller facts that a venue streams about an instrument.

Hot-path structs: slotted, immutable, outside the garbage collector, positional. Prices and sizes
are 64-bit integers in units of 10^-9; a :class:`Price` or :class:`Quantity` is made when asked for.
Timestamps are UNIX nanoseconds, UTC: `ts_event` at the venue, `ts_init` when we made the object.
"""

from __future__ import annotations

from typing import Final

import msgspec

from posei_trader.model.enums import AggressorSide, MarketStatus, PriceType, TradeFlag
from posei_trader.model.identifiers import InstrumentId, TradeId
from posei_trader.model.values import Price, Quantity

_price: Final = Price.from_raw
_quantity: Final = Quantity.from_raw


class QuoteTick(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask of an instrument changed.

    Attributes:
        instrument_id: The instrument.
        bid_raw: The bid, in units of 10^-9.
        ask_raw: The ask, in units of 10^-9.
        bid_size_raw: The size at the bid, in units of 10^-9.
        ask_size_raw: The size at the ask, in units of 10^-9.
        price_precision: Decimals to show in prices.
        size_precision: Decimals to show in sizes.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
        is_backfilled: Whether it was missed when it happened, and fetched after an interruption.
    """

    instrument_id: InstrumentId
    bid_raw: int
    ask_raw: int
    bid_size_raw: int
    ask_size_raw: int
    price_precision: int
    size_precision: int
    ts_event: int
    ts_init: int
    is_backfilled: bool = False

    @property
    def bid_price(self) -> Price:
        """Return the bid."""
        return _price(self.bid_raw, self.price_precision)

    @property
    def ask_price(self) -> Price:
        """Return the ask."""
        return _price(self.ask_raw, self.price_precision)

    @property
    def bid_size(self) -> Quantity:
        """Return the size at the bid."""
        return _quantity(self.bid_size_raw, self.size_precision)

    @property
    def ask_size(self) -> Quantity:
        """Return the size at the ask."""
        return _quantity(self.ask_size_raw, self.size_precision)

    @property
    def mid_raw(self) -> int:
        """Return the midpoint, in units of 10^-9, rounded down."""
        return (self.bid_raw + self.ask_raw) // 2

    def price_raw(self, price_type: PriceType) -> int:
        """Return the bid, ask or mid, in units of 10^-9; LAST gives the mid."""
        if price_type is PriceType.BID:
            return self.bid_raw
        if price_type is PriceType.ASK:
            return self.ask_raw
        return self.mid_raw

    def __str__(self) -> str:
        return (
            f"{self.instrument_id},{self.bid_price},{self.ask_price},"
            f"{self.bid_size},{self.ask_size},{self.ts_event}"
        )


class TradeTick(msgspec.Struct, frozen=True, gc=False):
    """A trade was printed.

    Attributes:
        instrument_id: The instrument.
        price_raw: The price, in units of 10^-9.
        size_raw: The size, in units of 10^-9.
        price_precision: Decimals to show in the price.
        size_precision: Decimals to show in the size.
        aggressor_side: Who crossed the spread.
        trade_id: The venue's id, or one of ours that is unique within the stream.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
        flags: Marks, see :class:`TradeFlag`.
    """

    instrument_id: InstrumentId
    price_raw: int
    size_raw: int
    price_precision: int
    size_precision: int
    aggressor_side: AggressorSide
    trade_id: TradeId
    ts_event: int
    ts_init: int
    flags: TradeFlag = TradeFlag.NONE

    @property
    def price(self) -> Price:
        """Return the price."""
        return _price(self.price_raw, self.price_precision)

    @property
    def size(self) -> Quantity:
        """Return the size."""
        return _quantity(self.size_raw, self.size_precision)

    def __str__(self) -> str:
        return (
            f"{self.instrument_id},{self.price},{self.size},"
            f"{self.aggressor_side.name},{self.trade_id},{self.ts_event}"
        )


class IndexPriceUpdate(msgspec.Struct, frozen=True, gc=False):
    """An index was recalculated; it has a value but cannot be traded.

    Attributes:
        instrument_id: The index.
        value_raw: The value, in units of 10^-9.
        price_precision: Decimals to show.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    value_raw: int
    price_precision: int
    ts_event: int
    ts_init: int

    @property
    def value(self) -> Price:
        """Return the value."""
        return _price(self.value_raw, self.price_precision)


class InstrumentStatus(msgspec.Struct, frozen=True):
    """Whether an instrument can be traded changed.

    Attributes:
        instrument_id: The instrument.
        status: The new state.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
        reason: The venue's words, or empty.
    """

    instrument_id: InstrumentId
    status: MarketStatus
    ts_event: int
    ts_init: int
    reason: str = ""
