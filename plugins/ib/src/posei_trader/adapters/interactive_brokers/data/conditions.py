"""Market conditions from level one: whether an instrument is halted, and the value of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.quotes import LAST
from posei_trader.adapters.interactive_brokers.data.raws import IMPOSSIBLE, NO_PRICE
from posei_trader.adapters.interactive_brokers.data.streams import Stream
from posei_trader.model.enums import MarketStatus
from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.messages import (
        MarketDataParameters,
        OptionComputation,
    )
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext

_HALTED: Final = frozenset({49, 90})
_STATUS: Final = {
    -1: (MarketStatus.UNKNOWN, "halted status is not available"),
    0: (MarketStatus.OPEN, "not halted"),
    1: (MarketStatus.HALTED, "general halt"),
    2: (MarketStatus.PAUSED, "volatility halt"),
}


class LevelOne(Stream):
    """Level one of which only a part is wanted."""

    __slots__ = ()

    def tick_price(self, tick_type: int, price: float, size: int | None, attributes: int) -> None:
        """Take a price."""

    def tick_size(self, tick_type: int, size: int | None) -> None:
        """Take a size."""

    def tick_string(self, tick_type: int, value: str) -> None:
        """Take a text."""

    def tick_generic(self, tick_type: int, value: float) -> None:
        """Take a number."""

    def option_computation(self, computation: OptionComputation) -> None:
        """Take greeks."""

    def market_data_type(self, market_data_type: int) -> None:
        """Take the kind of data that follows."""
        self.context.note_market_data_type(market_data_type)

    def parameters(self, parameters: MarketDataParameters) -> None:
        """Take the stream's parameters."""


@final
class HaltedStatus(LevelOne):
    """Publishes whether trading is halted, when it changes."""

    __slots__ = ("_last",)

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        self._last: MarketStatus | None = None

    def tick_generic(self, tick_type: int, value: float) -> None:
        """Take IB's number of the halt."""
        if tick_type not in _HALTED:
            return
        unknown = (MarketStatus.UNKNOWN, f"halted status {value:g}")
        status, reason = _STATUS.get(int(value), unknown)
        if status is self._last:
            return
        self._last = status
        now = self.clock.timestamp_ns()
        self.sink.instrument_status(InstrumentStatus(self.instrument_id, status, now, now, reason))


@final
class IndexPrices(LevelOne):
    """Publishes the values of an index."""

    __slots__ = ("_last",)

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        self._last: int | None = None

    def tick_price(self, tick_type: int, price: float, size: int | None, attributes: int) -> None:
        """Take the index's last value."""
        del size, attributes
        if tick_type not in LAST or price <= 0:
            return
        try:
            raw = round(price * self.scale.factor)
        except IMPOSSIBLE:
            self.context.count(NO_PRICE)
            return
        if raw == self._last:
            return
        self._last = raw
        now = self.clock.timestamp_ns()
        self.sink.index_price(
            IndexPriceUpdate(self.instrument_id, raw, self.scale.price_precision(raw), now, now)
        )
