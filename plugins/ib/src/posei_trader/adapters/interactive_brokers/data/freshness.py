"""Streams that say nothing in their trading hours: opened anew, that one only, and then an alarm.

A liveness check sees that the gateway answers; it cannot see that one stream has died. A stream
that is silent for `stale_after` seconds of its trading hours is opened anew. If it stays silent for
as long again, the node is alarmed, and it is opened anew now and then, each time later, until it
speaks or its market closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.market_hours import MarketHours
from posei_trader.adapters.interactive_brokers.data.params import flag_of, stale_after_of
from posei_trader.adapters.interactive_brokers.instruments import details_of
from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.requests import DataKind

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.data.live import LiveStreams
    from posei_trader.adapters.interactive_brokers.data.openers import Opened
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.requests import Subscription
    from posei_trader.protocols import DataClientContext, TimerHandle

__all__ = ["Freshness"]

_log = get_logger("InteractiveBrokersDataClient")

_SHORTEST_LOOK_NS: Final = NANOS_PER_SECOND
_LONGEST_LOOK_NS: Final = 15 * NANOS_PER_SECOND
_SETTLING_NS: Final = 5 * NANOS_PER_SECOND
"""For how long after a stream was opened anew what comes is no sign of life."""
_LOOKS_PER_LIMIT: Final = 4
_LONGEST_PAUSE_NS: Final = 3_600 * NANOS_PER_SECOND
_ASK_HOURS_EVERY_NS: Final = 3_600 * NANOS_PER_SECOND


@final
class _Watch:
    """What is known of one stream's freshness."""

    __slots__ = (
        "due_ns",
        "hours",
        "limit_ns",
        "received",
        "renewals",
        "settles_ns",
        "since_ns",
    )

    def __init__(self, hours: MarketHours, limit_ns: int, now_ns: int) -> None:
        self.hours = hours
        self.limit_ns = limit_ns
        self.received = -1
        self.settles_ns = 0
        self.reset(now_ns)

    def reset(self, now_ns: int) -> None:
        """Begin to wait anew."""
        self.since_ns = now_ns
        self.due_ns = now_ns + self.limit_ns
        self.renewals = 0


@final
class Freshness:
    """Look at every open stream now and then.

    Args:
        client: Answers what a contract's hours are, when the known ones have passed.
        streams: What is looked at.
        config: Settings.
        context: The node's clock and sink.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        streams: LiveStreams,
        config: InteractiveBrokersDataClientConfig,
        context: DataClientContext,
    ) -> None:
        self._client = client
        self._streams = streams
        self._config = config
        self._clock = context.clock
        self._sink = context.sink
        self._watches: dict[Subscription, _Watch] = {}
        self._asked_at: dict[Subscription, int] = {}
        self._timer: TimerHandle | None = None

    def start(self) -> None:
        """Begin to look. Idempotent."""
        if self._timer is None:
            self._look_again()

    def stop(self) -> None:
        """Look no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._watches.clear()

    def _look_again(self) -> None:
        limits = [watch.limit_ns for watch in self._watches.values()]
        pause = min(limits, default=_LONGEST_LOOK_NS) // _LOOKS_PER_LIMIT
        pause = max(_SHORTEST_LOOK_NS, min(_LONGEST_LOOK_NS, pause))
        self._timer = self._clock.call_at(self._clock.timestamp_ns() + pause, self._look)

    def _look(self) -> None:
        now = self._clock.timestamp_ns()
        opened = self._streams.opened()
        for subscription in set(self._watches) - set(opened):
            del self._watches[subscription]
            self._asked_at.pop(subscription, None)
        # Several subscriptions may share a stream of IB's: it is opened anew once.
        ids = {subscription: stream.handle.req_id for subscription, stream in opened.items()}
        renewed: set[int] = set()
        for subscription, stream in opened.items():
            watch = self._watch(subscription, now)
            if watch is None or not self._is_silent(subscription, stream, watch, now):
                continue
            reason = self._note_silence(subscription, watch, now)
            if ids[subscription] not in renewed:
                renewed.add(ids[subscription])
                self._streams.renew(subscription, watch.since_ns, reason)
        self._look_again()

    def _watch(self, subscription: Subscription, now: int) -> _Watch | None:
        limit = stale_after_of(subscription, self._config.stale_after)
        if limit is None:
            return None
        watch = self._watches.get(subscription)
        if watch is None:
            traded = self._streams.contexts()[subscription].traded
            hours = MarketHours(details_of(traded.instrument), use_rth=self._use_rth(subscription))
            watch = _Watch(hours, int(limit * NANOS_PER_SECOND), now)
            self._watches[subscription] = watch
        return watch

    def _use_rth(self, subscription: Subscription) -> bool:
        default = self._config.use_regular_trading_hours
        return subscription.kind is DataKind.BARS and flag_of(
            subscription, "use_rth", default=default
        )

    def _is_silent(
        self, subscription: Subscription, stream: Opened, watch: _Watch, now: int
    ) -> bool:
        received, watch.received = watch.received, stream.handle.received
        if watch.settles_ns:
            # What comes first is the present state, which a dead source has too.
            if not self._streams.is_open(subscription):
                watch.settles_ns = now + _SETTLING_NS
            elif now >= watch.settles_ns:
                watch.settles_ns = 0
            return False
        if not watch.hours.knows(now):
            self._ask_hours(subscription, watch, now)
        # Of a stream that is being opened, or whose source is known to be away, nothing can come.
        is_expected = self._streams.is_open(subscription) and not (
            self._streams.is_interrupted(subscription) or self._streams.is_in_doubt(subscription)
        )
        if received != watch.received or not is_expected or watch.hours.open_since(now) is None:
            watch.reset(now)
        return now >= watch.due_ns

    def _note_silence(self, subscription: Subscription, watch: _Watch, now: int) -> str:
        """Log it, and alarm the node when opening the stream anew has not helped."""
        seconds = (now - watch.since_ns) / NANOS_PER_SECOND
        reason = f"nothing came for {seconds:.0f} s of trading hours"
        _log.warning(
            "a silent stream is opened anew",
            subscription=str(subscription),
            seconds=round(seconds),
            renewals=watch.renewals,
        )
        if watch.renewals == 1:
            self._sink.stream_silent(
                subscription, watch.since_ns, f"{reason}, though it was opened anew"
            )
        pause = min(watch.limit_ns * 2**watch.renewals, _LONGEST_PAUSE_NS)
        watch.due_ns = now + max(pause, watch.limit_ns)
        watch.renewals += 1
        watch.settles_ns = now + _SETTLING_NS
        return reason

    # -- hours ----------------------------------------------------------------------------------

    def _ask_hours(self, subscription: Subscription, watch: _Watch, now: int) -> None:
        """Ask for the hours of the coming days, not more often than once an hour."""
        asked = self._asked_at.get(subscription)
        if asked is not None and now - asked < _ASK_HOURS_EVERY_NS:
            return
        self._asked_at[subscription] = now
        traded = self._streams.contexts()[subscription].traded
        self._streams.spawn(self._refresh(subscription, watch, traded))

    async def _refresh(self, subscription: Subscription, watch: _Watch, traded: Traded) -> None:
        try:
            details = await self._client.get_contract_details(traded.contract)
        except PoseiError as error:
            _log.warning(
                "trading hours are not known: silence of this stream is not noticed",
                subscription=str(subscription),
                error=error.message,
            )
            return
        if details:
            watch.hours = MarketHours(details[0], use_rth=self._use_rth(subscription))
