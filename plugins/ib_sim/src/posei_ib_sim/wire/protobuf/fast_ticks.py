"""Hand-made encoders of ticks, which come by the hundred thousand.

They cover plain values only and return ``None`` for anything else (something unset, a text beyond
ASCII, an exponent); the descriptors then decide.
"""

import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from posei_ib_sim.wire.messages import (
    ServerMessage,
    TickGeneric,
    TickPrice,
    TickSize,
    TickString,
)

FastEncoder = Callable[..., bytes | None]

_DOUBLE: Final = struct.Struct("<d").pack
_SMALL: Final = 0x80
_INT_END: Final = 2**31
_MOST_HEADS: Final = 4096
# Wire id, request and tick type of one stream are the same in all its messages.
_heads: dict[tuple[int, int, int], bytes] = {}


def _head(wire_id: int, request: int | None, kind: int | None) -> bytes | None:
    if request is None or kind is None:
        return None
    key = (wire_id, request, kind)
    head = _heads.get(key)
    if head is None:
        if not (0 <= request < _INT_END and 0 <= kind < _INT_END):
            return None
        if len(_heads) >= _MOST_HEADS:
            _heads.clear()
        head = wire_id.to_bytes(4, "big") + b"\x08" + _varint(request) + b"\x10" + _varint(kind)
        _heads[key] = head
    return head


def _quantity(tag: bytes, size: Decimal | None) -> bytes | None:
    if size is None:
        return None
    text = str(size)
    if not text.isdigit() and ("E" in text or not size.is_finite()):
        return None
    return tag + bytes((len(text),)) + text.encode("ascii") if len(text) < _SMALL else None


def _tick_price(tick: TickPrice) -> bytes | None:
    head, size = _head(201, tick.reqId, tick.tickType), _quantity(b"\x22", tick.size)
    price, mask = tick.price, tick.attrMask
    if head is None or size is None or price is None or price != price:  # noqa: PLR0124 - NaN
        return None
    if mask is None or not 0 <= mask < _SMALL:
        return None
    body = b"%b\x19%b%b\x28%c" % (head, _DOUBLE(price), size, mask)
    return len(body).to_bytes(4, "big") + body


def _tick_size(tick: TickSize) -> bytes | None:
    head, size = _head(202, tick.reqId, tick.tickType), _quantity(b"\x1a", tick.size)
    if head is None or size is None:
        return None
    return (len(head) + len(size)).to_bytes(4, "big") + head + size


def _tick_generic(tick: TickGeneric) -> bytes | None:
    head, value = _head(245, tick.reqId, tick.tickType), tick.value
    if head is None or value is None or value != value:  # noqa: PLR0124 - NaN
        return None
    body = head + b"\x19" + _DOUBLE(value)
    return len(body).to_bytes(4, "big") + body


def _tick_string(tick: TickString) -> bytes | None:
    head, value = _head(246, tick.reqId, tick.tickType), tick.value
    if head is None or not value or len(value) >= _SMALL or not value.isascii():
        return None
    body = b"%b\x1a%c%b" % (head, len(value), value.encode("ascii"))
    return len(body).to_bytes(4, "big") + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= _SMALL:
        out.append(value & 0x7F | _SMALL)
        value >>= 7
    out.append(value)
    return bytes(out)


FAST_TICKS: Final[dict[type[ServerMessage], FastEncoder]] = {
    TickPrice: _tick_price,
    TickSize: _tick_size,
    TickGeneric: _tick_generic,
    TickString: _tick_string,
}
"""What encodes a message faster than the descriptors; where it returns None, they do."""
