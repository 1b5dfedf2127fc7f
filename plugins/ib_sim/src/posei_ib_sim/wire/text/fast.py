"""Hand-made encoders of the messages that make up most of a session's bytes.

They cover plain values only and return ``None`` for anything else (something unset, a text beyond
ASCII, an exponent); the tables then decide.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypeAlias

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.framing import MAX_FRAME

FastEncoder: TypeAlias = Callable[..., bytes | None]

_LIMIT = 1e15  # beyond it, and for NaN, infinity and the unset double, the tables decide


def fast_encoders(server_version: int) -> Mapping[type[m.ServerMessage], FastEncoder]:
    """Return the encoders that are valid at a version."""
    return {
        m.TickPrice: _tick_price,
        m.TickSize: _tick_size,
        m.TickGeneric: _tick_generic,
        m.TickString: _tick_string,
        m.TickByTickData: _tick_by_tick,
        m.RealTimeBarTick: _real_time_bar,
        m.MarketDepth: _market_depth,
        m.MarketDepthL2: _market_depth_l2,
        m.HistoricalData: _historical_data if server_version >= 196 else _dated_historical_data,
    }


def _frame(text: str) -> bytes | None:
    if not text.isascii() or len(text) > MAX_FRAME:
        return None
    return len(text).to_bytes(4, "big") + text.encode("ascii")


def _size(size: Decimal | None) -> str | None:
    """Write a quantity, or return None where the tables must: unset, exponents, no number."""
    if size is None:
        return None
    text = str(size)
    if text.isdigit() or ("E" not in text and size.is_finite()):
        return text
    return None


def _plain(*numbers: float | None) -> bool:
    return all(number is not None and -_LIMIT < number < _LIMIT for number in numbers)


def _tick_price(tick: m.TickPrice) -> bytes | None:
    request, kind, price, size = tick.reqId, tick.tickType, tick.price, _size(tick.size)
    if request is None or kind is None or price is None or size is None:
        return None
    if not -_LIMIT < price < _LIMIT:
        return None
    return _frame(f"1\x006\0{request}\0{kind}\0{price!r}\0{size}\0{tick.attrMask or 0}\0")


def _tick_size(tick: m.TickSize) -> bytes | None:
    request, kind, size = tick.reqId, tick.tickType, _size(tick.size)
    if request is None or kind is None or size is None:
        return None
    return _frame(f"2\x006\0{request}\0{kind}\0{size}\0")


def _tick_generic(tick: m.TickGeneric) -> bytes | None:
    request, kind, value = tick.reqId, tick.tickType, tick.value
    if request is None or kind is None or value is None or not -_LIMIT < value < _LIMIT:
        return None
    return _frame(f"45\x006\0{request}\0{kind}\0{value!r}\0")


def _tick_string(tick: m.TickString) -> bytes | None:
    request, kind, value = tick.reqId, tick.tickType, tick.value
    if request is None or kind is None or "\0" in value:
        return None
    return _frame(f"46\x006\0{request}\0{kind}\0{value}\0")


def _tick_by_tick(tick: m.TickByTickData) -> bytes | None:
    if tick.reqId is None:
        return None
    if tick.tickType == 3:
        return _tick_by_tick_quote(tick)
    if tick.tickType in {1, 2}:
        return _tick_by_tick_trade(tick)
    return None


def _tick_by_tick_trade(tick: m.TickByTickData) -> bytes | None:
    trade = tick.historicalTickLast
    if trade is None or trade.time is None or not _plain(trade.price):
        return None
    size, venue, conditions = _size(trade.size), trade.exchange, trade.specialConditions
    if size is None or "\0" in venue or "\0" in conditions:
        return None
    flags = trade.tickAttribLast
    mask = flags.pastLimit | flags.unreported << 1
    return _frame(
        f"99\0{tick.reqId}\0{tick.tickType}\0{trade.time}\0{trade.price!r}\0{size}\0{mask}\0"
        f"{venue}\0{conditions}\0"
    )


def _tick_by_tick_quote(tick: m.TickByTickData) -> bytes | None:
    quote = tick.historicalTickBidAsk
    if quote is None or quote.time is None or not _plain(quote.priceBid, quote.priceAsk):
        return None
    bid_size, ask_size = _size(quote.sizeBid), _size(quote.sizeAsk)
    if bid_size is None or ask_size is None:
        return None
    flags = quote.tickAttribBidAsk
    mask = flags.bidPastLow | flags.askPastHigh << 1
    return _frame(
        f"99\0{tick.reqId}\x003\0{quote.time}\0{quote.priceBid!r}\0{quote.priceAsk!r}\0"
        f"{bid_size}\0{ask_size}\0{mask}\0"
    )


def _real_time_bar(bar: m.RealTimeBarTick) -> bytes | None:
    volume, average = _size(bar.volume), _size(bar.WAP)
    if bar.reqId is None or bar.time is None or bar.count is None:
        return None
    if volume is None or average is None or not _plain(bar.open, bar.high, bar.low, bar.close):
        return None
    return _frame(
        f"50\x003\0{bar.reqId}\0{bar.time}\0{bar.open!r}\0{bar.high!r}\0{bar.low!r}\0"
        f"{bar.close!r}\0{volume}\0{average}\0{bar.count}\0"
    )


def _market_depth(depth: m.MarketDepth) -> bytes | None:
    row = depth.marketDepthData
    size = _size(row.size)
    if depth.reqId is None or row.position is None or row.operation is None or row.side is None:
        return None
    if size is None or not _plain(row.price):
        return None
    return _frame(
        f"12\x001\0{depth.reqId}\0{row.position}\0{row.operation}\0{row.side}\0{row.price!r}\0"
        f"{size}\0"
    )


def _market_depth_l2(depth: m.MarketDepthL2) -> bytes | None:
    row = depth.marketDepthData
    size, maker = _size(row.size), row.marketMaker
    if depth.reqId is None or row.position is None or row.operation is None or row.side is None:
        return None
    if size is None or "\0" in maker or not _plain(row.price):
        return None
    smart = "1" if row.isSmartDepth else "0"
    return _frame(
        f"13\x001\0{depth.reqId}\0{row.position}\0{maker}\0{row.operation}\0{row.side}\0"
        f"{row.price!r}\0{size}\0{smart}\0"
    )


def _historical_data(history: m.HistoricalData) -> bytes | None:
    return _bars(history, "")


def _dated_historical_data(history: m.HistoricalData) -> bytes | None:
    begin, end = history.startDateStr, history.endDateStr
    return None if "\0" in begin or "\0" in end else _bars(history, f"{begin}\0{end}\0")


def _bars(history: m.HistoricalData, dates: str) -> bytes | None:
    if history.reqId is None:
        return None
    parts = [f"17\0{history.reqId}\0{dates}{len(history.historicalDataBars)}\0"]
    for bar in history.historicalDataBars:
        part = _bar(bar)
        if part is None:
            return None
        parts.append(part)
    return _frame("".join(parts))


def _bar(bar: m.HistoricalDataBar) -> str | None:
    date, first, high, low, close = bar.date, bar.open, bar.high, bar.low, bar.close
    if first is None or high is None or low is None or close is None or "\0" in date:
        return None
    # Written out: an answer has thousands of bars, and a loop over the prices takes as long again.
    if not (
        -_LIMIT < first < _LIMIT
        and -_LIMIT < high < _LIMIT
        and -_LIMIT < low < _LIMIT
        and -_LIMIT < close < _LIMIT
    ):
        return None
    volume, average = _size(bar.volume), _size(bar.WAP)
    if bar.barCount is None or volume is None or average is None:
        return None
    return f"{date}\0{first!r}\0{high!r}\0{low!r}\0{close!r}\0{volume}\0{average}\0{bar.barCount}\0"
