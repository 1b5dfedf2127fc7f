"""The kill switch: a note on the disk that no order passes, whatever the program is doing.

The note is looked for before every order, so that none leaves once it is written, also when the
event loop hangs or the program starts anew. It stays until somebody takes it away.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, final
from urllib.parse import quote

import msgspec

from posei_trader.errors import ResourceExhausted
from posei_trader.model.enums import TradingState

if TYPE_CHECKING:
    from pathlib import Path

    from posei_trader.model.identifiers import TraderId

__all__ = ["Halt", "HaltAnswer", "HaltSwitch"]

_EVERY_NODE: Final = "@all"  # no trader id contains it


class Halt(msgspec.Struct, frozen=True, kw_only=True):
    """What is demanded of a node.

    Attributes:
        state: What it may still do.
        reason: Who wants it, or why.
        is_cancel: Whether working orders are to be canceled.
        ts_init: When it was demanded, UNIX ns UTC.
    """

    state: TradingState = TradingState.HALTED
    reason: str = ""
    is_cancel: bool = False
    ts_init: int = 0


class HaltAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a running node answers.

    Attributes:
        trader_id: The node.
        state: What it lets through now.
        canceled: How many orders it asked the venue to cancel.
        ts_halt: Which demand it answers: its `Halt.ts_init`, 0 for none.
    """

    trader_id: str
    state: TradingState
    canceled: int
    ts_halt: int


_HALT: Final = msgspec.json.Decoder(Halt)
_ANSWER: Final = msgspec.json.Decoder(HaltAnswer)


@final
class HaltSwitch:
    """The note for one node, or for every node of the machine.

    Args:
        directory: Where the notes lie.
        trader_id: The node, None for every node.
    """

    def __init__(self, directory: Path, trader_id: TraderId | None) -> None:
        self._directory = directory / "halt"
        self._trader_id = trader_id
        name = _EVERY_NODE if trader_id is None else quote(trader_id, safe="")
        self._note = self._directory / f"{name}.json"
        self._answer = self._directory / f"{name}.answer.json"
        # Looked for before every order: as texts, which cost nothing to hand to the system.
        everybody = self._directory / f"{_EVERY_NODE}.json"
        self._looked_for = tuple(dict.fromkeys((str(self._note), str(everybody))))

    def state(self) -> tuple[TradingState, str]:
        """Return what is demanded of this node now, and why; ACTIVE when nothing is."""
        halt = self.read()
        return (TradingState.ACTIVE, "") if halt is None else (halt.state, halt.reason)

    def read(self) -> Halt | None:
        """Return the demand that holds, the strictest of this node's and everybody's, or None."""
        found = [_read(path) for path in self._looked_for if os.access(path, os.F_OK)]
        if not found:
            return None
        return max(found, key=lambda halt: (halt.state is TradingState.HALTED, halt.ts_init))

    def demand(self, halt: Halt) -> None:
        """Write the note; when this returns, no order leaves any more.

        Raises:
            ResourceExhausted: it cannot be written.
        """
        self._write(self._note, msgspec.json.encode(halt))

    def lift(self) -> bool:
        """Take the note away, and return whether there was one.

        Raises:
            ResourceExhausted: it cannot be taken away.
        """
        try:
            self._note.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unwritable(self._note, error) from error
        return True

    def answer(self, answer: HaltAnswer) -> None:
        """Tell whoever demanded it that this node obeys.

        Raises:
            ResourceExhausted: it cannot be written.
        """
        self._write(self._answer, msgspec.json.encode(answer))

    def answers(self) -> list[HaltAnswer]:
        """Return what the nodes answered last: this one, or all."""
        pattern = "*.answer.json" if self._trader_id is None else self._answer.name
        found: list[HaltAnswer] = []
        for path in sorted(self._directory.glob(pattern)):
            try:
                found.append(_ANSWER.decode(path.read_bytes()))
            except (OSError, msgspec.MsgspecError):
                continue  # it is being replaced, or left over from another version
        return found

    def forget_answer(self) -> None:
        """Take the answer away: a node that does not run answers nothing. Never raises."""
        try:
            self._answer.unlink(missing_ok=True)
        except OSError:
            return

    def _write(self, path: Path, content: bytes) -> None:
        beside = path.with_suffix(f".{os.getpid()}.new")
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside.write_bytes(content)
            beside.replace(path)
        except OSError as error:
            raise _unwritable(path, error) from error


def _read(path: str) -> Halt:
    """Return what a note demands; one that cannot be read demands everything."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123  the path is a text, see above
            return _HALT.decode(file.read())
    except FileNotFoundError:
        return Halt(state=TradingState.ACTIVE)  # lifted since it was seen
    except (OSError, msgspec.MsgspecError) as error:
        return Halt(reason=f"the note {path} cannot be read: {error}")


def _unwritable(path: Path, error: OSError) -> ResourceExhausted:
    return ResourceExhausted(
        f"the note of the kill switch cannot be changed: {error}",
        field="path",
        value=str(path),
        remedy="check the permissions and the room of its directory, or set POSEI_STATE_DIR",
    )
