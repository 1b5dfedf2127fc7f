"""Playing tapes on the simulated clock and telling everybody who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.market.board import Board
from posei_ib_sim.market.columns import ColumnTape
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from posei_ib_sim.clock import SimulatedClock
    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.tape import Tape

__all__ = ["Listener", "MarketFeed"]

Listener = Callable[[Board, MarketEvent], None]
"""Called with the board already updated; runs on the clock, must not block."""

_LAST_MOMENTS_NS: Final = 600_000_000_000
_YEARS_AHEAD_NS: Final = 3 * 365 * 86_400_000_000_000


@final
class MarketFeed:
    """All instruments that are being played.

    For each event the order is: board, listeners of the instrument, then the observers of all
    instruments (the matching engine). So data goes out before the fills that it causes.

    Args:
        clock: Runs the tapes.
        hours: Sessions for the boards.
        tape_for: Gives the tape of a contract.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        hours: HoursBook,
        tape_for: Callable[[SimContract], Tape],
    ) -> None:
        self._clock = clock
        self._hours = hours
        self._tape_for = tape_for
        self._boards: dict[int, Board] = {}
        self._listeners: dict[int, list[Listener]] = {}
        self._observers: list[Listener] = []
        self._playing: set[int] = set()
        self._ended: set[int] = set()
        self.on_end: Callable[[int], None] | None = None
        self.events_played = 0

    def observe(self, observer: Listener) -> Callable[[], None]:
        """Call `observer` with every event, after the listeners; return what ends that."""
        self._observers.append(observer)

        def stop() -> None:
            self._observers = [one for one in self._observers if one is not observer]

        return stop

    def listen(self, contract: SimContract, listener: Listener) -> Callable[[], None]:
        """Play a contract, call `listener` with its events, and return what ends that."""
        self.board(contract)
        listeners = self._listeners.setdefault(contract.con_id, [])
        listeners.append(listener)

        def stop() -> None:
            # A copy: the list may be under iteration when a listener ends itself.
            current = self._listeners.get(contract.con_id, [])
            self._listeners[contract.con_id] = [one for one in current if one is not listener]

        return stop

    def board(self, contract: SimContract) -> Board:
        """Return the state of a contract, starting to play its tape if nobody has asked before."""
        board = self._boards.get(contract.con_id)
        if board is None:
            board = self._start(contract)
        return board

    def board_at(self, contract: SimContract, ts_ns: int) -> Board:
        """Return the state that a contract has at a moment, without playing it."""
        tape = self._tape_for(contract)
        board = Board(contract, self._hours)
        self._prime(board, tape, ts_ns)
        if board.quote is None and board.last is None:
            # Nothing has been seen yet; the data knows a better price than the seed tables.
            first = next(tape.events(ts_ns + 1, ts_ns + _YEARS_AHEAD_NS), None)
            if first is not None:
                board.reference = first.mid if isinstance(first, Quote) else first.price
        return board

    def peek(self, con_id: int) -> Board | None:
        """Return the state of a contract if it is being played, without starting it."""
        return self._boards.get(con_id)

    def has_ended(self, con_id: int) -> bool:
        """Tell whether the tape of a contract has run out."""
        return con_id in self._ended

    def tape(self, contract: SimContract) -> Tape:
        """Return the tape of a contract."""
        return self._tape_for(contract)

    def _start(self, contract: SimContract) -> Board:
        now = self._clock.now_ns
        board = self.board_at(contract, now)
        self._boards[contract.con_id] = board
        self._playing.add(contract.con_id)
        events = self._tape_for(contract).events(now + 1, now + _YEARS_AHEAD_NS)
        self._next(board, events)
        return board

    def _prime(self, board: Board, tape: Tape, now_ns: int) -> None:
        """Tell a board of the session before, for its close, and of what the current one saw."""
        hours = board.contract.hours
        opened = [s for s in self._hours.around(hours, now_ns, 10) if s.open_ns <= now_ns]
        if not opened:
            return
        if len(opened) > 1:
            board.prime(_last_two(tape, opened[-2].open_ns, opened[-2].close_ns))
        begin = opened[-1].open_ns
        if isinstance(tape, ColumnTape):
            for ticks in tape.columns(begin, now_ns + 1):
                board.prime_columns(ticks)
        else:
            board.prime(tape.events(begin, now_ns + 1))

    def _next(self, board: Board, events: Iterator[MarketEvent]) -> None:
        self._schedule(board, next(events, None), events)

    def _schedule(
        self, board: Board, event: MarketEvent | None, events: Iterator[MarketEvent]
    ) -> None:
        if event is None:
            self._end(board.contract.con_id)
            return
        self._clock.call_at(event.ts_ns, lambda: self._play(board, event, events))

    def _play(self, board: Board, event: MarketEvent, events: Iterator[MarketEvent]) -> None:
        self.events_played += 1
        board.apply(event)
        for listener in self._listeners.get(board.contract.con_id, ()):
            listener(board, event)
        for observer in self._observers:
            observer(board, event)
        self._next(board, events)

    def _end(self, con_id: int) -> None:
        self._playing.discard(con_id)
        self._ended.add(con_id)
        if self.on_end is not None:
            self.on_end(con_id)


def _last_two(tape: Tape, start_ns: int, end_ns: int) -> list[MarketEvent]:
    """Return the last two events of a session."""
    span = _LAST_MOMENTS_NS
    while True:
        last = list(tape.events(max(start_ns, end_ns - span), end_ns))[-2:]
        if len(last) > 1 or span >= end_ns - start_ns:
            return last
        span *= 2
