"""Quotes read where IB writes their fields are those of protobuf's parser, which has all others."""

from __future__ import annotations

import struct

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.fast_protobuf import TickByTickData
from posei_trader.adapters.interactive_brokers.wire.plain_quotes import plain_quote
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import quote_mask

req_ids = st.one_of(st.integers(1, 2**21 - 1), st.integers(10_000, 20_000))
times = st.integers(2**28, 2**35 - 1)
prices = st.floats(allow_nan=False)
sizes = st.one_of(
    st.integers(1, 10**9).map(str), st.from_regex(r"[1-9][0-9]{0,5}\.[0-9]{1,9}", fullmatch=True)
)
marks = st.sampled_from([None, {}, *({one: True} for one in ("bidPastLow", "askPastHigh"))])
both = st.booleans().map(lambda flag: {"bidPastLow": flag, "askPastHigh": True})


def message(req_id, time_s, bid, ask, bid_size, ask_size, attributes):
    tick = TickByTickData(reqId=req_id, tickType=3)
    quote = tick.historicalTickBidAsk
    quote.time, quote.priceBid, quote.priceAsk = time_s, bid, ask
    quote.sizeBid, quote.sizeAsk = bid_size, ask_size
    if attributes is not None:
        quote.tickAttribBidAsk.SetInParent()
        for name, value in attributes.items():
            setattr(quote.tickAttribBidAsk, name, value)
    return tick


quotes = st.builds(message, req_ids, times, prices, prices, sizes, sizes, marks | both)


def parsed(payload):
    """Return what protobuf's parser makes of a message."""
    tick = TickByTickData.FromString(payload)
    quote = tick.historicalTickBidAsk
    return (
        tick.reqId,
        quote.time,
        *(struct.pack("<d", price) for price in (quote.priceBid, quote.priceAsk)),
        quote.sizeBid.encode(),
        quote.sizeAsk.encode(),
        quote_mask(quote),
    )


def packed(found):
    req_id, time_s, bid, ask, *others = found
    return (req_id, time_s, struct.pack("<d", bid), struct.pack("<d", ask), *others)


@settings(max_examples=300, deadline=None)
@given(quotes)
@example(message(10_000, 1_700_000_000, 187.43, 187.44, "100", "20", None))
@example(message(1, 2**35 - 1, -0.0, float("inf"), "0.000000001", "1", {"askPastHigh": True}))
def test_a_quote_as_ib_writes_it_is_what_the_parser_reads(tick):
    payload = tick.SerializeToString()
    assert packed(plain_quote(payload)) == parsed(payload)


@settings(max_examples=500, deadline=None)
@given(quotes, st.data())
def test_a_damaged_quote_is_the_parsers_or_read_as_the_parser_reads_it(tick, data):
    payload = bytearray(tick.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(payload) - 1))
        how = data.draw(st.sampled_from(["set", "flip", "cut", "insert"]))
        if how == "set":
            payload[place] = data.draw(st.integers(0, 255))
        elif how == "flip":
            payload[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut" and len(payload) > 1:
            del payload[place]
        else:
            payload.insert(place, data.draw(st.integers(0, 255)))
    found = plain_quote(bytes(payload))
    if found is None:
        return
    try:
        expected = parsed(bytes(payload))
    except DecodeError:  # a size that is no text: whoever decodes it sees that
        with pytest.raises(UnicodeDecodeError):
            (found[4] + b" " + found[5]).decode()
        return
    assert packed(found) == expected


def test_other_ticks_and_unusual_quotes_are_left_to_the_parser():
    usual = (10_000, 1_700_000_000, 1.0, 2.0, "1", "2", None)
    assert plain_quote(message(*usual).SerializeToString()) is not None
    trade = TickByTickData(reqId=1, tickType=1)
    trade.historicalTickLast.time = 1_700_000_000
    unknown = message(*usual).SerializeToString() + b"\x78\x01"
    long_id = message(2**21, *usual[1:]).SerializeToString()
    early = message(10_000, 2**28 - 1, *usual[2:]).SerializeToString()
    negative = message(10_000, -1, *usual[2:]).SerializeToString()
    no_size = message(*usual)
    no_size.historicalTickBidAsk.ClearField("sizeAsk")
    for payload in (
        b"",
        trade.SerializeToString(),
        unknown,
        long_id,
        early,
        negative,
        no_size.SerializeToString(),
        TickByTickData(reqId=1, tickType=3).SerializeToString(),
    ):
        assert plain_quote(payload) is None
