"""Our text decoders give what IB's own decoder gives, on anything that can come."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.fast_text import FastText
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MAX_SERVER_VERSION

# Numbers as text: what IB writes, what it leaves empty, and how it says "unset".
IDS = st.integers(1, 2**31 - 1).map(str)
INTS = st.one_of(st.integers(-(2**31), 2**31 - 1).map(str), st.just(""))
FLOATS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(-(10**6), 10**6, places=5).map(str),
    st.sampled_from(["", "0", "-1", "1.7976931348623157E308", "Infinity", "1E-5"]),
)
UNSET = ["", "2147483647", "9223372036854775807", "-9223372036854775808"]
if MAX_SERVER_VERSION < 200:  # older releases of ibapi know fewer ways to say "unset"
    UNSET = UNSET[:2]
SIZES = st.one_of(
    st.integers(-1, 10**12).map(str),
    st.decimals(0, 10**9, places=9).map(str),
    st.sampled_from([*UNSET, "0E-16", "1E+3", "100.0"]),
)
MASKS = st.one_of(st.integers(0, 7).map(str), st.just(""))
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=8)
ESCAPED = st.lists(
    st.one_of(
        st.text(st.characters(codec="ascii", min_codepoint=1, exclude_characters="\\")),
        st.sampled_from(["\\u00e9", "\\u20AC"]),
    )
).map("".join)
TIMES = st.integers(0, 2**33).map(str)
FLAGS = st.sampled_from(["0", "1", ""])
VERSIONS = st.sampled_from(
    [one for one in (157, 163, 178, 187, 195, 196, 200) if one <= MAX_SERVER_VERSION]
)


def payload(*fields: str) -> bytes:
    return b"".join(field.encode() + b"\0" for field in fields)


def rows(*columns: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    """Return a count and so many rows, flat."""
    return st.lists(st.tuples(*columns), max_size=5).map(
        lambda found: [str(len(found)), *(field for row in found for field in row)]
    )


MESSAGES: dict[int, st.SearchStrategy[tuple[str, ...]]] = {
    2: st.tuples(st.just("6"), IDS, st.integers(0, 100).map(str), SIZES),
    12: st.tuples(st.just("1"), IDS, INTS, INTS, INTS, FLOATS, SIZES),
    13: st.tuples(st.just("1"), IDS, INTS, TEXTS, INTS, INTS, FLOATS, SIZES, FLAGS),
    45: st.tuples(st.just("6"), IDS, IDS, FLOATS.filter(bool)),
    46: st.tuples(st.just("6"), IDS, IDS, ESCAPED),
    50: st.tuples(st.just("3"), IDS, TIMES, FLOATS, FLOATS, FLOATS, FLOATS, SIZES, SIZES, INTS),
    90: st.tuples(IDS, INTS, TEXTS, FLOATS, FLOATS, FLOATS, FLOATS, SIZES, SIZES),
    96: st.tuples(IDS, rows(TIMES, st.just("0"), FLOATS, SIZES), FLAGS).map(
        lambda found: (found[0], *found[1], found[2])
    ),
    97: st.tuples(IDS, rows(TIMES, MASKS, FLOATS, FLOATS, SIZES, SIZES), FLAGS).map(
        lambda found: (found[0], *found[1], found[2])
    ),
    98: st.tuples(IDS, rows(TIMES, MASKS, FLOATS, SIZES, TEXTS, TEXTS), FLAGS).map(
        lambda found: (found[0], *found[1], found[2])
    ),
    99: st.one_of(
        st.tuples(IDS, st.sampled_from("12"), TIMES, FLOATS, SIZES, MASKS, TEXTS, TEXTS),
        st.tuples(IDS, st.just("3"), TIMES, FLOATS, FLOATS, SIZES, SIZES, MASKS),
        st.tuples(IDS, st.just("4"), TIMES, FLOATS),
    ),
}


def ours(new_sink: Any, version: int, message_id: int, body: bytes) -> list[Any]:
    sink = new_sink()
    FastText(version, sink).table()[message_id](body)
    return sink.seen


@pytest.mark.parametrize("message_id", sorted(MESSAGES))
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_hot_message_decodes_as_in_ibapi(message_id, data, new_sink, ibapi_says):
    version = data.draw(VERSIONS)
    body = payload(*data.draw(MESSAGES[message_id]))
    assert ours(new_sink, version, message_id, body) == ibapi_says.decode(version, message_id, body)


@settings(max_examples=150, deadline=None)
@given(version=VERSIONS, fields=st.tuples(st.just("6"), IDS, INTS, FLOATS, SIZES, MASKS))
def test_a_price_decodes_as_in_ibapi(version, fields, new_sink, ibapi_says):
    body = payload(*fields)
    ((name, req_id, kind, price, _size, marks),) = ours(new_sink, version, 1, body)
    assert name == "tick_price"
    assert (req_id, kind, price, marks) == ibapi_says.price_of(version, 1, body)


def test_a_price_carries_the_size_that_came_with_it(new_sink):
    body = payload("6", "10000", "1", "100.25", "3.5", "1")
    assert ours(new_sink, 178, 1, body) == [("tick_price", 10000, 1, 100.25, 3_500_000_000, 1)]


@settings(max_examples=100, deadline=None)
@given(
    version=VERSIONS,
    req_id=IDS,
    span=st.tuples(TEXTS, TEXTS),
    found=rows(TEXTS, FLOATS, FLOATS, FLOATS, FLOATS, SIZES, SIZES, INTS),
)
def test_historical_bars_decode_as_in_ibapi(version, req_id, span, found, new_sink, ibapi_says):
    body = payload(req_id, *(span if version < 196 else ()), *found)
    seen = ours(new_sink, version, 17, body)
    expected = ibapi_says.decode(version, 17, body)
    if not expected:  # without bars and before the separate end, ibapi says nothing at all
        expected = [("historical_bars", int(req_id), ([], "", ""), False)]
    assert seen == expected


@settings(max_examples=150, deadline=None)
@given(
    version=VERSIONS,
    req_id=IDS,
    found=rows(
        st.integers(10**8, 10**10).map(str),
        *4 * [st.decimals(-(10**6), 10**6, places=5).map(str)],
        st.sampled_from(["0", "17", "-1", "0.125", "5000000000", *UNSET[1:]]),
        st.sampled_from(["-1", "101.375", "8E-7", *UNSET[1:]]),
        st.integers(-1, 10**6).map(str),
    ),
)
def test_bars_of_numbers_alone_decode_as_in_ibapi(version, req_id, found, new_sink, ibapi_says):
    body = payload(req_id, *(("", "") if version < 196 else ()), *found)
    expected = ibapi_says.decode(version, 17, body)
    if not expected:
        expected = [("historical_bars", int(req_id), ([], "", ""), False)]
    assert ours(new_sink, version, 17, body) == expected


@pytest.mark.parametrize(
    ("message_id", "body"),
    [
        (1, b""),
        (1, b"6\0x\01\01\01\00\0"),
        (17, payload("10000", "3", "20240102", "1", "1", "1", "1", "1", "1", "1")),
        (17, payload("10000", "-1")),
        (97, payload("10000", "9", "1", "0", "1", "1", "1", "1", "1")),
        (99, payload("10000", "7", "1")),
        (99, payload("10000", "3", "1", "2")),
        (46, payload("6", "10000")),
        (2, payload("6", "10000", "0", "a lot")),
        (2, payload("6", "10000", "0", "1E999999999")),
        (2, b"6\x0010000\x000\x00\xff\xfe\x00"),
    ],
)
def test_a_message_that_breaks_its_promise_raises_and_delivers_nothing(message_id, body, new_sink):
    sink = new_sink()
    with pytest.raises((ValueError, IndexError)):
        FastText(196, sink).table()[message_id](body)
    assert sink.seen == []


@settings(max_examples=300, deadline=None)
@given(message_id=st.sampled_from([1, 17, *MESSAGES]), body=st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_what_is_promised(message_id, body, new_sink):
    try:
        ours(new_sink, 196, message_id, body)
    except (ValueError, IndexError, MalformedMessage):
        pass
    except OverflowError:
        pytest.fail("a number too large must be malformed")


def test_bits_of_historical_quotes_are_turned_to_the_order_of_streamed_ones(new_sink):
    past_high = payload("1", "1", "0", "1", "1", "2", "3", "4", "1")
    ((_, _, ticks, _),) = ours(new_sink, 196, 97, past_high)
    assert ticks[0][-1] == 2


def test_sizes_are_exact_to_the_ninth_decimal(new_sink):
    body = payload("6", "1", "0", "0.123456789")
    assert ours(new_sink, 196, 2, body)[0][-1] == int(Decimal("0.123456789") * 10**9)


def test_a_backslash_that_escapes_nothing_stays(new_sink):
    body = b"6\x001\x0048\x00C:\\new \\u20ac\x00"
    assert ours(new_sink, 178, 46, body) == [("tick_string", 1, 48, "C:\\new \u20ac")]
