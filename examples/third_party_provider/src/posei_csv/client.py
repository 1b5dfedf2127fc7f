"""The data client: history from files, no streams."""

from __future__ import annotations

import csv
import datetime as dt
from typing import TYPE_CHECKING

from posei_csv.config import CsvDataClientConfig
from posei_csv.instruments import CsvInstrumentProvider
from posei_trader.errors import ConfigError, DataFileError, NotConnected, Unsupported
from posei_trader.model.bars import Bar, BarSpecification
from posei_trader.model.values import Price, Quantity

if TYPE_CHECKING:
    from posei_trader.config import LiveDataClientConfig
    from posei_trader.model.bars import BarType
    from posei_trader.model.identifiers import ClientId
    from posei_trader.model.requests import HistoryRequest, Subscription
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import DataClientContext

_DAY = 86_400 * 1_000_000_000
_DAILY = BarSpecification.from_str("1-DAY-LAST")


class CsvDataClient:
    """Satisfy :class:`posei_trader.protocols.DataClient`."""

    def __init__(self, config: CsvDataClientConfig, context: DataClientContext) -> None:
        self._config = config
        self._client_id = context.client_id
        self._provider = CsvInstrumentProvider(config.directory, config.currency, context.cache)
        self._connected = False

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""
        return self._client_id

    @property
    def is_connected(self) -> bool:
        """Whether it can be asked now."""
        return self._connected

    @property
    def instrument_provider(self) -> CsvInstrumentProvider:
        """Where its instruments come from."""
        return self._provider

    async def connect(self) -> None:
        """Load the instruments.

        Raises:
            ConfigError: there is no such directory.
        """
        if not self._config.directory.is_dir():
            raise ConfigError(
                "there is no such directory",
                field="directory",
                value=str(self._config.directory),
                remedy="give the directory that holds the CSV files",
            )
        await self._provider.initialize()
        self._connected = True

    async def disconnect(self) -> None:
        """Forget that it was connected."""
        self._connected = False

    async def subscribe(self, subscription: Subscription) -> None:
        """Refuse: files do not stream."""
        raise Unsupported(
            "files do not stream",
            field="subscription",
            value=str(subscription),
            remedy="request bars, or subscribe at another provider",
        )

    async def unsubscribe(self, subscription: Subscription) -> None:
        """Do nothing: there is no stream."""

    async def request_bars(self, bar_type: BarType, request: HistoryRequest) -> list[Bar]:
        """Return the bars of a file that lie in the span.

        Raises:
            Unsupported: the bars are not daily bars of trades.
            DataFileError: the file cannot be read as documented.
        """
        if bar_type.spec != _DAILY:
            raise Unsupported(
                "the files hold daily bars",
                field="bar_type",
                value=str(bar_type),
                remedy=f"ask for {bar_type.instrument_id}-{_DAILY}",
            )
        if not self._connected:
            raise NotConnected("the client is not connected", remedy="connect it first")
        await self._provider.load(bar_type.instrument_id)
        path = self._config.directory / f"{bar_type.instrument_id}.csv"
        with path.open(newline="") as file:
            try:
                bars = [_bar(bar_type, row) for row in csv.DictReader(file)]
            except (KeyError, ValueError) as error:
                raise DataFileError(
                    f"the file cannot be read: {error}",
                    field="path",
                    value=str(path),
                    remedy="give the columns date,open,high,low,close,volume",
                ) from error
        end = request.end_ns or 2**63
        inside = [bar for bar in bars if request.start_ns <= bar.ts_event < end]
        return inside[-request.limit :] if request.limit else inside

    async def request_quote_ticks(self, request: HistoryRequest) -> list[QuoteTick]:
        """Refuse: the files hold bars."""
        raise _no_ticks(request)

    async def request_trade_ticks(self, request: HistoryRequest) -> list[TradeTick]:
        """Refuse: the files hold bars."""
        raise _no_ticks(request)


class CsvDataClientFactory:
    """Satisfy :class:`posei_trader.protocols.DataClientFactory`."""

    @staticmethod
    def create(config: LiveDataClientConfig, context: DataClientContext) -> CsvDataClient:
        """Make a client.

        Raises:
            ConfigError: the configuration is another provider's.
        """
        if not isinstance(config, CsvDataClientConfig):
            raise ConfigError(
                "this configuration is not for CSV files",
                field=str(context.client_id),
                value=type(config).__name__,
                remedy="give a CsvDataClientConfig",
            )
        return CsvDataClient(config, context)


def _bar(bar_type: BarType, row: dict[str, str]) -> Bar:
    day = dt.datetime.fromisoformat(row["date"]).replace(tzinfo=dt.UTC)
    opened = int(day.timestamp()) * 1_000_000_000
    prices = (Price(row[name], 2).raw for name in ("open", "high", "low", "close"))
    volume = Quantity(row["volume"], 0).raw
    return Bar(bar_type, *prices, volume, 2, 0, opened, opened + _DAY)


def _no_ticks(request: HistoryRequest) -> Unsupported:
    return Unsupported(
        "the files hold bars, no ticks",
        field="instrument_id",
        value=str(request.instrument_id),
        remedy="request bars",
    )
