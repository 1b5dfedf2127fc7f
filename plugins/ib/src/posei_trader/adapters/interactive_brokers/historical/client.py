"""The research client: instruments, bars and ticks of the past, without a node."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

from typing import TYPE_CHECKING, final

from posei_trader.adapters.interactive_brokers.historical.asking import Skips, bar_specs, tick_kinds
from posei_trader.adapters.interactive_brokers.historical.bar_requests import BarRequests
from posei_trader.adapters.interactive_brokers.historical.catalog_download import CatalogDownload
from posei_trader.adapters.interactive_brokers.historical.research_connection import TIMEOUT_S
from posei_trader.adapters.interactive_brokers.historical.spans import span_of
from posei_trader.adapters.interactive_brokers.historical.tick_requests import TickRequests
from posei_trader.adapters.interactive_brokers.venue_time import localized, to_nanos

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.historical.download_report import (
        DownloadProgress,
        DownloadReport,
    )
    from posei_trader.persistence.catalog import ParquetDataCatalog


@final
class HistoricInteractiveBrokersClient(BarRequests, TickRequests):
    """Fetch instruments and history from TWS or IB Gateway, for research and for a catalog.

    A request is answered whole or raises. Requests are cut and paced by IB's rules. What IB is
    known not to have (trades of spot forex) is skipped with a warning, and listed in the result's
    `skipped`; a request of nothing else raises.

    Args:
        host: Where TWS or IB Gateway runs.
        port: Its API port: TWS 7497 (paper) or 7496 (live), Gateway 4002 (paper) or 4001 (live).
        client_id: Tells this connection from others to the same gateway.
        market_data_type: One of `ibapi.common.MarketDataTypeEnum` or `IBMarketDataTypeEnum`.
        log_level: What is logged: DEBUG, INFO, WARNING, ERROR.
        connection_timeout: Seconds that `connect` may take.
        request_timeout: Seconds that an answer of IB may take.
        max_connection_attempts: Give up after so many failures in a row; 0 for never.
        max_reconnection_attempts: The same for a connection that was lost; None for
            `max_connection_attempts`.
        maintenance_windows: When IB is expected to be away: an attempt to come back that fails
            then does not count.
        instrument_provider: How instruments are named and loaded.
        limits: IB's limits for this login; None for the published ones.
    """

    async def download(
        self,
        catalog: ParquetDataCatalog,
        *,
        bar_specifications: Sequence[str] | str = (),
        tick_types: Sequence[str] | str = (),
        end_date_time: dt.datetime | None = None,
        start_date_time: dt.datetime | None = None,
        duration: str | None = None,
        tz_name: str = "UTC",
        contracts: Sequence[IBContract] | None = None,
        instrument_ids: Sequence[str] | None = None,
        use_rth: bool = True,
        timeout: float = TIMEOUT_S,
        progress: Callable[[DownloadProgress], None] | None = None,
    ) -> DownloadReport:
        """Bring what a catalog does not have yet of some bars and ticks, and note what it has.

        Each piece is on disk before the next is awaited for: after a kill, call it again. What is
        not complete yet (a bar of today) is left for the next time. The instruments and their
        trading hours are stored too.

        Args:
            catalog: Where to.
            bar_specifications: Which bars.
            tick_types: Which ticks, besides or instead.
            end_date_time: End, not included; None for now.
            start_date_time: First moment; None, without a `duration`, goes on where the catalog
                ends.
            duration: Instead of a start.
            tz_name: The zone of times without one.
            contracts: IB's contracts.
            instrument_ids: Our names.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.
            progress: Called after each piece.

        Returns:
            What was done, stream by stream. A stream that failed is there with its error; the
            others are unharmed.

        Raises:
            Unsupported: IB has nothing of what was asked for.
            InvalidRequest: a specification, the span or the zone cannot be.
            DataFileError: the catalog cannot be written.
            RetryLater: there is no connection.
        """
        specs = bar_specs(bar_specifications) if bar_specifications else []
        kinds = tick_kinds(tick_types, None) if tick_types or not specs else []
        now = await self._client.server_time(timeout=timeout)
        end_ns = now
        start_ns: int | None = None
        if start_date_time is not None or duration is not None:
            start_ns, end_ns = span_of(start_date_time, end_date_time, duration, tz_name, now)
        elif end_date_time is not None:
            end_ns = to_nanos(localized(end_date_time, tz_name))
        subjects = await self._traded(contracts, instrument_ids)
        skips = Skips()
        asked = (start_ns if start_ns is not None else end_ns - 1, end_ns)
        streams = [
            *self._bar_streams(subjects, specs, asked, skips, must=False),
            *self._tick_streams(subjects, kinds, skips, must=False),
        ]
        skips.check(has_work=bool(streams))
        download = CatalogDownload(
            self._client, self._source, catalog, use_rth=use_rth, timeout=timeout
        )
        catalog.write_data(traded.instrument for traded in subjects)
        return await download.run(
            streams, start_ns, min(end_ns, now), now, progress=progress, skipped=skips.skipped
        )
