"""Ticks in protobuf that come together decode as one by one, and as in IB's own decoder."""

from __future__ import annotations

from importlib import import_module
from itertools import chain, repeat
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibapi.protobuf", reason="this release of ibapi has no protobuf")

from google.protobuf.message import DecodeError

from posei_trader.adapters.interactive_brokers.wire.fast_protobuf import FastProtobuf

TICK, PRICE, SIZE = 299, 201, 202
VERSION = 226

IDS = st.sampled_from([1, 10_000, 2**31 - 1])
TIMES = st.sampled_from([0, 1_700_000_000, 2**33])
PRICES = st.one_of(
    st.sampled_from([0.0, -0.0, -1.0]), st.floats(allow_nan=False, allow_infinity=False)
)
SIZES = st.one_of(
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=9).map(str),
    st.sampled_from(["0", "007", "-5", "1.0", "1e0", "1E+3", "2147483647", str(10**30), "5e-10"]),
)
TEXTS = st.text(max_size=3)
FLAGS = st.sampled_from([None, None, False, True])


def message(name: str, **fields: Any) -> Any:
    """Return a message of IB's with those fields that are not None."""
    kind = getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)
    return kind(**{key: value for key, value in fields.items() if value is not None})


def built(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries(fields).map(lambda found: message(name, **found))


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def frames_of(number: int, found: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    return found.map(lambda one: number.to_bytes(4, "big") + one.SerializeToString())


def quotes(wrap: Any) -> st.SearchStrategy[bytes]:
    """Return quotes, whose fields are wrapped to be there or not."""
    marks = built("TickAttribBidAsk", bidPastLow=FLAGS, askPastHigh=FLAGS)
    quote = built(
        "HistoricalTickBidAsk",
        time=wrap(TIMES),
        tickAttribBidAsk=maybe(marks),
        priceBid=wrap(PRICES),
        priceAsk=wrap(PRICES),
        sizeBid=wrap(SIZES),
        sizeAsk=wrap(SIZES),
    )
    return frames_of(
        TICK,
        built("TickByTickData", reqId=IDS, tickType=st.just(3), historicalTickBidAsk=wrap(quote)),
    )


def trades(wrap: Any) -> st.SearchStrategy[bytes]:
    marks = built("TickAttribLast", pastLimit=FLAGS, unreported=FLAGS)
    trade = built(
        "HistoricalTickLast",
        time=wrap(TIMES),
        tickAttribLast=maybe(marks),
        price=wrap(PRICES),
        size=wrap(SIZES),
        exchange=maybe(TEXTS),
        specialConditions=maybe(TEXTS),
    )
    kinds = st.sampled_from([1, 2])
    return frames_of(
        TICK, built("TickByTickData", reqId=IDS, tickType=kinds, historicalTickLast=wrap(trade))
    )


def level_prices(wrap: Any) -> st.SearchStrategy[bytes]:
    return frames_of(
        PRICE,
        built(
            "TickPrice",
            reqId=IDS,
            tickType=st.sampled_from([1, 2, 4, 66]),
            price=wrap(PRICES),
            size=wrap(SIZES),
            attrMask=maybe(st.integers(0, 15)),
        ),
    )


def level_sizes(wrap: Any) -> st.SearchStrategy[bytes]:
    kinds = st.sampled_from([0, 3, 5, 8])
    return frames_of(SIZE, built("TickSize", reqId=IDS, tickType=kinds, size=wrap(SIZES)))


def always(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return strategy


USUAL_TICKS = st.one_of(
    st.lists(quotes(always), min_size=1, max_size=20),
    st.lists(trades(always), min_size=1, max_size=20),
)
USUAL_LEVELS = st.lists(
    st.one_of(level_prices(always), level_sizes(always)), min_size=24, max_size=40
)
MIDPOINTS = frames_of(
    TICK,
    built(
        "TickByTickData",
        reqId=IDS,
        tickType=st.sampled_from([None, 0, 3, 4]),
        historicalTickMidPoint=maybe(built("HistoricalTick", time=TIMES, price=PRICES)),
    ),
)


def spoilt(frame: bytes) -> st.SearchStrategy[bytes]:
    """Return a frame with something wrong behind its id."""
    twice = frame + frame[4:]
    return st.one_of(
        st.integers(4, len(frame)).map(lambda end: frame[:end]),
        st.integers(4, len(twice)).map(lambda end: twice[:end]),
        st.binary(max_size=4).map(lambda more: frame + more),
        st.sampled_from([b"\x0c", b"\x0b", b"\x0c\x0b", b"\x7a\x00", b"\x08\x05"]).map(
            lambda more: frame + more
        ),
        st.tuples(st.integers(4, len(frame) - 1), st.integers(0, 255)).map(
            lambda change: frame[: change[0]] + bytes([change[1]]) + frame[change[0] + 1 :]
        ),
    )


def runs_of(*kinds: st.SearchStrategy[bytes], least: int = 1) -> st.SearchStrategy[list[bytes]]:
    frames = st.one_of(*kinds)
    return st.lists(
        st.one_of(frames, frames, frames.flatmap(spoilt)), min_size=least, max_size=least + 20
    )


def said(new_sink: Any, frames: list[bytes]) -> list[Any] | None:
    """Return what each frame says by itself; None where one is malformed."""
    sink = new_sink()
    table = FastProtobuf(sink).table()
    try:
        for frame in frames:
            table[int.from_bytes(frame[:4], "big")](frame[4:])
    except (ValueError, DecodeError):
        return None
    return sink.seen


class RunSink:
    """Write down runs, message by message."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def tick_quotes(self, run: Any) -> None:
        self.seen += zip(repeat("tick_quote"), *run, strict=False)
        self._check(run)

    def tick_trades(self, run: Any) -> None:
        self.seen += zip(repeat("tick_trade"), *run, strict=False)
        self._check(run)

    def level_one(self, rows: Any) -> None:
        for req_id, kind, price, size, marks in rows:
            told = ("tick_size", req_id, kind, size)
            self.seen.append(
                told if price is None else ("tick_price", req_id, kind, price, size, marks)
            )

    def _check(self, run: Any) -> None:
        assert {len(column) for column in run} == {len(self.seen)}

    def __getattr__(self, name: str) -> Any:
        return lambda *_: pytest.fail(f"{name} in a run")


def together(frames: list[bytes]) -> list[Any] | None:
    """Return what a run says; None where it is refused."""
    sink = RunSink()
    number = TICK if int.from_bytes(frames[0][:4], "big") == TICK else PRICE
    return sink.seen if FastProtobuf(sink).runs()[number](frames) else None


def exactly(told: list[Any] | None) -> str:
    """Return what tells -0.0 from 0.0, and True from 1, and that NaN is NaN."""
    return repr(told)


@settings(max_examples=100, deadline=None)
@given(frames=USUAL_TICKS)
def test_ticks_that_come_together_say_what_they_say_alone(frames, new_sink):
    told = together(frames)
    assert told is not None
    assert exactly(told) == exactly(said(new_sink, frames))


@settings(max_examples=50, deadline=None)
@given(frames=USUAL_LEVELS)
def test_prices_and_sizes_that_come_together_say_what_they_say_alone(frames, new_sink):
    told = together(frames)
    assert told is not None
    assert exactly(told) == exactly(said(new_sink, frames))


@settings(max_examples=60, deadline=None)
@given(frames=USUAL_TICKS)
def test_ticks_that_come_together_say_what_ibapi_says(frames, ibapi_says):
    told = chain.from_iterable(ibapi_says.decode(VERSION, TICK, frame[4:]) for frame in frames)
    assert together(frames) == list(told)


@settings(max_examples=150, deadline=None)
@given(
    frames=st.one_of(
        runs_of(quotes(maybe), quotes(always)),
        runs_of(trades(maybe), trades(always)),
        runs_of(quotes(always), trades(always), MIDPOINTS),
        runs_of(level_prices(maybe), level_sizes(maybe), least=24),
        runs_of(level_prices(always), level_sizes(always), least=24),
    )
)
def test_a_run_with_anything_in_it_says_what_its_frames_say_or_nothing(frames, new_sink):
    told = together(frames)
    if told is not None:
        assert exactly(told) == exactly(said(new_sink, frames))


@settings(max_examples=80, deadline=None)
@given(
    number=st.sampled_from([TICK, PRICE, SIZE]),
    bodies=st.lists(st.binary(max_size=40), min_size=1, max_size=20),
)
def test_random_bytes_raise_nothing(number, bodies, new_sink):
    frames = [number.to_bytes(4, "big") + body for body in bodies]
    told = together(frames)
    if told is not None:
        assert exactly(told) == exactly(said(new_sink, frames))


def quote_frame(time: int = 1, **fields: Any) -> bytes:
    fields = {"priceBid": 1.5, "priceAsk": 2.5, "sizeBid": "1", "sizeAsk": "2"} | fields
    quote = message("HistoricalTickBidAsk", time=time, **fields)
    body = message("TickByTickData", reqId=7, tickType=3, historicalTickBidAsk=quote)
    return TICK.to_bytes(4, "big") + body.SerializeToString()


def test_a_field_that_comes_twice_is_not_taken_for_that_of_the_next_message():
    bid_again = quote_frame() + b"\x22\x09\x19" + bytes(8)
    assert together([bid_again, quote_frame(priceBid=None)]) is None


def test_marks_stay_with_their_messages():
    marked = message("TickAttribBidAsk", bidPastLow=True, askPastHigh=True)
    unmarked = message("TickAttribBidAsk", bidPastLow=False)
    frames = [quote_frame(tickAttribBidAsk=marks) for marks in (None, marked, unmarked)]
    assert [told[-1] for told in together(frames)] == [0, 3, 0]


@pytest.mark.parametrize("size", ["x", "NaN", "1e99", "1,2", str(10**40), "null", "²"])
def test_a_size_that_is_no_number_refuses_the_run(size):
    assert together([quote_frame(), quote_frame(sizeAsk=size)]) is None


@pytest.mark.parametrize(
    ("size", "units"), [("0", 0), ("1.0", 10**9), ("1e0", 10**9), ("0.5", 5 * 10**8)]
)
def test_a_size_that_is_not_plain_is_exact(size, units):
    assert [told[-2] for told in together([quote_frame(), quote_frame(sizeAsk=size)])] == [
        2 * 10**9,
        units,
    ]


def test_a_message_of_another_kind_refuses_a_run_of_level_one(new_sink):
    frames = [PRICE.to_bytes(4, "big") + b"\x08\x01\x10\x01\x19" + bytes(8) + b"\x22\x011"] * 24
    assert together(frames) == said(new_sink, frames)
    assert together([*frames, quote_frame()]) is None
