"""Runs of tick messages in text: all their fields cut at once, and converted column by column.

Each decoder returns what the decoders of single messages in :mod:`.fast_text` would deliver, or
None where a message of the run is not of the usual form: then they decode it, one by one.
"""

from __future__ import annotations

from itertools import compress, repeat
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.wire.tick_columns import (
    LevelOneRow,
    QuoteColumns,
    TradeColumns,
)

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.wire.sizes import Floats, Ints, Sizes
    from posei_trader.adapters.interactive_brokers.wire.texts import Texts

__all__ = ["TickRuns"]

_NO_MARKS: Final = b"0"
_TICK: Final = b"99"
_QUOTES: Final = b"3"
_TRADES: Final = frozenset({b"1", b"2"})
_WIDTH: Final = 9
"""Fields of a tick-by-tick quote and of a trade, their id included."""

_PRICE: Final = b"1"
_SIZE: Final = b"2"
_PRICE_KIND: Final = _PRICE[0]
_SIZE_KIND: Final = _SIZE[0]
_PRICE_WIDTH: Final = 7
_SIZE_WIDTH: Final = 5


def _fields(frames: list[bytes], width: int, head: bytes) -> list[bytes] | None:
    """Return the fields of all; None unless each has as many, and begins with the head."""
    if {*map(bytes.count, frames, repeat(b"\0"))} != {width}:
        return None
    fields = b"".join(frames).split(b"\0")
    # A frame that does not end with its last field would show in the head of the next.
    if fields.pop() or fields[::width].count(head) != len(frames):
        return None
    return fields


@final
class TickRuns:
    """Decode runs of frames.

    Args:
        ints: Remembers whole numbers.
        floats: Remembers numbers.
        sizes: Remembers sizes.
        texts: Remembers texts.
    """

    def __init__(self, ints: Ints, floats: Floats, sizes: Sizes, texts: Texts) -> None:
        self._ints = ints
        self._floats = floats
        self._sizes = sizes
        self._texts = texts

    def ticks(self, frames: list[bytes]) -> QuoteColumns | TradeColumns | None:
        """Return tick-by-tick quotes, or trades.

        Raises:
            ValueError: a field is no number.
        """
        fields = _fields(frames, _WIDTH, _TICK)
        if fields is None:
            return None
        kind = fields[2]
        if fields[2::_WIDTH].count(kind) != len(frames):
            return None
        if kind == _QUOTES:
            return self._quotes(fields)
        return self._trades(fields) if kind in _TRADES else None

    def level_one(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        """Return prices and sizes of level one.

        Raises:
            ValueError: a field is no number.
        """
        kinds = [frame[0] for frame in frames]
        prices = self._price_rows(list(compress(frames, map(_PRICE_KIND.__eq__, kinds))))
        sizes = self._size_rows(list(compress(frames, map(_SIZE_KIND.__eq__, kinds))))
        if prices is None or sizes is None or len(prices) + len(sizes) != len(frames):
            return None
        rows_of = {_PRICE_KIND: iter(prices), _SIZE_KIND: iter(sizes)}
        return list(map(next, map(rows_of.__getitem__, kinds)))

    def _quotes(self, fields: list[bytes]) -> QuoteColumns:
        ints, floats, sizes = self._ints, self._floats, self._sizes
        return QuoteColumns(
            list(map(ints.__getitem__, fields[1::_WIDTH])),
            list(map(ints.__getitem__, fields[3::_WIDTH])),
            floats.column(fields[4::_WIDTH]),
            floats.column(fields[5::_WIDTH]),
            sizes.column(fields[6::_WIDTH]),
            sizes.column(fields[7::_WIDTH]),
            self._marks(fields[8::_WIDTH], 3),
        )

    def _trades(self, fields: list[bytes]) -> TradeColumns:
        ints, texts = self._ints, self._texts
        return TradeColumns(
            list(map(ints.__getitem__, fields[1::_WIDTH])),
            list(map(ints.__getitem__, fields[3::_WIDTH])),
            self._floats.column(fields[4::_WIDTH]),
            self._sizes.column(fields[5::_WIDTH]),
            self._marks(fields[6::_WIDTH], 3),
            list(map(texts.__getitem__, fields[7::_WIDTH])),
            list(map(texts.__getitem__, fields[8::_WIDTH])),
        )

    def _price_rows(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        if not frames:
            return []
        fields = _fields(frames, _PRICE_WIDTH, _PRICE)
        if fields is None:
            return None
        ints = self._ints
        return list(
            zip(
                map(ints.__getitem__, fields[2::_PRICE_WIDTH]),
                map(ints.__getitem__, fields[3::_PRICE_WIDTH]),
                self._floats.column(fields[4::_PRICE_WIDTH]),
                self._sizes.column(fields[5::_PRICE_WIDTH]),
                self._marks(fields[6::_PRICE_WIDTH], 7),
                strict=True,
            )
        )

    def _size_rows(self, frames: list[bytes]) -> list[LevelOneRow] | None:
        if not frames:
            return []
        fields = _fields(frames, _SIZE_WIDTH, _SIZE)
        if fields is None:
            return None
        ints = self._ints
        return list(
            zip(
                map(ints.__getitem__, fields[2::_SIZE_WIDTH]),
                map(ints.__getitem__, fields[3::_SIZE_WIDTH]),
                repeat(None),
                self._sizes.column(fields[4::_SIZE_WIDTH]),
                repeat(0),
                strict=False,  # what is repeated has no end
            )
        )

    def _marks(self, texts: list[bytes], mask: int) -> list[int]:
        if texts.count(_NO_MARKS) == len(texts):
            return [0] * len(texts)
        ints = self._ints
        return [ints[text] & mask for text in texts]
