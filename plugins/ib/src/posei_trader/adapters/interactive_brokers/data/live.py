"""The open streams of a data client: opened once, closed once, repaired after interruptions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.stream_records import StreamState
from posei_trader.adapters.interactive_brokers.data.nearness import is_near
from posei_trader.adapters.interactive_brokers.data.openers import Opened, StreamOpener
from posei_trader.adapters.interactive_brokers.data.outages import Outages
from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.requests import DataKind

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

_OFFSET_ROUNDING_NS: Final = NANOS_PER_SECOND // 2
"""IB tells the time in whole seconds: so far off may a measured offset be."""


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
        self._client = client
        self._history = history
        self._config = config
        self._context = context
        self._opener = StreamOpener(client, config)
        self._opened: dict[Subscription, Opened] = {}
        self._contexts: dict[Subscription, StreamContext] = {}
        self._prevailing: dict[InstrumentId, Prevailing] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outages = Outages(context.clock, self._opened)
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
        self._remember(context)
        try:
            self._opened[subscription] = self._opener.open(context)
        except BaseException:
            self._forget(subscription)
            raise

    def close(self, subscription: Subscription) -> None:
        """End a stream: nothing of it is delivered after this. Idempotent."""
        context = self._forget(subscription)
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

    def _remember(self, context: StreamContext) -> None:
        self._contexts[context.subscription] = context
        if context.subscription.kind is DataKind.QUOTE_TICKS:
            context.prevailing.join()

    def _forget(self, subscription: Subscription) -> StreamContext | None:
        context = self._contexts.pop(subscription, None)
        if context is not None and subscription.kind is DataKind.QUOTE_TICKS:
            context.prevailing.leave()
        return context

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
        for subscription in self._outages.follow(change):
            self._opened[subscription].handler.interrupted(change.reason)

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
        context = self._forget(subscription)
        opened = self._opened.pop(subscription, None)
        if context is None:
            return
        if opened is not None:
            opened.handler.close()
            fallback = self._fallback(context, opened, error)
            if fallback is not None:
                self._opened[subscription] = fallback
                self._remember(context)
                return
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
        return self._outages.is_interrupted(subscription)

    def is_in_doubt(self, subscription: Subscription) -> bool:
        """Return whether a farm is away that may serve a stream, which is silent since."""
        return self._outages.is_in_doubt(subscription)

    def clock_ahead_ns(self) -> int:
        """Return how far our clock may be ahead of the venue's; 0 where it is not."""
        ahead = -(self._client.clock_offset_ns or 0)
        if ahead <= 0 or not is_near(ahead, 0):
            return 0
        # A clock that is right is measured within the rounding: nothing waits longer for it.
        return ahead if ahead < NANOS_PER_SECOND else ahead + _OFFSET_ROUNDING_NS

    def lost_ns(self, subscription: Subscription) -> int:
        """Return since when a stream that was interrupted brings nothing, UNIX ns UTC."""
        since = self._silent_since.get(subscription)
        if since is not None:
            return since
        since = self._outages.since_ns(subscription)
        return self._context.clock.timestamp_ns() if since is None else since

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
        now = self._context.clock.timestamp_ns() - self.clock_ahead_ns()
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
