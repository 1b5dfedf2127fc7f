"""The columns of each kind of record, and the way between our structs and Arrow.

Prices are ``decimal128(19, 9)`` and sizes ``decimal128(19, 9)``: the 64-bit raw values with their
scale, so DuckDB, Polars, pandas and Spark see exact numbers without knowing us. Timestamps are
``timestamp[ns, UTC]``. What is constant for a directory (instrument, bar type) is in its name, not
in the rows. The schema carries its version and units in its metadata.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeAlias, TypeVar

import pyarrow as pa

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta
from posei_trader.model.enums import AggressorSide, BookAction, BookSide, RecordFlag, TradeFlag
from posei_trader.model.identifiers import InstrumentId, TradeId
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence.arrow_values import (
    RAW,
    TIME,
    arrow_to_raw,
    arrow_to_time,
    bool_array,
    raw_to_arrow,
    string_array,
    time_to_arrow,
    uint8_array,
    uint64_array,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SCHEMA_VERSION: Final = 1
"""What this program writes; it reads this and everything older."""

VERSION_KEY: Final = b"posei.schema_version"

REPEAT: Final = pa.field("repeat", pa.uint16(), nullable=False)
"""0 for the first of several equal records that are facts of their own, 1 for the second..."""

_METADATA: Final = {
    VERSION_KEY: str(SCHEMA_VERSION).encode(),
    b"posei.prices": b"decimal128(19,9), in the quote currency",
    b"posei.sizes": b"decimal128(19,9), in units of the instrument",
    b"posei.times": b"nanoseconds since 1970-01-01 UTC",
}

T = TypeVar("T")
Record: TypeAlias = Bar | QuoteTick | TradeTick | OrderBookDelta
"""What the rows of a table are as objects."""


class CatalogTable(NamedTuple):
    """Rows of one stream without an object a row, as the catalog stores them.

    Attributes:
        kind: ``bars``, ``quote_ticks``, ``trade_ticks`` or ``order_book_deltas``.
        key: The bar type for bars, the instrument id for all else.
        table: The rows, with the columns of the kind.
    """

    kind: str
    key: InstrumentId | BarType
    table: pa.Table

    def records(self) -> list[Record]:
        """Return the rows as objects.

        Raises:
            InvalidRequest: rows of this kind have no objects.
        """
        kind = named(self.kind)
        if not isinstance(kind, Kind):
            raise InvalidRequest(
                "rows of this kind have no objects",
                field="kind",
                value=self.kind,
                remedy="use the table",
            )
        found: list[Record] = kind.decode(self.table, self.key)
        return found


class Columns:
    """The columns of one kind of record, whatever its structs are.

    Attributes:
        name: The directory, for example ``quote_ticks``.
        schema: The columns.
        stored_schema: The columns of a file: those, and REPEAT.
        identity: The columns that make two rows the same record.
        may_repeat: Whether two equal rows may be two facts: what has neither an id of its own nor
            the only place at its moment, such as quotes in IB's whole seconds.
    """

    __slots__ = ("identity", "may_repeat", "name", "schema", "stored_schema")

    def __init__(
        self,
        name: str,
        fields: Sequence[tuple[str, pa.DataType]],
        identity: tuple[str, ...],
        *,
        may_repeat: bool = False,
    ) -> None:
        self.name = name
        self.may_repeat = may_repeat
        self.schema = pa.schema(
            [pa.field(label, kind, nullable=False) for label, kind in fields], metadata=_METADATA
        )
        self.stored_schema = self.schema.append(REPEAT)
        self.identity = identity


class Kind(Columns, Generic[T]):
    """One kind of record: its columns, and both conversions.

    Attributes:
        record: The struct.
        encode: Structs to a table.
        decode: A table and its key (instrument id or bar type) to structs.
    """

    encode: Callable[[Sequence[T]], pa.Table]
    decode: Callable[[pa.Table, InstrumentId | BarType], list[T]]

    __slots__ = ("decode", "encode", "record")

    def __init__(
        self,
        name: str,
        record: type[T],
        fields: Sequence[tuple[str, pa.DataType]],
        identity: tuple[str, ...],
        encode: Callable[[Sequence[T]], list[pa.Array]],
        decode: Callable[[pa.Table, InstrumentId | BarType], list[T]],
        *,
        may_repeat: bool = False,
    ) -> None:
        super().__init__(name, fields, identity, may_repeat=may_repeat)
        self.record = record
        self.encode = lambda items: pa.Table.from_arrays(encode(items), schema=self.schema)
        self.decode = decode


_TIMES: Final = [("ts_event", TIME), ("ts_init", TIME)]
_FILLED: Final = ("is_backfilled", pa.bool_())
_PRECISIONS: Final = [("price_precision", pa.uint8()), ("size_precision", pa.uint8())]


def _small(values: Sequence[int]) -> pa.Array:
    return uint8_array(values)


def _encode_quotes(items: Sequence[QuoteTick]) -> list[pa.Array]:
    return [
        time_to_arrow([t.ts_event for t in items]),
        time_to_arrow([t.ts_init for t in items]),
        raw_to_arrow([t.bid_raw for t in items]),
        raw_to_arrow([t.ask_raw for t in items]),
        raw_to_arrow([t.bid_size_raw for t in items]),
        raw_to_arrow([t.ask_size_raw for t in items]),
        _small([t.price_precision for t in items]),
        _small([t.size_precision for t in items]),
        bool_array([t.is_backfilled for t in items]),
    ]


def _decode_quotes(table: pa.Table, key: InstrumentId | BarType) -> list[QuoteTick]:
    instrument_id = InstrumentId(str(key))
    columns = zip(
        arrow_to_raw(table["bid"]),
        arrow_to_raw(table["ask"]),
        arrow_to_raw(table["bid_size"]),
        arrow_to_raw(table["ask_size"]),
        table["price_precision"].to_pylist(),
        table["size_precision"].to_pylist(),
        arrow_to_time(table["ts_event"]),
        arrow_to_time(table["ts_init"]),
        table["is_backfilled"].to_pylist(),
        strict=True,
    )
    return [QuoteTick(instrument_id, *row) for row in columns]


def _encode_trades(items: Sequence[TradeTick]) -> list[pa.Array]:
    return [
        time_to_arrow([t.ts_event for t in items]),
        time_to_arrow([t.ts_init for t in items]),
        raw_to_arrow([t.price_raw for t in items]),
        raw_to_arrow([t.size_raw for t in items]),
        _small([t.price_precision for t in items]),
        _small([t.size_precision for t in items]),
        _small([int(t.aggressor_side) for t in items]),
        string_array([t.trade_id for t in items]),
        _small([int(t.flags) for t in items]),
    ]


def _decode_trades(table: pa.Table, key: InstrumentId | BarType) -> list[TradeTick]:
    instrument_id = InstrumentId(str(key))
    columns = zip(
        arrow_to_raw(table["price"]),
        arrow_to_raw(table["size"]),
        table["price_precision"].to_pylist(),
        table["size_precision"].to_pylist(),
        map(AggressorSide, table["aggressor_side"].to_pylist()),
        map(TradeId, table["trade_id"].to_pylist()),
        arrow_to_time(table["ts_event"]),
        arrow_to_time(table["ts_init"]),
        map(TradeFlag, table["flags"].to_pylist()),
        strict=True,
    )
    return [TradeTick(instrument_id, *row) for row in columns]


def _encode_bars(items: Sequence[Bar]) -> list[pa.Array]:
    return [
        time_to_arrow([b.ts_event for b in items]),
        time_to_arrow([b.ts_init for b in items]),
        raw_to_arrow([b.open_raw for b in items]),
        raw_to_arrow([b.high_raw for b in items]),
        raw_to_arrow([b.low_raw for b in items]),
        raw_to_arrow([b.close_raw for b in items]),
        raw_to_arrow([b.volume_raw for b in items]),
        _small([b.price_precision for b in items]),
        _small([b.size_precision for b in items]),
        bool_array([b.is_revision for b in items]),
        bool_array([b.is_backfilled for b in items]),
    ]


def _decode_bars(table: pa.Table, key: InstrumentId | BarType) -> list[Bar]:
    bar_type = key if isinstance(key, BarType) else BarType.from_str(key)
    columns = zip(
        arrow_to_raw(table["open"]),
        arrow_to_raw(table["high"]),
        arrow_to_raw(table["low"]),
        arrow_to_raw(table["close"]),
        arrow_to_raw(table["volume"]),
        table["price_precision"].to_pylist(),
        table["size_precision"].to_pylist(),
        arrow_to_time(table["ts_event"]),
        arrow_to_time(table["ts_init"]),
        table["is_revision"].to_pylist(),
        table["is_backfilled"].to_pylist(),
        strict=True,
    )
    return [Bar(bar_type, *row) for row in columns]


def _encode_deltas(items: Sequence[OrderBookDelta]) -> list[pa.Array]:
    return [
        time_to_arrow([d.ts_event for d in items]),
        time_to_arrow([d.ts_init for d in items]),
        _small([int(d.action) for d in items]),
        _small([int(d.side) for d in items]),
        raw_to_arrow([d.price_raw for d in items]),
        raw_to_arrow([d.size_raw for d in items]),
        uint64_array(d.order_id for d in items),
        _small([d.price_precision for d in items]),
        _small([d.size_precision for d in items]),
        _small([int(d.flags) for d in items]),
        uint64_array(d.sequence for d in items),
    ]


def _decode_deltas(table: pa.Table, key: InstrumentId | BarType) -> list[OrderBookDelta]:
    instrument_id = InstrumentId(str(key))
    columns = zip(
        map(BookAction, table["action"].to_pylist()),
        map(BookSide, table["side"].to_pylist()),
        arrow_to_raw(table["price"]),
        arrow_to_raw(table["size"]),
        table["order_id"].to_pylist(),
        table["price_precision"].to_pylist(),
        table["size_precision"].to_pylist(),
        map(RecordFlag, table["flags"].to_pylist()),
        table["sequence"].to_pylist(),
        arrow_to_time(table["ts_event"]),
        arrow_to_time(table["ts_init"]),
        strict=True,
    )
    return [OrderBookDelta(instrument_id, *row) for row in columns]


QUOTE_TICKS: Final = Kind(
    "quote_ticks",
    QuoteTick,
    [
        *_TIMES,
        ("bid", RAW),
        ("ask", RAW),
        ("bid_size", RAW),
        ("ask_size", RAW),
        *_PRECISIONS,
        _FILLED,
    ],
    ("ts_event", "bid", "ask", "bid_size", "ask_size"),
    _encode_quotes,
    _decode_quotes,
    may_repeat=True,
)
TRADE_TICKS: Final = Kind(
    "trade_ticks",
    TradeTick,
    [
        *_TIMES,
        ("price", RAW),
        ("size", RAW),
        *_PRECISIONS,
        ("aggressor_side", pa.uint8()),
        ("trade_id", pa.string()),
        ("flags", pa.uint8()),
    ],
    ("ts_event", "trade_id"),
    _encode_trades,
    _decode_trades,
)
BARS: Final = Kind(
    "bars",
    Bar,
    [
        *_TIMES,
        ("open", RAW),
        ("high", RAW),
        ("low", RAW),
        ("close", RAW),
        ("volume", RAW),
        *_PRECISIONS,
        ("is_revision", pa.bool_()),
        _FILLED,
    ],
    ("ts_event", "open", "high", "low", "close", "volume", "is_revision"),
    _encode_bars,
    _decode_bars,
)
ORDER_BOOK_DELTAS: Final = Kind(
    "order_book_deltas",
    OrderBookDelta,
    [
        *_TIMES,
        ("action", pa.uint8()),
        ("side", pa.uint8()),
        ("price", RAW),
        ("size", RAW),
        ("order_id", pa.uint64()),
        *_PRECISIONS,
        ("flags", pa.uint8()),
        ("sequence", pa.uint64()),
    ],
    ("ts_event", "sequence", "action", "side", "price", "size", "order_id"),
    _encode_deltas,
    _decode_deltas,
    # A level may change there and back within one moment: the last of these rows counts.
    may_repeat=True,
)

SESSIONS: Final = Columns(
    "sessions",
    [("ts_event", TIME), ("close", TIME), ("day", TIME), ("is_regular", pa.bool_())],
    ("ts_event", "close", "day", "is_regular"),
)
"""When an instrument trades: `ts_event` is the open, `day` midnight UTC of the trading date."""

BY_NAME: Final[Mapping[str, Columns]] = MappingProxyType(
    {kind.name: kind for kind in (QUOTE_TICKS, TRADE_TICKS, BARS, ORDER_BOOK_DELTAS, SESSIONS)}
)
"""Every kind, by its directory."""


def named(name: str) -> Columns:
    """Return the kind of a name.

    Raises:
        InvalidRequest: there is none; names those that there are.
    """
    kind = BY_NAME.get(name)
    if kind is None:
        raise InvalidRequest(
            "the catalog has no such kind of record",
            field="kind",
            value=name,
            remedy=f"one of {', '.join(BY_NAME)}",
        )
    return kind
