"""Requests for history, of actors and strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.model.requests import HistoryRequest
from posei_trader.trading.component import Component
from posei_trader.trading.moments import to_ns

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.identifiers import ClientId, InstrumentId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.ticks import QuoteTick, TradeTick

__all__ = ["RequestsHistory"]


class RequestsHistory(Component):
    """What :class:`~posei_trader.trading.actor.Actor` can ask for once; not for direct use."""

    def request_bars(
        self,
        bar_type: BarType,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 0,
        callback: Callable[[list[Bar]], object] | None = None,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> asyncio.Task[list[Bar]]:
        """Fetch bars: await the result, or be called back with it, or both.

        A failure is logged, raised to whoever awaits, and never calls back.

        Args:
            bar_type: Which bars; EXTERNAL.
            start: First moment, aware; None for as far back as `limit` reaches.
            end: End, exclusive, aware; None is now.
            limit: The newest so many only; 0 for all.
            callback: Called with the bars, ascending, while the component is running.
            client_id: The client to use, None to route by venue.
            params: Terms for the venue's adapter.

        Raises:
            InvalidRequest: a moment has no time zone. The rest is raised by the task, as
                :meth:`posei_trader.protocols.DataClient.request_bars` says.
        """
        request = _history(bar_type.instrument_id, start, end, limit, client_id, params)
        data = self._wired("request_bars").data
        return self._background(
            lambda: data.request_bars(bar_type, request), callback, f"request of {bar_type}"
        )

    def request_quote_ticks(
        self,
        instrument_id: InstrumentId,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 0,
        callback: Callable[[list[QuoteTick]], object] | None = None,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> asyncio.Task[list[QuoteTick]]:
        """Fetch quotes. As `request_bars`."""
        request = _history(instrument_id, start, end, limit, client_id, params)
        data = self._wired("request_quote_ticks").data
        return self._background(
            lambda: data.request_quote_ticks(request),
            callback,
            f"request of quotes of {instrument_id}",
        )

    def request_trade_ticks(
        self,
        instrument_id: InstrumentId,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 0,
        callback: Callable[[list[TradeTick]], object] | None = None,
        client_id: ClientId | None = None,
        params: Mapping[str, str] | None = None,
    ) -> asyncio.Task[list[TradeTick]]:
        """Fetch trades. As `request_bars`."""
        request = _history(instrument_id, start, end, limit, client_id, params)
        data = self._wired("request_trade_ticks").data
        return self._background(
            lambda: data.request_trade_ticks(request),
            callback,
            f"request of trades of {instrument_id}",
        )

    def request_instrument(
        self,
        instrument_id: InstrumentId,
        callback: Callable[[Instrument], object] | None = None,
        client_id: ClientId | None = None,
    ) -> asyncio.Task[Instrument]:
        """Load an instrument into the cache. As `request_bars`."""
        data = self._wired("request_instrument").data
        return self._background(
            lambda: data.request_instrument(instrument_id, client_id),
            callback,
            f"request of {instrument_id}",
        )


def _history(
    instrument_id: InstrumentId,
    start: datetime | None,
    end: datetime | None,
    limit: int,
    client_id: ClientId | None,
    params: Mapping[str, str] | None,
) -> HistoryRequest:
    return HistoryRequest(
        instrument_id=instrument_id,
        start_ns=0 if start is None else to_ns(start, "start"),
        end_ns=0 if end is None else to_ns(end, "end"),
        limit=limit,
        params={name: str(value) for name, value in (params or {}).items()},
        client_id=client_id,
    )
