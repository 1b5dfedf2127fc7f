"""The open streams of a data client: opened once, closed once, repaired after interruptions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
from posei_trader.adapters.interactive_brokers.client.stream_records import StreamState
from posei_trader.adapters.interactive_brokers.data.openers import Opened, StreamOpener
from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import ConnectionChange
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.historical.downloads import HistoryDownloads
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.requests import Subscription
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import DataClientContext

__all__ = ["LiveStreams"]

_log = get_logger("InteractiveBrokersDataClient")

_NEGLIGIBLE_NS: Final = NANOS_PER_SECOND
"""An outage of IB's servers this short takes nothing that is worth asking for."""


@final
@dataclass(slots=True)
class _Outage:
    """A time in which IB's servers, or the gateway, were out of reach.

    `seen` is what each stream had received, and under which id, when it began.
    """

    since_ns: int
    seen: dict[Subscription, tuple[int, int]] = field(default_factory=dict)
    is_connection_lost: bool = False


@final
class LiveStreams:
    """Every open stream; satisfies `StreamHost` for their handlers.

    Args:
        client: The connection.
        history: Fetches what interruptions took.
        config: Settings.
        context: The node's clock and sink.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        history: HistoryDownloads,
        config: InteractiveBrokersDataClientConfig,
        context: DataClientContext,
    ) -> None:
        self._history = history
        self._config = config
        self._context = context
        self._opener = StreamOpener(client, config)
        self._opened: dict[Subscription, Opened] = {}
        self._contexts: dict[Subscription, StreamContext] = {}
        self._prevailing: dict[InstrumentId, Prevailing] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outage: _Outage | None = None
        self._last_outage: _Outage | None = None
        self._silent_since: dict[Subscription, int] = {}
        seconds = float(config.backfill)
        self.bars_limit_ns = int(seconds * config.backfill_bars_limit * NANOS_PER_SECOND)
        """The longest span of bars that is fetched after an interruption; 0 for none."""
        self.ticks_limit_ns = int(seconds * config.backfill_ticks_limit * NANOS_PER_SECOND)
        """The longest span of ticks that is fetched after an interruption; 0 for none."""

    # -- opening and closing --------------------------------------------------------------------

    def __contains__(self, subscription: Subscription) -> bool:
        return subscription in self._opened

    def opened(self) -> dict[Subscription, Opened]:
        """Return the open streams."""
        return dict(self._opened)

    def contexts(self) -> dict[Subscription, StreamContext]:
        """Return what the open streams work with."""
        return dict(self._contexts)

    def open(self, subscription: Subscription, traded: Traded) -> None:
        """Open a stream. Raises as `StreamOpener.open`."""
        context = StreamContext(
            subscription,
            traded,
            self._prevailing.setdefault(subscription.instrument_id, Prevailing()),
            self._context.sink,
            self._context.clock,
            self,
        )
        self._contexts[subscription] = context
        try:
            self._opened[subscription] = self._opener.open(context)
        except BaseException:
            del self._contexts[subscription]
            raise

    def close(self, subscription: Subscription) -> None:
        """End a stream: nothing of it is delivered after this. Idempotent."""
        context = self._contexts.pop(subscription, None)
        opened = self._opened.pop(subscription, None)
        self._silent_since.pop(subscription, None)
        if opened is not None:
            opened.handle.close()
            opened.handler.close()
        if context is not None and context.counters:
            _log.info(
                "left out during the subscription",
                subscription=str(subscription),
                **{what.replace(" ", "_"): count for what, count in context.counters.items()},
            )

    async def close_all(self) -> None:
        """End every stream, and what is being fetched for them."""
        for subscription in tuple(self._opened):
            self.close(subscription)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # -- interruptions --------------------------------------------------------------------------

    def connection_changed(self, change: ConnectionChange) -> None:
        """Follow the connection: remember when it went, and repair what stayed open."""
        if change.state == ConnectionState.READY:
            self._recovered(change.reason)
        elif change.state in {ConnectionState.DEGRADED, ConnectionState.RECONNECTING}:
            if self._outage is None:
                now = self._context.clock.timestamp_ns()
                self._outage = self._last_outage = _Outage(now, self._counts())
            if not change.ready:
                self._outage.is_connection_lost = True

    def _counts(self) -> dict[Subscription, tuple[int, int]]:
        return {
            subscription: (opened.handle.received, opened.handle.req_id)
            for subscription, opened in self._opened.items()
        }

    def _recovered(self, reason: str) -> None:
        """Repair the streams that IB kept and that brought nothing; others are opened anew."""
        outage, self._outage = self._outage, None
        if outage is None or outage.is_connection_lost:
            return
        if self._context.clock.timestamp_ns() - outage.since_ns < _NEGLIGIBLE_NS:
            return
        now = self._counts()
        for subscription, seen in outage.seen.items():
            if now.get(subscription) == seen:
                self._opened[subscription].handler.interrupted(reason)

    def renew(self, subscription: Subscription, since_ns: int, reason: str) -> None:
        """Open one stream anew at IB, because it has been silent."""
        opened = self._opened.get(subscription)
        if opened is not None:
            self._silent_since[subscription] = since_ns
            opened.handle.renew(reason)
            self._silent_since.pop(subscription, None)

    # -- for the handlers -----------------------------------------------------------------------

    def stream_failed(self, subscription: Subscription, error: PoseiError) -> None:
        """Take note that IB ended a stream; fall back where that is possible."""
        context = self._contexts.get(subscription)
        opened = self._opened.pop(subscription, None)
        if context is None:
            return
        if opened is not None:
            opened.handler.close()
            fallback = self._fallback(context, opened, error)
            if fallback is not None:
                self._opened[subscription] = fallback
                return
        del self._contexts[subscription]
        self._context.sink.subscription_failed(subscription, error)

    def _fallback(self, context: StreamContext, opened: Opened, error: PoseiError) -> Opened | None:
        if not hasattr(opened.handler, "trade") and not hasattr(opened.handler, "quote"):
            return None
        try:
            return self._opener.fall_back(context, error)
        except PoseiError as second:
            _log.warning(
                "level one cannot serve either",
                subscription=str(context.subscription),
                reason=str(second),
            )
            return None

    def is_open(self, subscription: Subscription) -> bool:
        """Return whether IB was asked for the stream, over the present connection."""
        opened = self._opened.get(subscription)
        return opened is not None and opened.handle.state is StreamState.OPEN

    def is_interrupted(self, subscription: Subscription) -> bool:
        """Return whether IB is out of reach now, and the stream has brought nothing since."""
        outage, opened = self._outage, self._opened.get(subscription)
        if outage is None or opened is None:
            return False
        seen = outage.seen.get(subscription)
        return seen is None or seen[0] == opened.handle.received

    def lost_ns(self, subscription: Subscription) -> int:
        """Return since when a stream that was interrupted brings nothing, UNIX ns UTC."""
        since = self._silent_since.get(subscription)
        if since is not None:
            return since
        outage, opened = self._last_outage, self._opened.get(subscription)
        if outage is not None and opened is not None:
            seen = outage.seen.get(subscription)
            if seen is not None and seen[0] == opened.handle.received:
                return outage.since_ns
        return self._context.clock.timestamp_ns()

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start work that ends with the client."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def fetch_bars(
        self, traded: Traded, bar_type: BarType, start_ns: int, end_ns: int, *, use_rth: bool
    ) -> list[Bar]:
        """Fetch complete bars of a span, ascending. Raises as `HistoryDownloads.bars`."""
        bars = await self._history.bars(
            traded,
            bar_type,
            start_ns,
            end_ns,
            use_rth=use_rth,
            timeout=self._config.request_timeout,
        )
        now = self._context.clock.timestamp_ns()
        return [bar for bar in bars if bar.ts_event >= start_ns and bar.ts_init <= now]

    async def fetch_quotes(self, traded: Traded, start_ns: int, end_ns: int) -> list[QuoteTick]:
        """Fetch quotes of a span, ascending. Raises as `HistoryDownloads.quotes`."""
        return await self._history.quotes(
            traded, start_ns, end_ns, use_rth=False, timeout=self._config.request_timeout
        )

    async def fetch_trades(self, traded: Traded, start_ns: int, end_ns: int) -> list[TradeTick]:
        """Fetch trades of a span, ascending. Raises as `HistoryDownloads.trades`."""
        return await self._history.trades(
            traded, start_ns, end_ns, use_rth=False, timeout=self._config.request_timeout
        )
