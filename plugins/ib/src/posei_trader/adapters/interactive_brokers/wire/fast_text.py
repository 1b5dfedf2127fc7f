"""Decoders for the text messages that come thousands of times a second.

Each takes the payload behind the message id and gives exactly what `ibapi`'s decoder would, without
its reflection and its mutable objects. An empty number reads as zero, as it does there.

What goes wrong shows as ValueError or IndexError: the message is malformed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.historical_text import HistoricalText
from posei_trader.adapters.interactive_brokers.wire.run_delivery import run_table
from posei_trader.adapters.interactive_brokers.wire.sizes import (
    Floats,
    Ints,
    Sizes,
    parse_average,
)
from posei_trader.adapters.interactive_brokers.wire.texts import Texts, text
from posei_trader.adapters.interactive_brokers.wire.tick_runs import TickRuns

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.wire.sink import FastSink

__all__ = ["FastText", "text"]

_SMART_DEPTH_FROM: Final = 146
_TRADES: Final = frozenset({b"1", b"2"})
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


def _escaped(field: bytes) -> str:
    """Return a text in which IB escapes what is no ASCII; other backslashes stay."""
    found = field.decode("latin-1")
    return _ESCAPE.sub(_character, found) if "\\u" in found else found


def _character(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


class FastText:
    """Decode for one server version (157 to 200) and deliver to a sink."""

    def __init__(self, server_version: int, sink: FastSink) -> None:
        self._sink = sink
        self._quote = sink.tick_quote
        self._trade = sink.tick_trade
        self._price = sink.tick_price
        self._size = sink.tick_size
        self._ints = Ints()
        self._floats = Floats()
        self._sizes = Sizes()
        self._texts = Texts()
        self._runs = TickRuns(self._ints, self._floats, self._sizes, self._texts)
        self._history = HistoricalText(server_version, sink)
        self._has_smart_depth = server_version >= _SMART_DEPTH_FROM

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            1: self._tick_price,
            2: self._tick_size,
            12: self._depth,
            13: self._depth_l2,
            45: self._tick_generic,
            46: self._tick_string,
            50: self._realtime_bar,
            99: self._tick_by_tick,
            **self._history.table(),
        }

    def runs(self) -> dict[int, Callable[[list[bytes]], bool]]:
        """Return the decoders of runs by the id they go by, see `run_table`."""
        return run_table(self._runs, self._sink)

    # --- streams ----------------------------------------------------------------------------------

    def _tick_by_tick(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        kind = fields[1]
        ints, floats, sizes = self._ints, self._floats, self._sizes
        if kind == b"3":
            self._quote(
                ints[fields[0]],
                ints[fields[2]],
                floats[fields[3]],
                floats[fields[4]],
                sizes[fields[5]],
                sizes[fields[6]],
                ints[fields[7]] & 3,
            )
        elif kind in _TRADES:
            self._trade(
                ints[fields[0]],
                ints[fields[2]],
                floats[fields[3]],
                sizes[fields[4]],
                ints[fields[5]] & 3,
                self._texts[fields[6]],
                self._texts[fields[7]],
            )
        elif kind == b"4":
            self._sink.tick_midpoint(ints[fields[0]], ints[fields[2]], floats[fields[3]])
        else:
            raise MalformedMessage(f"tick-by-tick kind {kind[:20]!r} is unknown")

    def _tick_price(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        ints = self._ints
        self._price(
            ints[fields[1]],
            ints[fields[2]],
            self._floats[fields[3]],
            self._sizes[fields[4]],
            ints[fields[5]] & 7,
        )

    def _tick_size(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        ints = self._ints
        self._size(ints[fields[1]], ints[fields[2]], self._sizes[fields[3]])

    def _tick_generic(self, payload: bytes) -> None:
        _, req_id, tick_type, value, _ = payload.split(b"\0")
        self._sink.tick_generic(int(req_id), int(tick_type), float(value))

    def _tick_string(self, payload: bytes) -> None:
        _, req_id, tick_type, value, _ = payload.split(b"\0")
        self._sink.tick_string(int(req_id), int(tick_type), _escaped(value))

    def _realtime_bar(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        self._sink.realtime_bar(
            int(fields[1] or 0),
            int(fields[2] or 0),
            float(fields[3] or 0),
            float(fields[4] or 0),
            float(fields[5] or 0),
            float(fields[6] or 0),
            self._sizes[fields[7]],
            parse_average(fields[8]),
            int(fields[9] or 0),
        )

    def _depth(self, payload: bytes) -> None:
        _, req_id, position, operation, side, price, size, *_ = payload.split(b"\0")
        self._sink.depth(
            int(req_id or 0),
            int(position or 0),
            "",
            int(operation or 0),
            int(side or 0),
            float(price or 0),
            self._sizes[size],
            False,
        )

    def _depth_l2(self, payload: bytes) -> None:
        fields = payload.split(b"\0")
        _, req_id, position, maker, operation, side, price, size, *rest = fields
        self._sink.depth(
            int(req_id or 0),
            int(position or 0),
            text(maker),
            int(operation or 0),
            int(side or 0),
            float(price or 0),
            self._sizes[size],
            self._has_smart_depth and int(rest[0] or 0) != 0,
        )
