"""Runs of tick messages in protobuf form: read as columns by protobuf's own parser in C.

The messages are joined into one, each between the marks of a group, its id hidden in a field that
no schema has; so nothing is cut or measured in Python. It is read twice. Once with a schema in
which the fields of IB's message repeat: protobuf merges the groups, and each field is a column.
Once with IB's own schema, where a field that came twice in a message would be lost: as nothing was,
a column with one entry for each message has them in order. Where IB leaves out a field because it
is empty, as marks and conditions can be, it is read message by message.
"""

from __future__ import annotations

from itertools import compress, repeat
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import (
    generated,
    quote_mask,
    trade_mask,
)
from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
    LevelOneRow,
    QuoteColumns,
    TradeColumns,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.sizes import TextSizes

__all__ = ["ProtobufTickRuns"]

_PACKAGE: Final = "posei_trader.ticks"
_Field: Final = descriptor_pb2.FieldDescriptorProto
_Message: Final = descriptor_pb2.DescriptorProto

_ID_SIZE: Final = 4
_HIDDEN_ID: Final = bytes([15 << 3 | 2, _ID_SIZE])
"""Begins a field of four bytes under a number that IB's tick messages do not have."""

_FIRST: Final = b"\x0b" + _HIDDEN_ID
_NEXT: Final = b"\x0c" + _FIRST
_LAST: Final = b"\x0c"
"""The marks of a group under number 1."""

_QUOTE: Final = 3
_TRADES: Final = (1, 2)
_MARKS: Final = 7
_FEWEST_ROWS: Final = 24
"""Fewer of level one are decoded one by one as fast: two kinds of messages have to be parted."""

_PRICE_ID: Final = (201).to_bytes(_ID_SIZE, "big")
_SIZE_ID: Final = (202).to_bytes(_ID_SIZE, "big")


# --- schemas --------------------------------------------------------------------------------------


class _Reader(NamedTuple):
    """The two classes that read joined messages of a kind."""

    columns: Any
    rows: Any


def _add_columns(file: descriptor_pb2.FileDescriptorProto, described: Any) -> str:
    """Add a message with the fields of IB's, where all but messages repeat; return its name."""
    message = _Message(name=described.name)
    for field in described.fields:
        copy = message.field.add(name=field.name, number=field.number, type=field.type)
        if field.message_type is None:
            copy.label = _Field.LABEL_REPEATED
        else:
            copy.label = _Field.LABEL_OPTIONAL
            copy.type_name = _add_columns(file, field.message_type)
    file.message_type.append(message)
    return f".{file.package}.{described.name}"


def _reader(name: str) -> _Reader:
    pool, described = descriptor_pool.Default(), generated(name).DESCRIPTOR
    columns = descriptor_pb2.FileDescriptorProto(
        name=f"posei_trader/{name}_columns.proto", package=f"{_PACKAGE}.{name}", syntax="proto3"
    )
    columns_name = _add_columns(columns, described)
    pool.Add(columns)
    joined = descriptor_pb2.FileDescriptorProto(
        name=f"posei_trader/{name}_joined.proto",
        package=columns.package,
        dependency=[columns.name, described.file.name],
        syntax="proto2",  # later ones have no groups
    )
    for joined_name, type_name, label in (
        ("Columns", columns_name, _Field.LABEL_OPTIONAL),
        ("Rows", f".{described.full_name}", _Field.LABEL_REPEATED),
    ):
        joined.message_type.add(name=joined_name).field.add(
            name="joined", number=1, type=_Field.TYPE_GROUP, type_name=type_name, label=label
        )
    pool.Add(joined)
    return _Reader(
        *(
            message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{joined.package}.{one}"))
            for one in ("Columns", "Rows")
        )
    )


_TICKS: Final = _reader("TickByTickData")
_PRICES: Final = _reader("TickPrice")
_SIZES: Final = _reader("TickSize")


def _read(reader: _Reader, frames: list[bytes]) -> tuple[Any, Any] | None:
    """Return columns and rows of messages; None where a message has a field twice.

    Raises:
        DecodeError: the bytes are no messages of this kind.
    """
    joined = b"%b%b%b" % (_FIRST, _NEXT.join(frames), _LAST)
    message = reader.rows.FromString(joined)
    rows = message.joined
    if len(rows) != len(frames) or message.ByteSize() != len(joined):
        return None
    return reader.columns.FromString(joined).joined, rows


class ProtobufTickRuns:
    """Decode runs of frames: what the decoders of single messages would deliver, or None.

    None where a message is malformed, or is of another kind than the first; the single messages
    tell then.

    Args:
        sizes: Remembers sizes.
    """

    def __init__(self, sizes: TextSizes) -> None:
        self._sizes = sizes

    def ticks(self, frames: list[bytes]) -> QuoteColumns | TradeColumns | None:
        """Return tick-by-tick quotes, or trades; frames begin with their ids of four bytes."""
        try:
            read = _read(_TICKS, frames)
            if read is None:
                return None
            columns, rows = read
            kinds = columns.tickType[:]
            if kinds.count(_QUOTE) == len(rows):
                return self._quotes(columns, rows)
            if sum(map(kinds.count, _TRADES)) == len(rows):
                return self._trades(columns, rows)
        except (DecodeError, ValueError):
            return None
        return None

    def level_one(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        """Return prices and sizes of level one; frames begin with their ids of four bytes."""
        if len(frames) < _FEWEST_ROWS:
            return None
        are_prices = [frame.startswith(_PRICE_ID) for frame in frames]
        are_sizes = [frame.startswith(_SIZE_ID) for frame in frames]
        try:
            prices = self._price_rows(list(compress(frames, are_prices)))
            sizes = self._size_rows(list(compress(frames, are_sizes)))
        except (DecodeError, ValueError):
            return None
        if prices is None or sizes is None or len(prices) + len(sizes) != len(frames):
            return None
        in_order: Callable[[bool], Any] = (iter(sizes), iter(prices)).__getitem__
        return list(map(next, map(in_order, are_prices)))

    def _quotes(self, columns: Any, rows: Any) -> QuoteColumns | None:
        quotes, count = columns.historicalTickBidAsk, len(rows)
        req_ids, times = columns.reqId[:], quotes.time[:]
        bids, asks = quotes.priceBid[:], quotes.priceAsk[:]
        bid_sizes, ask_sizes = quotes.sizeBid[:], quotes.sizeAsk[:]
        if {*map(len, (req_ids, times, bids, asks, bid_sizes, ask_sizes))} != {count}:
            return None
        masks = [0] * count
        if quotes.HasField("tickAttribBidAsk"):
            marks = quotes.tickAttribBidAsk
            if True in marks.bidPastLow[:] or True in marks.askPastHigh[:]:
                masks = [quote_mask(row.historicalTickBidAsk) for row in rows]
        sizes = self._sizes.column(bid_sizes + ask_sizes)
        return QuoteColumns(req_ids, times, bids, asks, sizes[:count], sizes[count:], masks)

    def _trades(self, columns: Any, rows: Any) -> TradeColumns | None:
        trades, count = columns.historicalTickLast, len(rows)
        req_ids, times = columns.reqId[:], trades.time[:]
        prices, sizes = trades.price[:], trades.size[:]
        if {*map(len, (req_ids, times, prices, sizes))} != {count}:
            return None
        masks = [0] * count
        if trades.HasField("tickAttribLast"):
            marks = trades.tickAttribLast
            if True in marks.pastLimit[:] or True in marks.unreported[:]:
                masks = [trade_mask(row.historicalTickLast) for row in rows]
        exchanges, conditions = trades.exchange[:], trades.specialConditions[:]
        if len(exchanges) != count:
            exchanges = [row.historicalTickLast.exchange for row in rows]
        if not conditions:
            conditions = [""] * count
        elif len(conditions) != count:
            conditions = [row.historicalTickLast.specialConditions for row in rows]
        return TradeColumns(
            req_ids, times, prices, self._sizes.column(sizes), masks, exchanges, conditions
        )

    def _price_rows(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        if not frames:
            return []
        read = _read(_PRICES, frames)
        if read is None:
            return None
        columns, rows = read
        found = columns.reqId[:], columns.tickType[:], columns.price[:], columns.size[:]
        if {*map(len, found)} != {len(rows)}:
            return None
        req_ids, kinds, prices, sizes = found
        found_marks = columns.attrMask[:]
        marks: Any = repeat(0)
        if len(found_marks) == len(rows):
            marks = [mark & _MARKS for mark in found_marks]
        elif any(found_marks):
            marks = [row.attrMask & _MARKS for row in rows]
        return list(zip(req_ids, kinds, prices, self._sizes.column(sizes), marks, strict=False))

    def _size_rows(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        if not frames:
            return []
        read = _read(_SIZES, frames)
        if read is None:
            return None
        columns, rows = read
        req_ids, kinds, sizes = columns.reqId[:], columns.tickType[:], columns.size[:]
        if {*map(len, (req_ids, kinds))} != {len(rows)}:
            return None
        if len(sizes) != len(rows):
            sizes = [row.size for row in rows]
        return list(
            zip(req_ids, kinds, repeat(None), self._sizes.column(sizes), repeat(0), strict=False)
        )
