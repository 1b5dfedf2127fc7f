"""Outages: which of IB's servers and farms are out of reach, and which streams they silence.

IB does not say which instruments a farm serves. A stream that may take data from it, and brings
nothing while it is away, is in doubt: it may be silenced, or have nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, final

from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from posei_trader.adapters.interactive_brokers.client.messages import (
        BrokenFarm,
        ConnectionChange,
    )
    from posei_trader.adapters.interactive_brokers.data.openers import Opened
    from posei_trader.model.requests import Subscription
    from posei_trader.protocols import Clock

__all__ = ["Outages"]

_NEGLIGIBLE_NS: Final = NANOS_PER_SECOND
"""An outage this short takes nothing that is worth asking for."""


@final
@dataclass(slots=True)
class _Seen:
    """What a stream had received, and under which id, and since when it misses what comes."""

    received: int
    req_id: int
    since_ns: int


@final
class Outages:
    """Follow the connection, IB's servers and the farms, each by itself.

    Args:
        clock: Time.
        opened: The open streams, as they are at any time.
    """

    def __init__(self, clock: Clock, opened: Mapping[Subscription, Opened]) -> None:
        self._clock = clock
        self._opened = opened
        # By what is away: a farm, or None for IB's servers and the gateway itself.
        self._going_on: dict[BrokenFarm | None, dict[Subscription, _Seen]] = {}
        self._ended: list[dict[Subscription, _Seen]] = []

    def follow(self, change: ConnectionChange) -> list[Subscription]:
        """Take note of a change; return the streams that IB kept and that brought nothing."""
        away: set[BrokenFarm | None] = set(change.broken_farms)
        if change.upstream_lost or not change.ready:
            away.add(None)
        for what in away - self._going_on.keys():
            self._going_on[what] = self._served_by(what)
        back = self._going_on.keys() - away
        if not change.ready or not back:
            return []
        self._ended = [self._going_on.pop(what) for what in back]
        # Where data was lost, every stream is opened anew, and sees to itself.
        return [] if change.data_lost else self._silenced()

    def _served_by(self, what: BrokenFarm | None) -> dict[Subscription, _Seen]:
        now = self._clock.timestamp_ns()
        return {
            subscription: _Seen(opened.handle.received, opened.handle.req_id, now)
            for subscription, opened in self._opened.items()
            if what is None or what.source in opened.handle.sources
        }

    def _silenced(self) -> list[Subscription]:
        now = self._clock.timestamp_ns()
        silenced: dict[Subscription, int] = {}
        for outage in self._ended:
            for subscription, seen in outage.items():
                opened = self._opened.get(subscription)
                is_silent = opened is not None and (seen.received, seen.req_id) == (
                    opened.handle.received,
                    opened.handle.req_id,
                )
                if is_silent and now - seen.since_ns >= _NEGLIGIBLE_NS:
                    since = silenced.get(subscription, seen.since_ns)
                    silenced[subscription] = min(since, seen.since_ns)
        # What is away still has silenced them from now on only: no time is seen to twice.
        for outage in self._going_on.values():
            for subscription in silenced.keys() & outage.keys():
                if outage[subscription].since_ns >= silenced[subscription] - _NEGLIGIBLE_NS:
                    outage[subscription].since_ns = now
        return list(silenced)

    def is_interrupted(self, subscription: Subscription) -> bool:
        """Return whether IB is out of reach, and the stream has brought nothing since."""
        outage = self._going_on.get(None)
        return outage is not None and self._is_silent(subscription, outage)

    def is_in_doubt(self, subscription: Subscription) -> bool:
        """Return whether a farm is away that may serve a stream, which is silent since."""
        opened = self._opened.get(subscription)
        return opened is not None and any(
            what.source in opened.handle.sources and self._is_silent(subscription, outage)
            for what, outage in self._going_on.items()
            if what is not None
        )

    def since_ns(self, subscription: Subscription) -> int | None:
        """Return since when a stream brings nothing, UNIX ns UTC; None where nothing is known."""
        outages = [*self._ended, self._going_on.get(None, {})]
        known = [outage[subscription] for outage in outages if subscription in outage]
        opened = self._opened.get(subscription)
        return min(
            (one.since_ns for one in known if opened and one.received == opened.handle.received),
            default=None,
        )

    def _is_silent(self, subscription: Subscription, outage: dict[Subscription, _Seen]) -> bool:
        opened, seen = self._opened.get(subscription), outage.get(subscription)
        # A stream that was opened during the outage had received nothing when it began.
        before = 0 if seen is None else seen.received
        return opened is not None and opened.handle.received == before
