"""The way of the rarer facts through the data engine: market state, indices, greeks, interest."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from posei_trader.model.requests import DataKind

if TYPE_CHECKING:
    from posei_trader.engine.bus import MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.intake import Intake
    from posei_trader.model.derivatives import OpenInterest, OptionGreeks
    from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus

__all__ = ["Conditions"]


@final
class Conditions:
    """Deliver facts of which only the newest counts: kept in the cache, then published.

    Args:
        bus: Where they are published.
        cache: Where the newest is kept.
        intake: Lets them wait when listeners are slower than the streams.
    """

    def __init__(self, bus: MessageBus, cache: Cache, intake: Intake) -> None:
        self._bus = bus
        self._cache = cache
        self._intake = intake

    def instrument_status(self, status: InstrumentStatus) -> None:
        """Deliver a change of market state."""
        state = (DataKind.INSTRUMENT_STATUS, status.instrument_id)
        self._intake.take(self._status, status, state=state)

    def index_price(self, update: IndexPriceUpdate) -> None:
        """Deliver an index value."""
        stream = (DataKind.INDEX_PRICES, update.instrument_id)
        self._intake.take(self._index, update, state=stream, stream=stream)

    def option_greeks(self, greeks: OptionGreeks) -> None:
        """Deliver an option's greeks of one basis."""
        stream = (DataKind.OPTION_GREEKS, greeks.instrument_id)
        self._intake.take(self._greeks, greeks, state=(*stream, greeks.basis), stream=stream)

    def open_interest(self, update: OpenInterest) -> None:
        """Deliver a derivative's open interest."""
        state = (DataKind.OPEN_INTEREST, update.instrument_id)
        self._intake.take(self._interest, update, state=state)

    def _status(self, status: InstrumentStatus) -> None:
        self._cache.set_instrument_status(status)
        self._bus.publish(f"data.status.{status.instrument_id}", status)

    def _index(self, update: IndexPriceUpdate) -> None:
        self._cache.set_index_price(update)
        self._bus.publish(f"data.index.{update.instrument_id}", update)

    def _greeks(self, greeks: OptionGreeks) -> None:
        self._cache.set_option_greeks(greeks)
        self._bus.publish(f"data.greeks.{greeks.instrument_id}", greeks)

    def _interest(self, update: OpenInterest) -> None:
        self._cache.set_open_interest(update)
        self._bus.publish(f"data.open_interest.{update.instrument_id}", update)
