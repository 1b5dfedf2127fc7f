"""Ticks that come together decode as they do one by one, whatever else is among them."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.fast_text import FastText

FEW_IDS = st.sampled_from(["10000", "10001", "7"])
TIMES = st.sampled_from(["1700000000", "1700000001", ""])
PRICES = st.one_of(st.sampled_from(["1.08505", "-1", "", "0", "nan?"]), st.floats().map(repr))
SIZES = st.one_of(
    st.integers(0, 10**12).map(str),
    st.sampled_from(["", "-1", "2147483647", "9223372036854775807", "0.25", "007", "1E+3", "1_0"]),
)
MARKS = st.sampled_from(["0", "0", "0", "1", "3", "7", ""])
TEXTS = st.text(max_size=3)
QUOTES = st.tuples(st.just("99"), FEW_IDS, st.just("3"), TIMES, PRICES, PRICES, SIZES, SIZES, MARKS)
TRADES = st.tuples(
    st.just("99"), FEW_IDS, st.sampled_from("12"), TIMES, PRICES, SIZES, MARKS, TEXTS, TEXTS
)
MIDPOINTS = st.tuples(st.just("99"), FEW_IDS, st.just("4"), TIMES, PRICES)
LEVEL_PRICES = st.tuples(
    st.just("1"), st.just("6"), FEW_IDS, st.sampled_from("1249"), PRICES, SIZES, MARKS
)
LEVEL_SIZES = st.tuples(st.just("2"), st.just("6"), FEW_IDS, st.sampled_from("0358"), SIZES)

USUAL_PRICES = st.decimals(0, 10**4, places=2).map(str)
USUAL_SIZES = st.integers(1, 10**6).map(str)
USUAL_QUOTES = st.tuples(
    *map(st.just, ("99", "10000", "3", "1700000000")),
    *repeat(USUAL_PRICES, 2),
    *repeat(USUAL_SIZES, 2),
    st.just("0"),
)
USUAL_TRADES = st.tuples(
    *map(st.just, ("99", "10000", "1", "1700000000")),
    USUAL_PRICES,
    USUAL_SIZES,
    *map(st.just, ("0", "ARCA", "")),
)
USUAL_LEVEL = st.one_of(
    st.tuples(*map(st.just, ("1", "6", "10000", "1")), USUAL_PRICES, USUAL_SIZES, st.just("1")),
    st.tuples(*map(st.just, ("2", "6", "10000", "0")), USUAL_SIZES),
)


def whole(fields: tuple[str, ...]) -> bytes:
    """Return a frame without its length."""
    return b"".join(field.encode() + b"\0" for field in fields)


def spoilt(frame: bytes) -> st.SearchStrategy[bytes]:
    """Return a frame with something wrong behind its id."""
    return st.one_of(
        st.integers(len(frame.split(b"\0")[0]) + 1, len(frame)).map(lambda end: frame[:end]),
        st.binary(max_size=4).map(lambda more: frame + more),
        st.just(frame.replace(b"\x001", b"\x00x", 1)),
        st.just(frame.replace(b"\x00", b"\x00\x00", 1)),
    )


def runs_of(*kinds: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[list[bytes]]:
    """Return runs: mostly of frames as IB writes them."""
    frames = st.one_of(*kinds).map(whole)
    return st.lists(st.one_of(frames, frames, frames, frames.flatmap(spoilt)), min_size=1)


def one_by_one(new_sink: Any, frames: list[bytes]) -> list[Any]:
    """Return what comes of each frame by itself; a malformed one is said to be."""
    sink = new_sink()
    table = FastText(178, sink).table()
    for frame in frames:
        number, _, body = frame.partition(b"\0")
        try:
            table[int(number)](body)
        except (ValueError, IndexError, MalformedMessage):
            sink.seen.append("malformed")
    return sink.seen


def together(new_sink: Any, number: int, frames: list[bytes]) -> list[Any] | None:
    """Return what comes of a run, row by row; None when it is not taken."""
    sink = new_sink()
    try:
        is_taken = FastText(178, sink).runs()[number](frames)
    except ValueError:
        is_taken = False
    if not is_taken:
        assert sink.seen == []
        return None
    ((name, found),) = sink.seen
    if name == "level_one":
        return [
            ("tick_size", *row[:2], row[3]) if row[2] is None else ("tick_price", *row)
            for row in found
        ]
    rows = zip(*found, strict=True)
    return [
        ({"tick_quotes": "tick_quote", "tick_trades": "tick_trade"}[name], *row) for row in rows
    ]


@settings(max_examples=300, deadline=None)
@given(frames=runs_of(QUOTES, TRADES, MIDPOINTS))
def test_ticks_of_all_kinds_decode_together_as_one_by_one_or_not_at_all(frames, new_sink):
    found = together(new_sink, 99, frames)
    assert found is None or repr(found) == repr(one_by_one(new_sink, frames))  # nan is no number


@settings(max_examples=300, deadline=None)
@given(frames=runs_of(LEVEL_PRICES, LEVEL_SIZES))
def test_level_one_decodes_together_as_one_by_one_or_not_at_all(frames, new_sink):
    found = together(new_sink, 1, frames)
    assert found is None or repr(found) == repr(one_by_one(new_sink, frames))


@pytest.mark.parametrize(
    ("number", "kind"), [(99, USUAL_QUOTES), (99, USUAL_TRADES), (1, USUAL_LEVEL)]
)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_ib_usually_sends_is_taken(number, kind, data, new_sink):
    frames = data.draw(st.lists(kind.map(whole), min_size=1))
    assert together(new_sink, number, frames) == one_by_one(new_sink, frames)


def test_a_frame_of_another_width_hidden_by_its_neighbour_is_seen(new_sink):
    usual = whole(("99", "10000", "3", "1700000000", "1.5", "1.6", "5", "6", "0"))
    long = whole(("99", "10000", "3", "1700000000", "1.5", "1.6", "5", "6", "0", "99"))
    short = whole(("10000", "3", "1700000000", "1.5", "1.6", "5", "6", "0"))
    assert together(new_sink, 99, [usual, long, short, usual]) is None
