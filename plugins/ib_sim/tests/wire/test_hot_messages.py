"""The hand-made encoders write what the tables write, or leave the message to them."""

import random
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_strategies import records, saturated

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.protobuf.converters import Converters
from posei_ib_sim.wire.protobuf.fast_ticks import FAST_TICKS
from posei_ib_sim.wire.text.dialect import TextBodies
from posei_ib_sim.wire.text.fast import fast_encoders

IDS = {
    m.TickPrice: 1,
    m.TickSize: 2,
    m.MarketDepth: 12,
    m.MarketDepthL2: 13,
    m.HistoricalData: 17,
    m.TickGeneric: 45,
    m.TickString: 46,
    m.RealTimeBarTick: 50,
    m.TickByTickData: 99,
}


def by_the_tables(message, version):
    fields = [str(IDS[type(message)]), *TextBodies(version).write(message)]
    body = "".join(f"{text}\0" for text in fields).encode("ascii")
    return len(body).to_bytes(4, "big") + body


@pytest.mark.parametrize("message_type", IDS, ids=lambda message: message.__name__)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_hot_message_is_written_as_the_tables_write_it(message_type, data):
    version = data.draw(st.sampled_from((157, 178, 195, 196, 200)))
    seeds = st.integers(0, 2**32).map(lambda seed: saturated(message_type, random.Random(seed)))
    message = data.draw(st.one_of(records(message_type), seeds))
    written = fast_encoders(version)[message_type](message)
    assert written is None or written == by_the_tables(message, version)


@pytest.mark.parametrize("message_type", IDS, ids=lambda message: message.__name__)
def test_a_plain_hot_message_is_not_left_to_the_tables(message_type):
    for version in (157, 195, 196, 200):
        for seed in range(20):
            message = saturated(message_type, random.Random(seed))
            if isinstance(message, m.TickByTickData) and message.tickType == 4:
                continue  # midpoints are rare
            assert fast_encoders(version)[message_type](message) == by_the_tables(message, version)


def by_the_descriptors(message, version):
    body = Converters(version).to_message(message).SerializeToString()
    payload = (200 + IDS[type(message)]).to_bytes(4, "big") + body
    return len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize("message_type", FAST_TICKS, ids=lambda message: message.__name__)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_hot_tick_is_written_as_the_descriptors_write_it(message_type, data):
    seeds = st.integers(0, 2**32).map(lambda seed: saturated(message_type, random.Random(seed)))
    message = data.draw(st.one_of(records(message_type), seeds))
    written = FAST_TICKS[message_type](message)
    assert written is None or written == by_the_descriptors(message, 226)


@pytest.mark.parametrize(
    "message",
    [
        m.TickPrice(reqId=1, tickType=1, price=1.5, size=Decimal(100), attrMask=1),
        m.TickPrice(reqId=70_000, tickType=66, price=-1.0, size=Decimal("0.5"), attrMask=0),
        m.TickSize(reqId=1, tickType=0, size=Decimal(12)),
        m.TickGeneric(reqId=1, tickType=49, value=0.0),
        m.TickString(reqId=1, tickType=45, value="1709650800"),
    ],
)
def test_a_plain_hot_tick_is_not_left_to_the_descriptors(message):
    assert FAST_TICKS[type(message)](message) == by_the_descriptors(message, 213)
