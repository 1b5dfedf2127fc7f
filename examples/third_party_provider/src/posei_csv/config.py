"""The settings of the provider."""

from pathlib import Path

from posei_trader.config import LiveDataClientConfig


class CsvDataClientConfig(LiveDataClientConfig):
    """Configure a client that reads daily bars from CSV files."""

    directory: Path
    """Where the files lie, one for each instrument: ``AAPL.XNAS.csv``."""
    currency: str = "USD"
    """The currency of all prices."""
