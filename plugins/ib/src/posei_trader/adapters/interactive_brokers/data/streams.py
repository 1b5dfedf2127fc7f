"""What every stream of the data client has: its subscription, its units, where it delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from posei_trader.adapters.interactive_brokers.historical.scales import Scale
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from posei_trader.adapters.interactive_brokers.data.prevailing import Prevailing
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.errors import PoseiError
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.requests import Subscription
    from posei_trader.model.ticks import QuoteTick, TradeTick
    from posei_trader.protocols import Clock, DataSink

_log = get_logger("InteractiveBrokersDataClient")

MARKET_DATA_TYPES: Final = {1: "REALTIME", 2: "FROZEN", 3: "DELAYED", 4: "DELAYED_FROZEN"}
"""What IB calls the kinds of market data."""


class StreamHost(Protocol):
    """What a stream needs of the data client."""

    @property
    def bars_limit_ns(self) -> int:
        """Return the longest span of bars that is fetched after an interruption; 0 for none."""

    @property
    def ticks_limit_ns(self) -> int:
        """Return the longest span of ticks that is fetched after an interruption; 0 for none."""

    def stream_failed(self, subscription: Subscription, error: PoseiError) -> None:
        """Take note that a stream has ended for good."""

    def is_open(self, subscription: Subscription) -> bool:
        """Return whether IB was asked for the stream, over the present connection."""

    def is_interrupted(self, subscription: Subscription) -> bool:
        """Return whether IB is out of reach now, and the stream has brought nothing since."""

    def is_in_doubt(self, subscription: Subscription) -> bool:
        """Return whether a farm is away that may serve a stream, which is silent since."""

    def clock_ahead_ns(self) -> int:
        """Return how far our clock may be ahead of the venue's; 0 where it is not."""

    def lost_ns(self, subscription: Subscription) -> int:
        """Return since when a stream that was interrupted brings nothing, UNIX ns UTC."""

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start work that ends with the client."""

    async def fetch_bars(
        self, traded: Traded, bar_type: BarType, start_ns: int, end_ns: int, *, use_rth: bool
    ) -> list[Bar]:
        """Fetch complete bars of a span, ascending. Raises as `HistoryDownloads.bars`."""

    async def fetch_quotes(self, traded: Traded, start_ns: int, end_ns: int) -> list[QuoteTick]:
        """Fetch quotes of a span, ascending. Raises as `HistoryDownloads.quotes`."""

    async def fetch_trades(self, traded: Traded, start_ns: int, end_ns: int) -> list[TradeTick]:
        """Fetch trades of a span, ascending. Raises as `HistoryDownloads.trades`."""


class StreamContext:
    """One subscription and what it needs, resolved once.

    Attributes:
        subscription: What was asked for.
        traded: The instrument and the unit of its prices.
        prevailing: The instrument's best bid and ask, shared by its streams.
        sink: Where to deliver.
        clock: Time.
        host: The data client.
        counters: What was left out, by reason.
    """

    __slots__ = (
        "_reported_type",
        "clock",
        "counters",
        "host",
        "prevailing",
        "sink",
        "subscription",
        "traded",
    )

    def __init__(
        self,
        subscription: Subscription,
        traded: Traded,
        prevailing: Prevailing,
        sink: DataSink,
        clock: Clock,
        host: StreamHost,
    ) -> None:
        self.subscription = subscription
        self.traded = traded
        self.prevailing = prevailing
        self.sink = sink
        self.clock = clock
        self.host = host
        self.counters: dict[str, int] = {}
        self._reported_type = 0

    def count(self, what: str) -> None:
        """Count something that was left out; the first of each kind is logged."""
        known = self.counters.get(what, 0)
        self.counters[what] = known + 1
        if not known:
            _log.warning(what, subscription=str(self.subscription))

    def note_market_data_type(self, market_data_type: int) -> None:
        """Log which kind of data flows, when it changes."""
        if market_data_type != self._reported_type:
            self._reported_type = market_data_type
            name = MARKET_DATA_TYPES.get(market_data_type, str(market_data_type))
            _log.info("market data", subscription=str(self.subscription), kind=name)

    def failed(self, error: PoseiError) -> None:
        """Say that the stream has ended for good."""
        self.host.stream_failed(self.subscription, error)

    def is_open(self) -> bool:
        """Return whether IB was asked for the stream, over the present connection."""
        return self.host.is_open(self.subscription)

    def is_interrupted(self) -> bool:
        """Return whether the stream is interrupted now: what it has may be incomplete."""
        return self.host.is_interrupted(self.subscription)

    def is_in_doubt(self) -> bool:
        """Return whether the stream may be interrupted: a farm is away that may serve it."""
        return self.host.is_in_doubt(self.subscription)

    def venue_ns(self) -> int:
        """Return what time it is at the venue at least: ours, unless our clock is ahead of it."""
        return self.clock.timestamp_ns() - self.host.clock_ahead_ns()

    def lost_ns(self) -> int:
        """Return since when the stream brings nothing, UNIX ns UTC."""
        return self.host.lost_ns(self.subscription)

    def spawn(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Start work that ends with the client."""
        return self.host.spawn(work)

    def gap(self, start_ns: int, end_ns: int, reason: str) -> None:
        """Say that a part of the stream is missing and will not come."""
        self.sink.data_gap(self.subscription, start_ns, end_ns, reason)


class Stream:
    """What all handlers of streams share."""

    __slots__ = ("clock", "context", "instrument_id", "prevailing", "scale", "sink")

    def __init__(self, context: StreamContext) -> None:
        self.context = context
        self.instrument_id = context.subscription.instrument_id
        self.scale = Scale(context.traded)
        self.prevailing = context.prevailing
        self.sink = context.sink
        self.clock = context.clock

    def stream_restarted(self, reason: str) -> None:
        """Take note that the stream was opened anew."""
        self.prevailing.forget()
        _log.info("stream reopened", subscription=str(self.context.subscription), reason=reason)
        self.interrupted(reason)

    def interrupted(self, reason: str) -> None:
        """See to what was missed: here, nothing can be fetched, so the gap is announced."""
        now = self.clock.timestamp_ns()
        self.context.gap(min(self.context.lost_ns(), now), now, reason)

    def stream_failed(self, error: PoseiError) -> None:
        """Pass the failure on to whoever subscribed."""
        self.context.failed(error)

    def close(self) -> None:
        """Let go of timers; nothing is delivered after it."""
