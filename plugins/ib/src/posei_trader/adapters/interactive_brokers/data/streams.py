"""What every stream of the data client has: its subscription, its units, where it delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.historical.scales import Scale
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.data.quotes import Prevailing
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.errors import PoseiError
    from posei_trader.model.requests import Subscription
    from posei_trader.protocols import Clock, DataSink

_log = get_logger("InteractiveBrokersDataClient")

MARKET_DATA_TYPES: Final = {1: "REALTIME", 2: "FROZEN", 3: "DELAYED", 4: "DELAYED_FROZEN"}
"""What IB calls the kinds of market data."""


class StreamContext:
    """One subscription and what it needs, resolved once.

    Attributes:
        subscription: What was asked for.
        traded: The instrument and the unit of its prices.
        prevailing: The instrument's best bid and ask, shared by its streams.
        sink: Where to deliver.
        clock: Time.
        counters: What was left out, by reason.
    """

    __slots__ = (
        "_on_failed",
        "_reported_type",
        "clock",
        "counters",
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
        on_failed: Callable[[Subscription, PoseiError], None],
    ) -> None:
        self.subscription = subscription
        self.traded = traded
        self.prevailing = prevailing
        self.sink = sink
        self.clock = clock
        self.counters: dict[str, int] = {}
        self._on_failed = on_failed
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
        self._on_failed(self.subscription, error)


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
        self.prevailing.bid_raw = self.prevailing.ask_raw = None
        _log.info("stream reopened", subscription=str(self.context.subscription), reason=reason)

    def stream_failed(self, error: PoseiError) -> None:
        """Pass the failure on to whoever subscribed."""
        self.context.failed(error)

    def close(self) -> None:
        """Let go of timers; nothing is delivered after it."""
