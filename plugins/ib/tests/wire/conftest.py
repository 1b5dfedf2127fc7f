"""What the wire tests share: a sink that writes down, and IB's own decoder in the same words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ibapi.const import UNSET_DECIMAL

from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MessageDecoder

if TYPE_CHECKING:
    from decimal import Decimal

sys.path.insert(0, str(Path(__file__).parent))


class WritingSink:
    """Write down every delivery as (name, arguments)."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Any:
        def write(*arguments: Any) -> None:
            self.seen.append((name, *map(_plain, arguments)))

        return write


def _plain(value: Any) -> Any:
    if hasattr(value, "rows"):
        return [_fields(row) for row in value.rows()], value.start, value.end
    if isinstance(value, list):
        return [_fields(row) for row in value]
    return _fields(value)


def _fields(value: Any) -> Any:
    names = getattr(value, "__struct_fields__", None)
    return value if names is None else tuple(getattr(value, name) for name in names)


def size(value: Decimal) -> int | None:
    """Return a size as ours are, by decimal arithmetic."""
    return None if value == UNSET_DECIMAL else int((value * 10**9).to_integral_value())


def average(value: Decimal) -> float | None:
    return None if value == UNSET_DECIMAL else float(value)


def price_marks(attributes: Any) -> int:
    return attributes.canAutoExecute * 1 + attributes.pastLimit * 2 + attributes.preOpen * 4


def quote_marks(attributes: Any) -> int:
    return attributes.bidPastLow * 1 + attributes.askPastHigh * 2


def trade_marks(attributes: Any) -> int:
    return attributes.pastLimit * 1 + attributes.unreported * 2


def bar(row: Any) -> tuple[Any, ...]:
    return (
        row.date,
        row.open,
        row.high,
        row.low,
        row.close,
        size(row.volume),
        average(row.wap),
        row.barCount,
    )


class IbapiReference:
    """Decode with ibapi and say the result in the words of our sink."""

    def decode(self, version: int, message_id: int, payload: bytes) -> list[tuple[Any, ...]]:
        calls = MessageDecoder(version).decode(message_id, payload)
        said: list[tuple[Any, ...]] = []
        bars: list[tuple[Any, ...]] = []
        for name, arguments in calls:
            if name == "historicalData":
                bars.append(bar(arguments[1]))
                req_id = arguments[0]
            elif name == "historicalDataEnd":
                said.append(("historical_bars", arguments[0], (bars, *arguments[1:]), True))
            else:
                said.extend(getattr(self, name)(*arguments))
        if bars and not said:
            said.append(("historical_bars", req_id, (bars, "", ""), False))
        return said

    def tickPrice(self, req_id: int, kind: int, price: float, attributes: Any) -> Any:
        self._price = (req_id, kind, price, price_marks(attributes))
        return []

    def tickSize(self, req_id: int, kind: int, value: Decimal) -> Any:
        return [("tick_size", req_id, kind, size(value))]

    def tickString(self, req_id: int, kind: int, value: str) -> Any:
        return [("tick_string", req_id, kind, value)]

    def tickGeneric(self, req_id: int, kind: int, value: float) -> Any:
        return [("tick_generic", req_id, kind, value)]

    def tickByTickAllLast(
        self,
        req_id: int,
        _kind: int,
        time: int,
        price: float,
        value: Decimal,
        marks: Any,
        exchange: str,
        conditions: str,
    ) -> Any:
        arguments = (time, price, size(value), trade_marks(marks), exchange, conditions)
        return [("tick_trade", req_id, *arguments)]

    def tickByTickBidAsk(
        self,
        req_id: int,
        time: int,
        bid: float,
        ask: float,
        bid_size: Decimal,
        ask_size: Decimal,
        marks: Any,
    ) -> Any:
        arguments = (time, bid, ask, size(bid_size), size(ask_size), quote_marks(marks))
        return [("tick_quote", req_id, *arguments)]

    def tickByTickMidPoint(self, req_id: int, time: int, price: float) -> Any:
        return [("tick_midpoint", req_id, time, price)]

    def realtimeBar(self, req_id: int, *values: Any) -> Any:
        time, open_, high, low, close, volume, wap, count = values
        return [
            (
                "realtime_bar",
                req_id,
                time,
                open_,
                high,
                low,
                close,
                size(volume),
                average(wap),
                count,
            )
        ]

    def updateMktDepth(self, req_id: int, *values: Any) -> Any:
        position, operation, side, price, value = values
        return [("depth", req_id, position, "", operation, side, price, size(value), False)]

    def updateMktDepthL2(self, req_id: int, *values: Any) -> Any:
        position, maker, operation, side, price, value, smart = values
        return [("depth", req_id, position, maker, operation, side, price, size(value), smart)]

    def historicalDataUpdate(self, req_id: int, row: Any) -> Any:
        return [("historical_update", req_id, bar(row))]

    def historicalTicks(self, req_id: int, rows: list[Any], done: bool) -> Any:
        ticks = [(row.time, row.price, size(row.size)) for row in rows]
        return [("historical_midpoints", req_id, ticks, done)]

    def historicalTicksBidAsk(self, req_id: int, rows: list[Any], done: bool) -> Any:
        ticks = [
            (
                row.time,
                row.priceBid,
                row.priceAsk,
                size(row.sizeBid),
                size(row.sizeAsk),
                quote_marks(row.tickAttribBidAsk),
            )
            for row in rows
        ]
        return [("historical_quotes", req_id, ticks, done)]

    def historicalTicksLast(self, req_id: int, rows: list[Any], done: bool) -> Any:
        ticks = [
            (
                row.time,
                row.price,
                size(row.size),
                trade_marks(row.tickAttribLast),
                row.exchange,
                row.specialConditions,
            )
            for row in rows
        ]
        return [("historical_trades", req_id, ticks, done)]

    def price_of(self, version: int, message_id: int, payload: bytes) -> tuple[Any, ...]:
        """Return what a tickPrice says, without the size that ibapi derives from it."""
        self.decode(version, message_id, payload)
        return self._price


@pytest.fixture(scope="session")
def new_sink() -> type[WritingSink]:
    return WritingSink


@pytest.fixture(scope="session")
def ibapi_says() -> IbapiReference:
    return IbapiReference()
