"""Decoders for history as text; see :mod:`.fast_text` for the rules of all decoders here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.wire.bar_dates import dates_of
from posei_trader.adapters.interactive_brokers.wire.deferred import Deferred
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.number_columns import (
    are_between,
    columns,
)
from posei_trader.adapters.interactive_brokers.wire.records import (
    BarRecord,
    HistoricalBars,
    HistoricalMidpoint,
    HistoricalQuote,
    HistoricalTrade,
)
from posei_trader.adapters.interactive_brokers.wire.size_columns import SizeColumn
from posei_trader.adapters.interactive_brokers.wire.sizes import (
    LEAST_MARK,
    UNSET_NUMBERS,
    Sizes,
    parse_average,
    parse_averages,
)
from posei_trader.adapters.interactive_brokers.wire.texts import text

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["HistoricalText"]

_SEPARATE_END_FROM: Final = 196
_BAR: Final = 8
"""Fields of a bar: date, open, high, low, close, volume, average, count."""

_SWAPPED: Final = (0, 2, 1, 3)
"""Historical quotes have the two bits of the mask in the other order."""


class HistoricalText:
    """Decode history for one server version (157 to 200) and deliver it to a sink."""

    def __init__(self, server_version: int, sink: FastSink) -> None:
        self._sink = sink
        self._sizes = Sizes()
        self._ends_apart = server_version >= _SEPARATE_END_FROM

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            17: self._bars,
            90: self._update,
            96: self._midpoints,
            97: self._quotes,
            98: self._trades,
        }

    # --- bars -------------------------------------------------------------------------------------

    def _bars(self, payload: bytes) -> None:
        if self._ends_apart:
            (req_id, count), first = _header(payload, 2)
            span = "", ""
        else:
            (req_id, start, end, count), first = _header(payload, 4)
            span = text(start), text(end)
        columns = self._columns(payload, first, int(count or 0), *span)
        self._sink.historical_bars(int(req_id or 0), columns, not self._ends_apart)

    def _columns(
        self, payload: bytes, first: int, count: int, start: str, end: str
    ) -> HistoricalBars:
        found = columns(payload, first, _BAR)
        dates = None if found is None or len(found[0]) != count else dates_of(found[0])
        if found is None or dates is None or not all(map(float.is_integer, found[7])):
            _count(count, payload.count(b"\0", first), _BAR)
            return self._columns_one_by_one(payload[first:], count, start, end)
        _, opens, highs, lows, closes, volumes, waps, counts = found
        return HistoricalBars(
            dates,
            opens,
            highs,
            lows,
            closes,
            SizeColumn.of(volumes) or self._sizes_of(_column(payload[first:], 5)),
            Deferred(count, lambda: _averages(waps)),
            counts,
            start,
            end,
        )

    def _columns_one_by_one(self, body: bytes, count: int, start: str, end: str) -> HistoricalBars:
        fields = body.split(b"\0")
        dates, opens, highs, lows, closes, volumes, waps, counts = (
            fields[field : _BAR * count : _BAR] for field in range(_BAR)
        )
        return HistoricalBars(
            list(map(text, dates)),
            _floats(opens),
            _floats(highs),
            _floats(lows),
            _floats(closes),
            self._sizes_of(volumes),
            parse_averages(waps),
            _ints(counts),
            start,
            end,
        )

    def _sizes_of(self, fields: list[bytes]) -> list[int | None]:
        return list(map(self._sizes.__getitem__, fields))

    def _update(self, payload: bytes) -> None:
        req_id, count, date, open_, close, high, low, wap, volume, *_ = payload.split(b"\0")
        bar = BarRecord(
            text(date),
            float(open_ or 0),
            float(high or 0),
            float(low or 0),
            float(close or 0),
            self._sizes[volume],
            parse_average(wap),
            int(count or 0),
        )
        self._sink.historical_update(int(req_id or 0), bar)

    # --- ticks ------------------------------------------------------------------------------------

    def _midpoints(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        stop = 2 + 4 * _count(int(fields[1] or 0), len(fields) - 4, 4)
        ticks = list(
            map(
                HistoricalMidpoint,
                _ints(fields[2:stop:4]),
                _floats(fields[4:stop:4]),
                self._sizes_of(fields[5:stop:4]),
            )
        )
        self._sink.historical_midpoints(int(fields[0] or 0), ticks, int(fields[stop] or 0) != 0)

    def _quotes(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        stop = 2 + 6 * _count(int(fields[1] or 0), len(fields) - 4, 6)
        ticks = list(
            map(
                HistoricalQuote,
                _ints(fields[2:stop:6]),
                _floats(fields[4:stop:6]),
                _floats(fields[5:stop:6]),
                self._sizes_of(fields[6:stop:6]),
                self._sizes_of(fields[7:stop:6]),
                [_SWAPPED[mask & 3] for mask in _ints(fields[3:stop:6])],
            )
        )
        self._sink.historical_quotes(int(fields[0] or 0), ticks, int(fields[stop] or 0) != 0)

    def _trades(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        stop = 2 + 6 * _count(int(fields[1] or 0), len(fields) - 4, 6)
        ticks = list(
            map(
                HistoricalTrade,
                _ints(fields[2:stop:6]),
                _floats(fields[4:stop:6]),
                self._sizes_of(fields[5:stop:6]),
                [mask & 3 for mask in _ints(fields[3:stop:6])],
                map(text, fields[6:stop:6]),
                map(text, fields[7:stop:6]),
            )
        )
        self._sink.historical_trades(int(fields[0] or 0), ticks, int(fields[stop] or 0) != 0)


def _header(payload: bytes, fields: int) -> tuple[list[bytes], int]:
    """Return the first fields, and where the next one begins."""
    end = -1
    for _ in range(fields):
        end = payload.index(b"\0", end + 1)
    return payload[:end].split(b"\0"), end + 1


def _count(count: int, available: int, width: int) -> int:
    """Return how many rows a message announces.

    Raises:
        MalformedMessage: it announces more than it has.
    """
    if count < 0 or count * width > available:
        raise MalformedMessage(f"{count} rows are announced, {available // width} are there")
    return count


def _averages(numbers: array[float]) -> Sequence[float | None]:
    if are_between(numbers, -LEAST_MARK, LEAST_MARK):
        return numbers
    return [None if number in UNSET_NUMBERS else number for number in numbers]


def _column(body: bytes, field: int) -> list[bytes]:
    return body.split(b"\0")[field:-1:_BAR]


# Whole columns are converted by loops in C; what those refuse goes the slow way.


def _ints(fields: list[bytes]) -> list[int]:
    try:
        return list(map(int, fields))
    except ValueError:
        return [int(field or 0) for field in fields]


def _floats(fields: list[bytes]) -> list[float]:
    try:
        return list(map(float, fields))
    except ValueError:
        return [float(field or 0) for field in fields]
