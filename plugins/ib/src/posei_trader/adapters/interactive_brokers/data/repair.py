"""Interruptions of a stream: what was missed is fetched and delivered, once and in order.

While it is being fetched, what the stream brings waits. Where nothing can be fetched, or more than
is allowed, the gap is announced instead. Nothing of this costs a tick anything while all is well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar, final

from posei_trader.adapters.interactive_brokers.data.nearness import is_near
from posei_trader.adapters.interactive_brokers.data.pending import Pending
from posei_trader.errors import PoseiError
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext

__all__ = ["LOOK_BACK_NS", "Repair", "Seam", "Stamped"]

_log = get_logger("InteractiveBrokersDataClient")

LOOK_BACK_NS: Final = 180 * NANOS_PER_SECOND
"""How long a connection may have been dead before we noticed."""

_LOOK_NS: Final = NANOS_PER_SECOND // 4

_MOST_HELD: Final = 100_000


class Stamped(Protocol):
    """Anything with a time."""

    @property
    def ts_event(self) -> int:
        """Return when it happened, UNIX ns UTC."""


ItemT = TypeVar("ItemT", bound=Stamped)


class Seam(Protocol[ItemT]):
    """How fetched items join what was delivered before the interruption and what came after."""

    @property
    def length_ns(self) -> int:
        """Return for how long one item, or one of IB's time stamps, stands."""

    @property
    def grace_ns(self) -> int:
        """Return how long to wait before history has what surrounds the interruption."""

    def last_ns(self) -> int | None:
        """Return the `ts_event` of the last item that was delivered, None before the first."""

    def join(self, fetched: list[ItemT], held: list[ItemT]) -> tuple[list[ItemT], list[ItemT]]:
        """Return what of the fetched items was missed, and what of the held ones is still new."""

    def marked(self, item: ItemT, now_ns: int) -> ItemT:
        """Return an item marked as back-filled."""

    def delivered(self, items: list[ItemT]) -> None:
        """Take note of items that were delivered after an interruption."""


@final
class Repair(Pending, Generic[ItemT]):
    """Bridge the interruptions of one stream.

    Args:
        context: The subscription, its clock and its terms.
        seam: How items join.
        fetch: Fetches what happened from a moment to a moment, ascending.
        deliver: Delivers an item.
        restored: Called when items can be delivered directly again.
        limit_ns: The longest span that is fetched; 0 fetches nothing.
    """

    def __init__(
        self,
        context: StreamContext,
        seam: Seam[ItemT],
        fetch: Callable[[int, int], Awaitable[list[ItemT]]],
        deliver: Callable[[ItemT], None],
        restored: Callable[[], None],
        limit_ns: int,
    ) -> None:
        super().__init__()
        self._context = context
        self._clock = context.clock
        self._seam = seam
        self._fetch = fetch
        self._deliver = deliver
        self._restored = restored
        self._limit_ns = limit_ns
        self._held: list[ItemT] | None = None
        self._since = self._until = 0

    @property
    def is_active(self) -> bool:
        """Whether items wait for what was missed."""
        return self._held is not None

    def interrupted(self, reason: str) -> bool:
        """Begin: return whether items have to be given to `hold` from now on.

        An interruption during a repair begins it anew: what was held is fetched with the rest.
        """
        lost, last = self._context.lost_ns(), self._seam.last_ns()
        if not self.is_active:
            self._since = self._start(lost, last)
        self._cancel()
        now = self._clock.timestamp_ns()
        if self._limit_ns == 0 or last is None:
            self._context.gap(min(self._since, now), now, reason)
            return False
        self._held = []
        self._until = 0
        if is_near(last, now):
            self._fetch_once_open()
        # Else it is a replay, whose time we do not know: its next item tells.
        return True

    def bridge(self, start_ns: int, end_ns: int) -> None:
        """Fetch a span that is known to be missing; items have to be given to `hold`."""
        self._cancel()
        self._held = []
        self._since, self._until = start_ns, end_ns
        self._begin()

    def hold(self, item: ItemT) -> None:
        """Take an item of the stream; it goes out after what was missed."""
        held = self._held
        if held is None:
            self._deliver(item)
            return
        held.append(item)
        if len(held) == 1 and self._task is None:
            # What it stands for has to be over before history has the whole of it.
            self._fetch_at(self._clock.timestamp_ns())
        elif len(held) > _MOST_HELD:
            self._cancel()
            self._give_up("more came in than may wait for what was missed")

    def close(self) -> None:
        """Stop; what is held is not delivered. Idempotent."""
        self._cancel()
        self._held = None

    # -- inside ---------------------------------------------------------------------------------

    def _start(self, lost: int, last: int | None) -> int:
        if last is None:
            return lost
        return (
            max(last, lost - LOOK_BACK_NS - self._seam.length_ns) if is_near(last, lost) else last
        )

    def _fetch_once_open(self) -> None:
        """Wait until the stream was asked for: what happens before that does not come live."""
        now = self._clock.timestamp_ns()
        if self._context.is_open():
            self._fetch_at(now)
        else:
            self._timer = self._clock.call_at(now + _LOOK_NS, self._fetch_once_open)

    def _fetch_at(self, now: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(now + self._seam.grace_ns, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._held is not None and self._task is None:
            self._task = self._context.spawn(self._run())

    def _end(self) -> int:
        if self._until:
            return self._until
        if self._held:
            return self._held[0].ts_event + self._seam.length_ns
        return self._clock.timestamp_ns() // NANOS_PER_SECOND * NANOS_PER_SECOND

    async def _run(self) -> None:
        end = self._end()
        start = max(self._since, end - self._limit_ns)
        try:
            fetched = await self._fetch(start, end) if start < end else []
        except PoseiError as error:
            self._task = None
            self._give_up(str(error.message))
            return
        self._task = None
        if start > self._since:
            reason = "the interruption was longer than what may be fetched"
            self._context.gap(self._since, start, reason)
        self._finish(fetched)

    def _finish(self, fetched: list[ItemT]) -> None:
        held, self._held = self._held or [], None
        missed, held = self._seam.join(fetched, held)
        if missed:
            _log.info(
                "what was missed is delivered",
                subscription=str(self._context.subscription),
                count=len(missed),
                since_ns=missed[0].ts_event,
                until_ns=missed[-1].ts_event,
            )
        now = self._clock.timestamp_ns()
        marked = [self._seam.marked(item, now) for item in missed]
        self._seam.delivered([*marked, *held])
        for item in (*marked, *held):
            self._deliver(item)
        self._restored()

    def _give_up(self, reason: str) -> None:
        held, self._held = self._held or [], None
        now = self._clock.timestamp_ns()
        end = self._until or (held[0].ts_event if held else max(now, self._since))
        self._context.gap(self._since, end, reason)
        self._seam.delivered(held)
        for item in held:
            self._deliver(item)
        self._restored()
