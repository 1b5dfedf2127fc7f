"""What comes to be stored: sorted by stream and checked, before the first of it is written."""

from __future__ import annotations

from collections import defaultdict
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.instruments import Instrument
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence import schemas
from posei_trader.persistence.files import key_directory
from posei_trader.persistence.keys import stream_key
from posei_trader.persistence.rows import in_order, numbered
from posei_trader.persistence.schemas import CatalogTable
from posei_trader.persistence.table_checks import check_values, encoded, fitting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pyarrow as pa

    from posei_trader.persistence.schemas import Columns, Kind

__all__ = ["Incoming", "Rows", "Storable", "incoming", "rows_of"]

Storable: TypeAlias = (
    Instrument | Bar | QuoteTick | TradeTick | OrderBookDelta | OrderBookDeltas | CatalogTable
)
"""What `write_data` takes."""

T = TypeVar("T")
KeyT = TypeVar("KeyT", InstrumentId, BarType)


class Rows(NamedTuple):
    """Rows of one stream as a file holds them: checked, ascending, each fact once.

    Attributes:
        columns: Their kind.
        directory: The stream, below its kind.
        table: The rows, with REPEAT.
        asked: How many there were before what came twice was left out.
    """

    columns: Columns
    directory: str
    table: pa.Table
    asked: int


class Incoming(NamedTuple):
    """What one call stores.

    Attributes:
        definitions: Instruments, in the order in which they came.
        streams: Rows.
    """

    definitions: list[Instrument]
    streams: list[Rows]


def incoming(data: Iterable[Storable] | Storable) -> Incoming:
    """Sort records by their streams and check all of them.

    Raises:
        InvalidRequest: the catalog does not store one of them, or not its values.
    """
    definitions: list[Instrument] = []
    bars: dict[BarType, list[Bar]] = defaultdict(list)
    quotes: dict[InstrumentId, list[QuoteTick]] = defaultdict(list)
    trades: dict[InstrumentId, list[TradeTick]] = defaultdict(list)
    deltas: dict[InstrumentId, list[OrderBookDelta]] = defaultdict(list)
    tables: list[CatalogTable] = []
    for item in _several(data):
        if isinstance(item, Bar):
            bars[item.bar_type].append(item)
        elif isinstance(item, QuoteTick):
            quotes[item.instrument_id].append(item)
        elif isinstance(item, TradeTick):
            trades[item.instrument_id].append(item)
        elif isinstance(item, OrderBookDelta):
            deltas[item.instrument_id].append(item)
        elif isinstance(item, OrderBookDeltas):
            deltas[item.instrument_id] += item.deltas
        elif isinstance(item, Instrument):
            definitions.append(item)
        elif isinstance(item, CatalogTable):
            tables.append(item)
        else:
            raise _not_stored(item)
    streams = [
        *_groups(schemas.BARS, bars),
        *_groups(schemas.QUOTE_TICKS, quotes),
        *_groups(schemas.TRADE_TICKS, trades),
        *_groups(schemas.ORDER_BOOK_DELTAS, deltas),
        *starmap(rows_of, tables),
    ]
    return Incoming(definitions, streams)


def rows_of(kind: str, key: str | BarType, table: pa.Table) -> Rows:
    """Check the rows of one stream.

    Raises:
        InvalidRequest: the key or the columns are not those of the kind, or not all values fit.
    """
    columns = schemas.named(kind)
    return _ready(columns, stream_key(columns, key), fitting(table, columns))


def _groups(kind: Kind[T], groups: Mapping[KeyT, list[T]]) -> Iterator[Rows]:
    for key, items in groups.items():
        yield _ready(kind, key, encoded(kind, items))


def _ready(columns: Columns, key: InstrumentId | BarType, table: pa.Table) -> Rows:
    asked = table.num_rows
    if asked:
        check_values(table)
    return Rows(columns, key_directory(key), numbered(in_order(table), columns), asked)


def _several(data: Iterable[Storable] | Storable) -> Iterable[Storable]:
    # One record stands for a list of one; a table of ours is a tuple, and not one of records.
    if isinstance(data, Storable):
        return [data]
    try:
        return iter(data)
    except TypeError as error:
        raise _not_stored(data) from error


def _not_stored(item: object) -> InvalidRequest:
    return InvalidRequest(
        "the catalog does not store this kind of record",
        field="data",
        value=type(item).__name__,
        remedy="give instruments, bars, quote ticks, trade ticks or book deltas",
    )
