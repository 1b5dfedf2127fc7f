"""Instruments from the names of the files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import InstrumentNotFound
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import Equity
from posei_trader.model.values import Price

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from posei_trader.model.instruments import Instrument
    from posei_trader.protocols import InstrumentStore


class CsvInstrumentProvider:
    """Satisfy :class:`posei_trader.protocols.InstrumentProvider`.

    Args:
        directory: Where the files lie.
        currency: The currency of all prices.
        store: Where loaded instruments go.
    """

    def __init__(self, directory: Path, currency: str, store: InstrumentStore) -> None:
        self._directory = directory
        self._currency = Currency.of(currency)
        self._store = store
        self._loaded: dict[InstrumentId, Instrument] = {}

    async def initialize(self) -> None:
        """Load everything there is."""
        await self.load_all()

    async def load_all(self) -> list[Instrument]:
        """Load an instrument for each file."""
        paths = sorted(self._directory.glob("*.csv"))
        return [await self.load(InstrumentId(path.stem)) for path in paths]

    async def load_ids(self, instrument_ids: Iterable[InstrumentId]) -> list[Instrument]:
        """Load several."""
        return [await self.load(instrument_id) for instrument_id in instrument_ids]

    async def load(self, instrument_id: InstrumentId) -> Instrument:
        """Load one.

        Raises:
            InstrumentNotFound: there is no file for it.
        """
        known = self._loaded.get(instrument_id)
        if known is not None:
            return known
        if not (self._directory / f"{instrument_id}.csv").is_file():
            raise InstrumentNotFound(
                "there is no file for this instrument",
                field="instrument_id",
                value=str(instrument_id),
                remedy=f"put {instrument_id}.csv into {self._directory}",
            )
        instrument = Equity(
            id=instrument_id,
            raw_symbol=instrument_id.symbol,
            asset_class=AssetClass.EQUITY,
            quote_currency=self._currency,
            price_precision=2,
            price_increment=Price("0.01"),
        )
        self._loaded[instrument_id] = instrument
        self._store.add_instrument(instrument)
        return instrument

    def find(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return a loaded instrument, or None."""
        return self._loaded.get(instrument_id)

    def list_all(self) -> list[Instrument]:
        """Return the loaded instruments."""
        return list(self._loaded.values())
