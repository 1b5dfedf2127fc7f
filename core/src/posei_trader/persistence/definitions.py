"""The definitions of instruments in the catalog: every version is kept, the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec
import pyarrow as pa

from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.instruments import Instrument
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.persistence import arrow_values
from posei_trader.persistence.files import WriteResult, directory_key, key_directory
from posei_trader.persistence.spans import FOREVER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.files import FileStore

__all__ = ["INSTRUMENTS", "InstrumentFiles"]

INSTRUMENTS: Final = "instruments"
"""The directory of the definitions, below the root."""

_INSTRUMENT_SCHEMA: Final = pa.schema(
    [
        pa.field("ts_event", arrow_values.TIME, nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("definition", pa.string(), nullable=False),
    ]
)


@final
class InstrumentFiles:
    """Keep definitions: one file for each version of an instrument.

    Args:
        files: Where the catalog keeps its files.
    """

    def __init__(self, files: FileStore) -> None:
        self._files = files

    def write(self, instruments: Iterable[Instrument]) -> WriteResult:
        """Store definitions; one that says what is known of its time is not stored again.

        When it was made does not count: a definition asked for every day is one definition.

        Raises:
            InvalidRequest: a definition cannot be stored; then none of them was.
            DataFileError: the directory is not writable, or the disk is full, or what is stored
                is damaged.
        """
        given = list(instruments)
        # Of one moment there is one definition: the last.
        latest = {(one.id, one.ts_event, one.ts_init): one for one in given}
        encoded = [(one, _encoded(one)) for one in sorted(latest.values(), key=_age)]
        made: list[str] = []
        for instrument, table in encoded:
            directory = key_directory(instrument.id)
            if _is_same(self._newest(directory, instrument), instrument):
                continue
            stamp = instrument.ts_event
            turn = self._files.next_turn(INSTRUMENTS, directory)
            made.append(self._files.write(INSTRUMENTS, directory, table, stamp, stamp, turn))
        return WriteResult(len(made), len(given) - len(made), tuple(made))

    def newest(self, wanted: Collection[InstrumentId] | None = None) -> list[Instrument]:
        """Return the newest definition of each instrument, or of some, ordered by id."""
        found: list[Instrument] = []
        for directory in self._files.directories(INSTRUMENTS):
            if wanted is not None and directory_key(directory) not in wanted:
                continue
            newest = self._newest(directory)
            if newest is not None:
                found.append(newest)
        return sorted(found, key=lambda instrument: instrument.id)

    def _newest(self, directory: str, until: Instrument | None = None) -> Instrument | None:
        """Return the newest definition, or the newest that is not newer than another one."""
        files = self._files.files(INSTRUMENTS, directory)
        if until is not None:
            files = [file for file in files if file.first_ns <= until.ts_event]
        for moment in sorted({file.first_ns for file in files}, reverse=True):
            # Definitions of one moment: the one made last counts, and then the one written last.
            several = [file for file in files if file.first_ns == moment]
            several.sort(key=lambda file: file.turn, reverse=True)
            known = [self.read(file.path) for file in several]
            if until is not None:
                known = [one for one in known if _age(one) <= _age(until)]
            if known:
                return max(known, key=_age)
        return None

    def read(self, path: str) -> Instrument:
        """Return the definition in a file.

        Raises:
            DataFileError: it is damaged, or holds something else.
        """
        table = self._files.read(path)
        if table.schema.names != _INSTRUMENT_SCHEMA.names or table.num_rows != 1:
            raise _damaged(path, "it holds something else")
        try:
            return decode_json(table["definition"][0].as_py(), Instrument)
        except (msgspec.MsgspecError, InvalidRequest, TypeError) as error:
            raise _damaged(path, str(error)) from error


def _age(instrument: Instrument) -> tuple[int, int]:
    return instrument.ts_event, instrument.ts_init


def _encoded(instrument: Instrument) -> pa.Table:
    if not 0 <= instrument.ts_event <= FOREVER:
        raise InvalidRequest(
            "the time of a definition cannot be stored",
            field="ts_event",
            value=instrument.ts_event,
            remedy="give UNIX nanoseconds, UTC",
        )
    try:
        text = encode_json(instrument).decode()
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"a definition cannot be stored: {error}",
            field="instrument",
            value=str(instrument.id),
            remedy="put only texts, numbers, lists and dictionaries into its info",
        ) from error
    return pa.Table.from_arrays(
        [
            arrow_values.time_to_arrow([instrument.ts_event]),
            arrow_values.string_array([instrument.kind]),
            arrow_values.string_array([text]),
        ],
        schema=_INSTRUMENT_SCHEMA,
    )


def _damaged(path: str, reason: str) -> DataFileError:
    return DataFileError(
        f"the definition of an instrument cannot be read: {reason}",
        field="path",
        value=path,
        remedy="remove the file, and store the instrument again",
    )


def _is_same(known: Instrument | None, instrument: Instrument) -> bool:
    if known is None or type(known) is not type(instrument):
        return False
    made = {"ts_event": known.ts_event, "ts_init": known.ts_init}
    return msgspec.structs.replace(instrument, **made) == known
