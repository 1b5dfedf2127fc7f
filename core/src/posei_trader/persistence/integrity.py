"""What is wrong in a catalog, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.compute as pc

from posei_trader.errors import DataFileError
from posei_trader.persistence import schemas
from posei_trader.persistence.rows import is_ascending, span, stamps

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from posei_trader.persistence.schemas import Columns
    from posei_trader.persistence.streams import Streams

__all__ = ["problems_of"]


def problems_of(streams: Streams) -> Iterator[str]:
    """Read everything once and yield what is wrong."""
    files = streams.files
    for name, kind in schemas.BY_NAME.items():
        for directory in files.directories(name):
            is_readable = True
            for file in files.files(name, directory):
                try:
                    table = files.read(file.path)
                except FileNotFoundError:
                    continue  # joined with others meanwhile
                except DataFileError as error:
                    is_readable = False
                    yield f"{file.path}: {error.message}"
                    continue
                yield from _of_file(kind, table, file.path, file.first_ns, file.last_ns)
            if is_readable and kind is schemas.BARS:
                yield from _of_bars(streams.read(kind, directory), f"{name}/{directory}")


def _of_file(kind: Columns, table: pa.Table, path: str, first: int, last: int) -> Iterator[str]:
    if table.schema.names != kind.stored_schema.names:
        yield f"{path}: columns {table.schema.names} instead of {kind.stored_schema.names}"
        return
    if not is_ascending(stamps(table)):
        yield f"{path}: rows are not in order of ts_event"
    if not table.num_rows or span(table) != (first, last):
        yield f"{path}: the span in the name is not that of the rows"


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
