"""Our protobuf decoders give what IB's own decoder gives."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibapi.protobuf", reason="this release of ibapi has no protobuf")

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.fast_protobuf import FastProtobuf

IDS = st.integers(1, 2**31 - 1)
SMALL = st.integers(0, 100)  # beyond the known tick types ibapi drops what comes
TIMES = st.integers(0, 2**33)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SIZES = st.one_of(st.integers(0, 10**12).map(str), st.decimals(0, 10**6, places=9).map(str))
TEXTS = st.text(max_size=6)


def message(name: str) -> Any:
    return getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def built(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return messages with these fields; None leaves one unset."""
    return st.fixed_dictionaries(fields).map(
        lambda found: message(name)(
            **{key: value for key, value in found.items() if value is not None}
        )
    )


BARS = built(
    "HistoricalDataBar",
    date=maybe(TEXTS),
    open=maybe(FLOATS),
    high=maybe(FLOATS),
    low=maybe(FLOATS),
    close=maybe(FLOATS),
    volume=maybe(SIZES),
    WAP=maybe(SIZES),
    barCount=maybe(SMALL),
)
QUOTES = built(
    "HistoricalTickBidAsk",
    time=maybe(TIMES),
    tickAttribBidAsk=maybe(
        built("TickAttribBidAsk", bidPastLow=maybe(st.booleans()), askPastHigh=maybe(st.booleans()))
    ),
    priceBid=maybe(FLOATS),
    priceAsk=maybe(FLOATS),
    sizeBid=maybe(SIZES),
    sizeAsk=maybe(SIZES),
)
TRADES = built(
    "HistoricalTickLast",
    time=maybe(TIMES),
    tickAttribLast=maybe(
        built("TickAttribLast", pastLimit=maybe(st.booleans()), unreported=maybe(st.booleans()))
    ),
    price=maybe(FLOATS),
    size=maybe(SIZES),
    exchange=maybe(TEXTS),
    specialConditions=maybe(TEXTS),
)
MIDPOINTS = built("HistoricalTick", time=maybe(TIMES), price=maybe(FLOATS), size=maybe(SIZES))
ROWS = built(
    "MarketDepthData",
    position=SMALL,
    operation=SMALL,
    side=SMALL,
    price=FLOATS,
    size=maybe(SIZES),
    marketMaker=maybe(TEXTS),
    isSmartDepth=maybe(st.booleans()),
)
MESSAGES = {
    202: built("TickSize", reqId=IDS, tickType=SMALL, size=maybe(SIZES)),
    213: built("MarketDepthL2", reqId=IDS, marketDepthData=ROWS),
    245: built("TickGeneric", reqId=IDS, tickType=SMALL, value=FLOATS),
    246: built("TickString", reqId=IDS, tickType=SMALL, value=maybe(TEXTS)),
    250: built(
        "RealTimeBarTick",
        reqId=IDS,
        time=maybe(TIMES),
        open=maybe(FLOATS),
        high=maybe(FLOATS),
        low=maybe(FLOATS),
        close=maybe(FLOATS),
        volume=maybe(SIZES),
        WAP=maybe(SIZES),
        count=maybe(SMALL),
    ),
    217: built("HistoricalData", reqId=IDS, historicalDataBars=st.lists(BARS, min_size=1)),
    290: built("HistoricalDataUpdate", reqId=IDS, historicalDataBar=BARS),
    296: built(
        "HistoricalTicks", reqId=IDS, historicalTicks=st.lists(MIDPOINTS), isDone=st.booleans()
    ),
    297: built(
        "HistoricalTicksBidAsk",
        reqId=IDS,
        historicalTicksBidAsk=st.lists(QUOTES),
        isDone=st.booleans(),
    ),
    298: built(
        "HistoricalTicksLast", reqId=IDS, historicalTicksLast=st.lists(TRADES), isDone=st.booleans()
    ),
    299: st.one_of(
        built(
            "TickByTickData",
            reqId=IDS,
            tickType=st.sampled_from([1, 2]),
            historicalTickLast=TRADES,
        ),
        built("TickByTickData", reqId=IDS, tickType=st.just(3), historicalTickBidAsk=QUOTES),
        built("TickByTickData", reqId=IDS, tickType=st.just(4), historicalTickMidPoint=MIDPOINTS),
    ),
}


def ours(new_sink: Any, message_id: int, body: bytes) -> list[Any]:
    sink = new_sink()
    FastProtobuf(sink).table()[message_id](body)
    return sink.seen


@pytest.mark.parametrize("message_id", sorted(MESSAGES))
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_hot_message_decodes_as_in_ibapi(message_id, data, new_sink, ibapi_says):
    body = data.draw(MESSAGES[message_id]).SerializeToString()
    assert ours(new_sink, message_id, body) == ibapi_says.decode(226, message_id, body)


WHOLE_BARS = built(
    "HistoricalDataBar",
    date=st.integers(10**8, 10**10).map(str),
    open=FLOATS,
    high=FLOATS,
    low=FLOATS,
    close=FLOATS,
    volume=SIZES,
    WAP=SIZES,
    barCount=st.integers(-1, 10**6),
)


@settings(max_examples=80, deadline=None)
@given(
    found=built(
        "HistoricalData",
        reqId=IDS,
        historicalDataBars=st.lists(st.one_of(*7 * [WHOLE_BARS], BARS), min_size=1),
    )
)
def test_bars_with_all_their_fields_decode_as_in_ibapi(found, new_sink, ibapi_says):
    body = found.SerializeToString()
    assert ours(new_sink, 217, body) == ibapi_says.decode(226, 217, body)


def test_a_bar_without_any_field_is_a_bar(new_sink, ibapi_says):
    whole = {"date": "1700000000", "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0}
    whole |= {"volume": "1", "WAP": "1", "barCount": 1}
    bars = [message("HistoricalDataBar")(**fields) for fields in (whole, {}, whole)]
    body = message("HistoricalData")(reqId=1, historicalDataBars=bars).SerializeToString()
    ((_, _, (rows, _, _), _),) = seen = ours(new_sink, 217, body)
    assert len(rows) == 3
    assert seen == ibapi_says.decode(226, 217, body)


@settings(max_examples=80, deadline=None)
@given(
    found=built(
        "TickPrice",
        reqId=IDS,
        tickType=SMALL,
        price=FLOATS,
        size=maybe(SIZES),
        attrMask=st.integers(0, 7),
    )
)
def test_a_price_decodes_as_in_ibapi(found, new_sink, ibapi_says):
    body = found.SerializeToString()
    ((_, req_id, kind, price, _size, marks),) = ours(new_sink, 201, body)
    assert (req_id, kind, price, marks) == ibapi_says.price_of(226, 201, body)


def test_a_price_that_is_absent_is_no_quote(new_sink):
    body = message("TickPrice")(reqId=1, tickType=1).SerializeToString()
    assert ours(new_sink, 201, body) == [("tick_price", 1, 1, -1.0, None, 0)]


def test_a_book_row_without_maker_decodes_as_in_ibapi(new_sink, ibapi_says):
    row = message("MarketDepthData")(position=1, operation=0, side=1, price=2.5, size="3")
    body = message("MarketDepth")(reqId=7, marketDepthData=row).SerializeToString()
    assert ours(new_sink, 212, body) == ibapi_says.decode(226, 212, body)


@pytest.mark.parametrize("message_id", [212, 213, 290, 299])
def test_a_message_without_its_content_is_malformed(message_id, new_sink):
    with pytest.raises(MalformedMessage):
        ours(new_sink, message_id, b"\x08\x01")


@settings(max_examples=200, deadline=None)
@given(message_id=st.sampled_from([201, *MESSAGES]), body=st.binary(max_size=100))
def test_random_bytes_raise_an_ordinary_error_or_decode(message_id, body, new_sink):
    try:
        ours(new_sink, message_id, body)
    except Exception as error:  # noqa: BLE001 - the parser has an error class of its own
        assert isinstance(error, ValueError) or "Decode" in type(error).__name__  # noqa: PT017
