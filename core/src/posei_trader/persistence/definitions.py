"""The definitions of instruments in the catalog: every version is kept, the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

import msgspec
import pyarrow as pa

from posei_trader.model.instruments import Instrument
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.persistence import arrow_values
from posei_trader.persistence.files import WriteResult, directory_key, key_directory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.files import FileStore

__all__ = ["InstrumentFiles"]

_INSTRUMENTS: Final = "instruments"
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
        """Store definitions; one that says what the newest says is not stored again.

        When it was made does not count: a definition asked for every day is one definition.

        Raises:
            DataFileError: the directory is not writable, or the disk is full.
        """
        made: list[str] = []
        skipped = 0
        for instrument in instruments:
            directory = key_directory(instrument.id)
            if _is_same(self._newest(directory), instrument):
                skipped += 1
                continue
            table = pa.Table.from_arrays(
                [
                    arrow_values.time_to_arrow([instrument.ts_event]),
                    arrow_values.string_array([instrument.kind]),
                    arrow_values.string_array([encode_json(instrument).decode()]),
                ],
                schema=_INSTRUMENT_SCHEMA,
            )
            stamp = instrument.ts_event
            made.append(self._files.write(_INSTRUMENTS, directory, table, stamp, stamp))
        return WriteResult(len(made), skipped, tuple(made))

    def newest(self, wanted: Collection[InstrumentId] | None = None) -> list[Instrument]:
        """Return the newest definition of each instrument, or of some, ordered by id."""
        found: list[Instrument] = []
        for directory in self._files.directories(_INSTRUMENTS):
            if wanted is not None and directory_key(directory) not in wanted:
                continue
            newest = self._newest(directory)
            if newest is not None:
                found.append(newest)
        return sorted(found, key=lambda instrument: instrument.id)

    def _newest(self, directory: str) -> Instrument | None:
        files = self._files.files(_INSTRUMENTS, directory)
        if not files:
            return None
        text = self._files.read(files[-1].path)["definition"][0].as_py()
        return decode_json(text, Instrument)


def _is_same(known: Instrument | None, instrument: Instrument) -> bool:
    if known is None or type(known) is not type(instrument):
        return False
    made = {"ts_event": known.ts_event, "ts_init": known.ts_init}
    return msgspec.structs.replace(instrument, **made) == known
