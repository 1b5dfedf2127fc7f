"""Answers with thousands of bars, written from columns of texts and numbers without objects."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, final

import msgspec
import numpy as np

from posei_ib_sim.wire.framing import frame
from posei_ib_sim.wire.messages import HistoricalData, HistoricalDataBar

if TYPE_CHECKING:
    from collections.abc import Sequence, Sized

    import numpy.typing as npt

    _Bytes = npt.NDArray[np.uint8]
    _Places = npt.NDArray[np.int64]

__all__ = ["BarRows", "protobuf_bars", "text_bars", "texts_of"]

# Beyond, and for NaN and infinity, the general encoders decide.
_LIMIT = 1e15
_PLAIN_FROM = 1e-4
_PRICE_TAGS = ((0x11, "open"), (0x19, "high"), (0x21, "low"), (0x29, "close"))
_FIXED = np.dtype([
    field for _, name in _PRICE_TAGS for field in ((f"{name} tag", "u1"), (name, "<f8"))
])  # fmt: skip
_FIELDS = 8  # of a bar in text: date, open, high, low, close, volume, average, count
_SHORT = 127  # lengths up to here are one byte
_DATED_BELOW = 196  # versions whose answer itself says which dates it covers
_WIRE_ID = (217).to_bytes(4, "big")


@final
class BarRows:
    """The bars of one answer as columns.

    Args:
        dates: As the client asked for them.
        prices: Opens, highs, lows, closes: an array of four rows.
        volumes: As texts, without exponents.
        averages: As texts, likewise.
        counts: Numbers of trades.
    """

    __slots__ = ("averages", "counts", "dates", "prices", "volumes")

    def __init__(
        self,
        dates: list[str],
        prices: npt.NDArray[np.float64],
        volumes: list[str],
        averages: list[str],
        counts: list[int],
    ) -> None:
        self.dates, self.prices = dates, prices
        self.volumes, self.averages, self.counts = volumes, averages, counts

    def message(self, req_id: int | None, start: str, end: str) -> HistoricalData:
        """Return the answer as the message it is."""
        rows = zip(
            self.dates, *self.prices.tolist(), self.volumes, self.averages, self.counts, strict=True
        )
        return HistoricalData(
            reqId=req_id,
            startDateStr=start,
            endDateStr=end,
            historicalDataBars=tuple(
                HistoricalDataBar(
                    date=date,
                    open=first,
                    high=high,
                    low=low,
                    close=close,
                    volume=Decimal(volume),
                    WAP=Decimal(average),
                    barCount=count,
                )
                for date, first, high, low, close, volume, average, count in rows
            ),
        )


def texts_of(numbers: list[float] | list[int]) -> list[str]:
    """Return numbers as the text dialect writes them, without exponents."""
    joined = msgspec.json.encode(numbers)[1:-1].decode("ascii")
    texts = joined.split(",") if joined else []
    if "e" in joined:
        texts = [
            f"{Decimal(repr(number)):f}" if "e" in text else text
            for text, number in zip(texts, numbers, strict=True)
        ]
    return texts


def text_bars(
    server_version: int, req_id: int, start: str, end: str, rows: BarRows
) -> bytes | None:
    """Write an answer in text, or return `None` where the tables must."""
    sizes = np.abs(rows.prices)
    if not ((sizes < _LIMIT) & ((sizes >= _PLAIN_FROM) | (sizes == 0.0))).all():
        return None
    head = f"17\0{req_id}\0"
    if server_version < _DATED_BELOW:
        head += f"{start}\0{end}\0"
    # Column by column into the places of the rows' fields: half the price of a text for each row.
    fields = [""] * (_FIELDS * len(rows.dates))
    columns = (
        rows.dates,
        *(texts_of(column) for column in rows.prices.tolist()),
        rows.volumes,
        rows.averages,
        texts_of(rows.counts),
    )
    for number, column in enumerate(columns):
        fields[number::_FIELDS] = column
    body = "\0".join([*fields, ""])
    return frame(f"{head}{len(rows.dates)}\0{body}".encode("ascii"))


def protobuf_bars(req_id: int, rows: BarRows) -> bytes | None:
    """Write an answer in protobuf, or return `None` where the descriptors must."""
    head = _WIRE_ID + b"\x08" + _varint(req_id)
    if not rows.dates:
        return frame(head)
    prices = rows.prices.T
    if not np.isfinite(prices).all():
        return None
    texts = [
        _Column(one, "".join(one).encode("ascii"))
        for one in (rows.dates, rows.volumes, rows.averages)
    ]
    if any(one.shortest == 0 or one.longest > _SHORT for one in texts):
        return None
    date, volume, average = texts
    known = {count: _varint(count) for count in set(rows.counts)}
    counts = [known[one] for one in rows.counts]
    count = _Column(counts, b"".join(counts))
    fixed = np.zeros(len(prices), _FIXED)
    for number, (tag, name) in enumerate(_PRICE_TAGS):
        fixed[f"{name} tag"], fixed[name] = tag, prices[:, number]
    # 0x12 size 0x0A size date, prices, 0x32 size volume 0x3A size average 0x40 count
    size = 2 + date.lengths + _FIXED.itemsize + 2 + volume.lengths + 2 + average.lengths
    size += 1 + count.lengths
    if size.max() > _SHORT:
        return None
    begin = np.cumsum(size + 2) - size - 2
    out = np.empty(int(begin[-1] + size[-1] + 2), np.uint8)
    place = _put(out, begin, b"\x12", size)
    place = date.put(out, _put(out, place, b"\x0a", date.lengths))
    block = fixed.view(np.uint8).reshape(len(prices), _FIXED.itemsize)
    out[place[:, None] + np.arange(_FIXED.itemsize)] = block
    place = volume.put(out, _put(out, place + _FIXED.itemsize, b"2", volume.lengths))
    place = average.put(out, _put(out, place, b":", average.lengths))
    out[place] = 0x40
    count.put(out, place + 1)
    return frame(head + out.tobytes())


class _Column:
    """Texts of different lengths, to be put at places of their own."""

    def __init__(self, texts: Sequence[Sized], joined: bytes) -> None:
        self.lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        self.shortest, self.longest = int(self.lengths.min()), int(self.lengths.max())
        self._bytes = np.frombuffer(joined, np.uint8)

    def put(self, out: _Bytes, places: _Places) -> _Places:
        """Write each text at its place and return the places behind them."""
        if self.shortest == self.longest:
            out[places[:, None] + np.arange(self.longest)] = self._bytes.reshape(-1, self.longest)
        else:
            before = np.cumsum(self.lengths) - self.lengths
            out[np.repeat(places - before, self.lengths) + np.arange(len(self._bytes))] = (
                self._bytes
            )
        return places + self.lengths


def _put(out: _Bytes, places: _Places, tag: bytes, lengths: _Places) -> _Places:
    out[places] = tag[0]
    out[places + 1] = lengths
    return places + 2


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
