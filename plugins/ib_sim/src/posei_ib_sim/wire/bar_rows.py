"""Answers with thousands of bars, written from columns of texts and numbers without objects."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

import msgspec
import numpy as np

from posei_ib_sim.wire.byte_columns import Column, rows_of_bytes, varints
from posei_ib_sim.wire.framing import frame
from posei_ib_sim.wire.messages import HistoricalData, HistoricalDataBar
from posei_ib_sim.wire.numbers import are_plain

if TYPE_CHECKING:
    import numpy.typing as npt

    Quantities = list[str] | list[int] | list[float]

__all__ = ["BarRows", "protobuf_bars", "text_bars"]

_PRICE_TAGS: Final = ((0x11, "open"), (0x19, "high"), (0x21, "low"), (0x29, "close"))
_FIXED: Final = np.dtype([
    field for _, name in _PRICE_TAGS for field in ((f"{name} tag", "u1"), (name, "<f8"))
])  # fmt: skip
_FIELDS: Final = 8  # of a bar in text: date, open, high, low, close, volume, average, count
_STOPS: Final = bytes.maketrans(b",]", b"\0\0")
_AT_ONCE: Final = 1024
_SHORT: Final = 127  # lengths up to here are one byte
_DATED_BELOW: Final = 196  # versions whose answer itself says which dates it covers
_WIRE_ID: Final = (217).to_bytes(4, "big")


@final
class BarRows:
    """The bars of one answer as columns.

    Args:
        dates: As the client asked for them, or UNIX seconds.
        prices: Opens, highs, lows, closes: an array of four rows.
        volumes: Texts, or numbers that are written without exponents.
        averages: Likewise.
        counts: Numbers of trades.
    """

    __slots__ = ("averages", "counts", "dates", "prices", "volumes")

    def __init__(
        self,
        dates: list[str] | list[int],
        prices: npt.NDArray[np.float64],
        volumes: Quantities,
        averages: Quantities,
        counts: npt.NDArray[np.int64],
    ) -> None:
        self.dates, self.prices = dates, prices
        self.volumes, self.averages, self.counts = volumes, averages, counts

    def message(self, req_id: int | None, start: str, end: str) -> HistoricalData:
        """Return the answer as the message it is."""
        rows = zip(
            self.dates,
            *self.prices.tolist(),
            self.volumes,
            self.averages,
            self.counts.tolist(),
            strict=True,
        )
        return HistoricalData(
            reqId=req_id,
            startDateStr=start,
            endDateStr=end,
            historicalDataBars=tuple(
                HistoricalDataBar(
                    date=str(date),
                    open=first,
                    high=high,
                    low=low,
                    close=close,
                    volume=Decimal(str(volume)),
                    WAP=Decimal(str(average)),
                    barCount=count,
                )
                for date, first, high, low, close, volume, average, count in rows
            ),
        )


def text_bars(
    server_version: int, req_id: int, start: str, end: str, rows: BarRows
) -> bytes | None:
    """Write an answer in text, or return `None` where the tables must."""
    if not are_plain(rows.prices):
        return None
    count = len(rows.dates)
    head = f"17\0{req_id}\0"
    if server_version < _DATED_BELOW:
        head += f"{start}\0{end}\0"
    head += f"{count}\0"
    if not count:
        return frame(head.encode("ascii"))
    pieces = (
        _text_rows(rows, slice(begin, begin + _AT_ONCE)) for begin in range(0, count, _AT_ONCE)
    )
    return frame(head.encode("ascii"), *pieces)


def _text_rows(rows: BarRows, some: slice) -> bytes:
    # One list of all fields and one call, without an object of its own for each text. The lists are
    # short enough for memory that is there already: a fault of a page costs as much as sixty texts.
    columns = (
        rows.dates[some],
        *rows.prices[:, some].tolist(),
        rows.volumes[some],
        rows.averages[some],
        rows.counts[some].tolist(),
    )
    fields: list[str | int | float] = [0] * (_FIELDS * len(columns[0]))
    for number, column in enumerate(columns):
        fields[number::_FIELDS] = column
    return msgspec.json.encode(fields).translate(_STOPS, b'["')


def protobuf_bars(req_id: int, rows: BarRows) -> bytes | None:
    """Write an answer in protobuf, or return `None` where the descriptors must."""
    number = varints(np.array([req_id], np.int64)).block.tobytes()
    head = _WIRE_ID + b"\x08" + number
    if not rows.dates:
        return frame(head)
    if not np.isfinite(rows.prices).all():
        return None
    texts = [Column.of(one) for one in (rows.dates, rows.volumes, rows.averages)]
    if any(one.shortest == 0 or one.longest > _SHORT for one in texts):
        return None
    date, volume, average = texts
    count = varints(rows.counts)
    # 0x12 size 0x0A size date, prices, 0x32 size volume 0x3A size average 0x40 count
    size = date.lengths + volume.lengths + average.lengths + count.lengths + _FIXED.itemsize + 7
    if np.max(size) > _SHORT:
        return None
    fields = (
        *_tagged(b"\x12", size, len(rows.dates)),
        *_tagged(b"\x0a", date.lengths, len(rows.dates)),
        date,
        _doubles(rows.prices),
        *_tagged(b"\x32", volume.lengths, len(rows.dates)),
        volume,
        *_tagged(b"\x3a", average.lengths, len(rows.dates)),
        average,
        Column.always(b"\x40", len(rows.dates)),
        count,
    )
    return frame(head, *rows_of_bytes(fields))


def _tagged(tag: bytes, lengths: npt.NDArray[np.int64] | int, rows: int) -> tuple[Column, ...]:
    """Return what stands before a part of a message: its tag and its length."""
    if isinstance(lengths, int):
        return (Column.always(tag + bytes([lengths]), rows),)
    return Column.always(tag, rows), Column(lengths.astype(np.uint8)[:, None], 1)


def _doubles(prices: npt.NDArray[np.float64]) -> Column:
    fixed = np.zeros(prices.shape[1], _FIXED)
    for (tag, name), column in zip(_PRICE_TAGS, prices, strict=True):
        fixed[f"{name} tag"], fixed[name] = tag, column
    return Column(fixed.view(np.uint8).reshape(-1, _FIXED.itemsize), _FIXED.itemsize)
