"""The end of a bar, by the clock: when it has passed at the venue, and IB can be believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.nearness import is_near
from posei_trader.adapters.interactive_brokers.data.pending import Pending
from posei_trader.errors import PoseiError
from posei_trader.model.bars import NANOS_PER_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext
    from posei_trader.model.bars import Bar, BarType

__all__ = ["GRACE_NS", "Closing", "is_same"]

GRACE_NS: Final = NANOS_PER_SECOND
"""How long after its end a bar waits for IB's last word on it."""

_DOUBT_NS: Final = 5 * NANOS_PER_SECOND
"""How long a bar in doubt waits for the farm; most are back sooner, and history knows it then."""


@final
class Closing(Pending):
    """Closes one bar after the other by the clock.

    While IB is out of reach a bar waits: what came since is missing in it, and it is fetched
    afterwards. One that is only in doubt, because a farm is away that may serve its stream, is
    fetched soon after its end: IB may have gone on serving this stream, which had nothing to say.

    Args:
        context: The subscription.
        bar_type: The bars.
        close: Called when a bar is over, with history's bar if it had to be asked for.
        use_rth: Whether only regular trading hours count.
    """

    def __init__(
        self,
        context: StreamContext,
        bar_type: BarType,
        close: Callable[[Bar | None], None],
        *,
        use_rth: bool,
    ) -> None:
        super().__init__()
        self._context = context
        self._clock = context.clock
        self._bar_type = bar_type
        self._close = close
        self._use_rth = use_rth
        self._opens = self._ends = 0
        self._was_in_doubt = False

    def begin(self, opens_ns: int, ends_ns: int) -> None:
        """Wait for the end of a bar; in a replay, whose time is not ours, the next one closes it.

        Args:
            opens_ns: When it opened, by the venue's clock.
            ends_ns: When it ends, by the venue's clock.
        """
        self.stop()
        self._opens, self._ends = opens_ns, ends_ns
        self._was_in_doubt = False
        if is_near(ends_ns, self._clock.timestamp_ns()):
            self._look_at(self._due())

    def stop(self) -> None:
        """Close nothing. Idempotent."""
        self._cancel()

    def _due(self) -> int:
        return self._ends + GRACE_NS + self._context.host.clock_ahead_ns()

    def _look_at(self, when_ns: int) -> None:
        self._timer = self._clock.call_at(when_ns, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._clock.timestamp_ns()
        if now < self._due():
            # Our clock was found to be farther ahead of the venue's than it had been thought.
            self._look_at(self._due())
        elif self._context.is_interrupted():
            self._look_at(now + GRACE_NS)
        elif not self._context.is_in_doubt():
            self._close(None)
        elif not self._was_in_doubt:
            self._was_in_doubt = True
            self._look_at(now + _DOUBT_NS)
        elif not self._context.host.bars_limit_ns:
            self._as_it_stands("back-filling is switched off")
        else:
            self._task = self._context.spawn(self._ask())

    async def _ask(self) -> None:
        """Close a bar in doubt as history has it; as it stands where history does not say."""
        context = self._context
        failure: str | None = None
        try:
            bars = await context.host.fetch_bars(
                context.traded, self._bar_type, self._opens, self._ends, use_rth=self._use_rth
            )
        except PoseiError as error:
            bars, failure = [], error.message
        self._task = None
        if context.is_interrupted():
            self._look_at(self._clock.timestamp_ns() + GRACE_NS)
        elif not context.is_in_doubt():
            self._close(None)
        elif failure is not None:
            self._as_it_stands(failure)
        else:
            # History without it has nothing that the stream has not brought.
            self._close(next((bar for bar in bars if bar.ts_event == self._opens), None))

    def _as_it_stands(self, reason: str) -> None:
        """Close a bar that may lack its end, and say so: it is not corrected afterwards."""
        told = f"a data farm is away, and the bar goes out as it stands: {reason}"
        self._context.gap(self._opens, self._ends, told)
        self._close(None)


def is_same(one: Bar, other: Bar) -> bool:
    """Return whether two bars say the same of their time."""
    return (one.open_raw, one.high_raw, one.low_raw, one.close_raw, one.volume_raw) == (
        other.open_raw,
        other.high_raw,
        other.low_raw,
        other.close_raw,
        other.volume_raw,
    )
