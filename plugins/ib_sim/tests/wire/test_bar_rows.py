"""Bars written from columns are the bytes that the message itself would be."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_ib_sim.wire import SUPPORTED_VERSIONS, BarRows, Codec

VERSIONS = sorted(SUPPORTED_VERSIONS)
dates = st.one_of(
    st.integers(0, 2**33).map(str),
    st.just("20240305"),
    st.just("20240305 09:30:00 US/Eastern"),
)
prices = st.one_of(
    st.integers(1, 10**8).map(lambda cents: cents / 100),
    st.floats(-1e300, 1e300),
)
quantities = st.one_of(
    st.just("-1"),
    st.integers(0, 10**12).map(str),
    st.decimals(0, 10**6, places=8).map(lambda value: f"{value:f}"),
)
row = st.tuples(
    dates, prices, prices, prices, prices, quantities, quantities, st.integers(-1, 2**31 - 2)
)


def as_rows(bars):
    columns = [list(column) for column in zip(*bars, strict=True)] or [[] for _ in range(8)]
    date, first, high, low, close, volume, average, count = columns
    prices = np.array((first, high, low, close), np.float64).reshape(4, len(bars))
    return BarRows(date, prices, volume, average, np.array(count, np.int64))


@settings(max_examples=300, deadline=None)
@given(version=st.sampled_from(VERSIONS), bars=st.lists(row, max_size=12), req_id=st.integers(0, 9))
def test_columns_are_written_as_their_message_is(version, bars, req_id):
    rows, codec = as_rows(bars), Codec(version)
    span = ("20240305  09:30:00", "20240305  16:00:00")
    message = rows.message(req_id, *span)
    frame = codec.encode_bars(req_id, *span, rows)
    assert frame == codec.encode(message)
    assert codec.decode_server(frame[4:]).historicalDataBars == message.historicalDataBars


@pytest.mark.parametrize("version", [157, 200, 213, 226])
def test_ten_thousand_bars_of_many_lengths_arrive_whole(version):
    bars = [
        (str(1_700_000_000 + n), n / 7, n / 3, n / 11, 0.1, str(n), f"{n}.{n:05d}", n * n % 10**6)
        for n in range(10_000)
    ]
    read = Codec(version).decode_server(Codec(version).encode_bars(5, "a", "b", as_rows(bars))[4:])
    assert len(read.historicalDataBars) == 10_000
    for bar, (date, first, high, low, close, volume, average, count) in zip(
        read.historicalDataBars, bars, strict=True
    ):
        assert (bar.date, bar.open, bar.high, bar.low, bar.close) == (date, first, high, low, close)
        assert (bar.volume, bar.WAP, bar.barCount) == (Decimal(volume), Decimal(average), count)
