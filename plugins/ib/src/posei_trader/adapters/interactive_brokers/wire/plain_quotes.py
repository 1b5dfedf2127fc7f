"""Tick-by-tick quotes in protobuf form, read from where IB writes their fields.

Protobuf's parser decodes bursts in no time, but a quote that comes alone finds it cold, and waits
longer for memory than for its decoding. IB writes every quote alike: the fields in the order of
their numbers, each once. Such a message is read here, byte for byte; any other is protobuf's.
"""

from __future__ import annotations

from struct import Struct, error
from typing import Final, TypeAlias

__all__ = ["PlainQuote", "plain_quote"]

PlainQuote: TypeAlias = tuple[int, int, float, float, bytes, bytes, int]
"""Request id, UNIX seconds UTC, bid, ask, texts of their sizes, marks."""

_PRICES: Final = Struct("<cdcd")
_BID, _ASK = b"\x19", b"\x21"
_REQ_ID: Final = 0x08
_KIND_AND_QUOTE: Final = b"\x10\x03\x22"
_TIME: Final = 0x08
_TIME_SIZE: Final = 5
"""Bytes of a time between 1978 and 3058."""

_MARKS, _BID_SIZE, _ASK_SIZE = 0x12, 0x2A, 0x32
_MORE: Final = 0x80
"""In a number, or a length, of which more bytes follow."""

_MASKS: Final = {
    low + high: (low[-1:] == b"\x01") | (high[-1:] == b"\x01") << 1
    for low in (b"", b"\x08\x00", b"\x08\x01")
    for high in (b"", b"\x10\x00", b"\x10\x01")
}
"""Marks as they are written: the bid is past the low, the ask past the high."""

_REMEMBERED: Final = 4096


class _Varints(dict[bytes, int]):
    """Numbers by how they are written, seven bits a byte, the lowest first: few are new."""

    def __missing__(self, written: bytes) -> int:
        *first, last = written
        if last >= _MORE or min(first, default=_MORE) < _MORE:
            raise KeyError(written)  # it ends elsewhere
        if len(self) >= _REMEMBERED:
            self.clear()
        number = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(written))
        self[written] = number
        return number


_varints: Final = _Varints()


def plain_quote(payload: bytes) -> PlainQuote | None:
    """Return what a message of a tick says; None where it is no quote as IB writes them.

    Args:
        payload: `TickByTickData`, as it is written.
    """
    try:
        # One to three bytes, as ids of requests have.
        at = 2 if payload[1] < _MORE else 3 if payload[2] < _MORE else 4
        time_at = at + 5
        prices_at = time_at + _TIME_SIZE
        if (
            payload[0] != _REQ_ID
            or payload[at : at + 3] != _KIND_AND_QUOTE
            or payload[at + 3] != len(payload) - at - 4  # of the quote: the rest
            or payload[at + 3] >= _MORE
            or payload[at + 4] != _TIME
        ):
            return None
        mask = 0
        if payload[prices_at] == _MARKS:
            marks_at = prices_at + 2
            prices_at = marks_at + payload[prices_at + 1]
            mask = _MASKS[payload[marks_at:prices_at]]
        bid_tag, bid, ask_tag, ask = _PRICES.unpack_from(payload, prices_at)
        size_at = prices_at + _PRICES.size + 2
        size_end = size_at + payload[size_at - 1]
        if (
            bid_tag != _BID
            or ask_tag != _ASK
            or payload[size_at - 2] != _BID_SIZE
            or payload[size_end] != _ASK_SIZE
            or payload[size_end + 1] != len(payload) - size_end - 2
        ):
            return None
        return (
            _varints[payload[1:at]],
            _varints[payload[time_at : time_at + _TIME_SIZE]],
            bid,
            ask,
            payload[size_at:size_end],
            payload[size_end + 2 :],
            mask,
        )
    except (IndexError, KeyError, error):
        return None
