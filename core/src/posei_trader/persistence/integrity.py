"""What is wrong in a catalog, in words."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.errors import DataFileError
from posei_trader.persistence import schemas
from posei_trader.persistence.coverage import COVERAGE, Coverage
from posei_trader.persistence.definitions import INSTRUMENTS, InstrumentFiles
from posei_trader.persistence.parquet_content import reading
from posei_trader.persistence.rows import is_ascending, span, stamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_trader.model.bars import BarType
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.persistence.files import DataFile, FileStore
    from posei_trader.persistence.schemas import Columns
    from posei_trader.persistence.streams import Streams

__all__ = ["problems_of"]

_CHANGED: Final = (
    "it was changed after it was written, so its values may be wrong: "
    "restore it, or remove it and download its span again"
)
_STRANGER: Final = "not a file of the catalog: move it out of the catalog's directory"


def problems_of(streams: Streams) -> Iterator[str]:
    """Read everything once and yield what is wrong."""
    files = streams.files
    for kind in schemas.BY_NAME.values():
        yield from _told(_of_kind(streams, kind), kind.name)
    yield from _told(_of_instruments(files), INSTRUMENTS)
    yield from _told(_of_coverage(Coverage(files)), COVERAGE)
    for place in (*schemas.BY_NAME, INSTRUMENTS, COVERAGE):
        yield from _told(_of_place(files, place), place)


def _told(problems: Iterator[str], place: str) -> Iterator[str]:
    """Yield the problems of a place, and as the last what keeps us from finding more of them."""
    try:
        yield from problems
    except FileNotFoundError:
        return  # joined with others meanwhile
    except DataFileError as error:
        yield f"{error.value if error.field == 'path' else place}: {error.message}"


def _of_place(files: FileStore, place: str) -> Iterator[str]:
    if place != COVERAGE:
        yield from (f"{path}: {_STRANGER}" for path in files.strangers(place))
    for path in files.leftovers(place):
        yield f"{path}: a process was killed while it wrote this: it can be deleted"


def _of_kind(streams: Streams, kind: Columns) -> Iterator[str]:
    for directory in streams.files.directories(kind.name):
        yield from _told(_of_stream(streams, kind, directory), f"{kind.name}/{directory}")


def _of_stream(streams: Streams, kind: Columns, directory: str) -> Iterator[str]:
    found, strangers = streams.files.listed(kind.name, directory)
    yield from (f"{path}: {_STRANGER}" for path in strangers)
    is_well = not strangers
    for file in found:
        for problem in _told(_of_file(streams.files, kind, file), file.path):
            is_well = False
            yield problem
    if is_well and kind is schemas.BARS:
        yield from _of_bars(streams.read(kind, directory), f"{kind.name}/{directory}")


def _of_file(files: FileStore, kind: Columns, file: DataFile) -> Iterator[str]:
    table, is_intact = files.read_whole(file.path)
    if not is_intact:
        yield f"{file.path}: {_CHANGED}"
    wanted = kind.stored_schema
    if table.schema.names != wanted.names:
        yield f"{file.path}: columns {table.schema.names} instead of {wanted.names}"
        return
    types = zip(table.schema, wanted, strict=True)
    others = [(a, b) for a, b in types if not _holds_the_same(a.type, b.type)]
    for column, ours in others:
        yield f"{file.path}: the column {column.name} is {column.type} instead of {ours.type}"
    if others:
        return
    with reading(file.path):
        table = table.cast(wanted)
    if not is_ascending(stamps(table)):
        yield f"{file.path}: rows are not in order of ts_event"
    if not table.num_rows or span(table) != (file.first_ns, file.last_ns):
        yield f"{file.path}: the span in the name is not that of the rows"


def _holds_the_same(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Return whether values of a type are those of another one, in another coding at most."""
    if pa.types.is_dictionary(found):
        found = found.value_type
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(found))
    if pa.types.is_string(wanted):
        return bool(pa.types.is_string(found) or pa.types.is_large_string(found))
    return bool(found == wanted)


def _of_bars(table: pa.Table, path: str) -> Iterator[str]:
    final = table.filter(pc.invert(table["is_revision"]))
    several = final.num_rows - pc.count_distinct(stamps(final)).as_py()
    if several:
        yield f"{path}: {several} bars begin at the moment of another one and differ from it"
    wrong = pc.or_kleene(
        pc.less(table["high"], table["low"]),
        pc.or_kleene(
            pc.or_kleene(
                pc.less(table["open"], table["low"]), pc.greater(table["open"], table["high"])
            ),
            pc.or_kleene(
                pc.less(table["close"], table["low"]), pc.greater(table["close"], table["high"])
            ),
        ),
    )
    count = pc.sum(wrong).as_py() or 0
    if count:
        yield f"{path}: {count} bars whose prices contradict each other"


def _of_instruments(files: FileStore) -> Iterator[str]:
    definitions = InstrumentFiles(files)
    for directory in files.directories(INSTRUMENTS):
        found, strangers = files.listed(INSTRUMENTS, directory)
        yield from (f"{path}: {_STRANGER}" for path in strangers)
        for file in found:
            yield from _told(_of_definition(files, definitions, file), file.path)


def _of_definition(files: FileStore, definitions: InstrumentFiles, file: DataFile) -> Iterator[str]:
    _, is_intact = files.read_whole(file.path)
    if not is_intact:
        yield f"{file.path}: {_CHANGED}"
        return
    definitions.read(file.path)


def _of_coverage(coverage: Coverage) -> Iterator[str]:
    for kind, key in coverage.streams():
        yield from _told(_of_losses(coverage, kind, key), f"{kind} {key}")


def _of_losses(coverage: Coverage, kind: str, key: InstrumentId | BarType) -> Iterator[str]:
    for loss in coverage.losses(kind, key):
        yield (
            f"{kind} {key}: {loss.noted} rows were stored from {_iso(loss.span.start_ns)} to "
            f"{_iso(loss.span.end_ns)}, and {loss.found} are there: download this span again"
        )


def _iso(nanos: int) -> str:
    return f"{dt.datetime.fromtimestamp(nanos // 1_000_000_000, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
