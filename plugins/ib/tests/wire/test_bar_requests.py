"""The parts of a span are asked for in the bytes that IB's own encoder writes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.client import EClient
from order_terms import CONTRACTS

from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    RequestEncoder,
)
from posei_trader.errors import InvalidRequest

AAPL = IBContract(conId=265598, exchange="SMART")
ENDS = st.one_of(
    st.just(""),
    st.datetimes().map(lambda moment: f"{moment:%Y%m%d-%H:%M:%S}"),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
)
TERMS = st.tuples(
    st.sampled_from(["1 D", "3600 S"]),
    st.sampled_from(["1 min", "1 day"]),
    st.sampled_from(["TRADES", "BID_ASK"]),
    st.integers(0, 1),
    st.integers(1, 2),
    st.booleans(),
    st.just([]),
)


def asked(encoder, req_id, contract, end, terms):
    return encoder(
        lambda ib: ib.reqHistoricalData(req_id, contract_to_ibapi(contract), end, *terms)
    )


@settings(max_examples=250, deadline=None)
@given(
    version=st.integers(157, MAX_SERVER_VERSION),
    requests=st.lists(
        st.tuples(st.integers(1, 2**31 - 3), CONTRACTS, ENDS, TERMS), min_size=1, max_size=4
    ),
    ends=st.lists(ENDS, min_size=1, max_size=3),
)
def test_a_request_is_written_as_ibapi_writes_it(version, requests, ends):
    ours = RequestEncoder(version, client_id=1)
    for req_id, contract, first, terms in requests:
        for number, end in enumerate([first, *ends]):
            alone = RequestEncoder(version, client_id=1)  # which knows no other request
            expected = asked(alone, req_id + number % 2, contract, end, terms)
            assert asked(ours, req_id + number % 2, contract, end, terms) == expected


@pytest.mark.parametrize("version", [157, 195, 200, MAX_SERVER_VERSION])
def test_only_the_first_part_of_a_span_takes_a_walk_over_all_fields(version, monkeypatch):
    walks = []
    whole = EClient.reqHistoricalData

    def counted(client, req_id, *others):
        walks.append(req_id)
        whole(client, req_id, *others)

    monkeypatch.setattr(EClient, "reqHistoricalData", counted)
    encoder = RequestEncoder(version, client_id=1)
    terms = "1 D", "1 min", "TRADES", 1, 2, False, []

    for req_id, end in enumerate(["", "20240305-00:00:00", "20240304-00:00:00", ""], start=7):
        asked(encoder, req_id, AAPL, end, terms)
    asked(encoder, 20, IBContract(conId=1, exchange="SMART"), "", terms)
    asked(encoder, 21, AAPL, "", terms)

    assert walks == [7, 20, 21]


def test_an_end_that_cannot_be_written_is_refused_for_every_part():
    encoder = RequestEncoder(200, client_id=1)
    terms = "1 D", "1 min", "TRADES", 1, 2, False, []
    asked(encoder, 1, AAPL, "20240305-00:00:00", terms)

    with pytest.raises(InvalidRequest):
        asked(encoder, 2, AAPL, "20240305\0", terms)
    assert b"20240304-00:00:00" in asked(encoder, 3, AAPL, "20240304-00:00:00", terms)
