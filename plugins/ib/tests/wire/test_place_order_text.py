"""Our encoder of orders as text writes what IB's own encoder writes."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.order import Order
from ibapi.order_condition import TimeCondition
from order_terms import CONTRACTS, order_of, terms_of

from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import (
    IBContract,
)
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    RequestEncoder,
)
from posei_trader.adapters.interactive_brokers.wire.place_order import SparseOrder
from posei_trader.adapters.interactive_brokers.wire.place_order_text import PlaceOrderTextEncoder
from posei_trader.errors import InvalidRequest

TEXTS = st.one_of(
    st.sampled_from(["", "BUY", "DU123456", "O-1", "?account?", "{tif}", "%s"]),
    st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=12),
)
NUMBERS = st.one_of(
    st.floats(allow_nan=False),
    st.sampled_from([UNSET_DOUBLE, float(UNSET_INTEGER), UNSET_INTEGER, math.inf, 0, 185]),
)
SIZES = st.one_of(
    st.decimals(0, 10**9, places=9),
    st.integers(0, 10**9).map(Decimal),
    st.sampled_from([UNSET_DECIMAL, Decimal("1E+2"), 100]),
)

TERMS = terms_of(
    TEXTS,
    st.sampled_from(["MKT", "LMT", "STP LMT", "TRAIL", "MOC", "?orderType?", ""]),
    NUMBERS,
    SIZES,
)
NEWEST = min(202, MAX_SERVER_VERSION)
VERSIONS = st.integers(157, NEWEST)
AAPL = IBContract(conId=265598, exchange="SMART")


def whole(ibapi, order_id, contract, order):
    return ibapi(lambda ib: ib.placeOrder(order_id, contract_to_ibapi(contract), order))


def encoder(ibapi):
    return PlaceOrderTextEncoder(
        lambda order_id, contract, order: whole(ibapi, order_id, contract, order)
    )


@settings(max_examples=250)
@given(
    version=VERSIONS,
    contract=CONTRACTS,
    orders=st.lists(
        st.tuples(st.integers(1, 2**31 - 2), st.fixed_dictionaries({}, optional=TERMS)),
        min_size=1,
        max_size=3,
    ),
)
def test_an_order_is_written_as_ibapi_writes_it(version, contract, orders):
    ibapi = RequestEncoder(version, client_id=1)
    ours = encoder(ibapi)

    for order_id, terms in orders:
        written = ours.encode(order_id, contract, order_of(SparseOrder, terms))
        assert written == whole(ibapi, order_id, contract, order_of(Order, terms))


@pytest.mark.parametrize("version", range(157, NEWEST + 1))
def test_every_term_has_its_place_at_every_version(version):
    ibapi = RequestEncoder(version, client_id=1)
    terms = {
        name: f"the {name}" if isinstance(getattr(Order(), name), str) else number
        for number, name in enumerate(TERMS, 1_000)
    }

    written = encoder(ibapi).encode(7, AAPL, order_of(SparseOrder, terms))

    assert written == whole(ibapi, 7, AAPL, order_of(Order, terms))
    assert all(
        f"{value}\0".encode() in written for name, value in terms.items() if name != "clientId"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("notHeld", True),
        ("conditions", [TimeCondition()]),
        ("algoStrategy", "Adaptive"),
        ("hedgeType", "D"),
        ("orderType", "PEG BENCH"),
        ("orderType", "PEGMID"),
        ("orderType", "PEG BEST"),
        ("orderRef", "größer"),
        ("orderRef", "two\nlines"),
        ("orderType", None),
        ("tif", None),
        ("lmtPrice", None),
    ],
)
def test_a_term_that_is_not_plain_is_left_to_ibapi(name, value):
    ours = encoder(RequestEncoder(178, client_id=1))

    assert ours.encode(1, AAPL, order_of(SparseOrder, {name: value})) is None


@pytest.mark.parametrize("symbol", ["?tif?", "?clientId?", "?orderId?"])
def test_a_contract_never_loses_a_text_to_a_term(symbol):
    ibapi = RequestEncoder(178, client_id=1)
    contract = IBContract(symbol=symbol, secType="STK", exchange="SMART")
    terms = {"tif": "GTC", "clientId": 3}

    written = encoder(ibapi).encode(7, contract, order_of(SparseOrder, terms))

    assert written in (None, whole(ibapi, 7, contract, order_of(Order, terms)))


def test_an_order_that_keeps_every_term_is_left_to_ibapi():
    assert encoder(RequestEncoder(178, client_id=1)).encode(1, AAPL, Order()) is None


def test_a_contract_that_ibapi_refuses_is_refused():
    ours = encoder(RequestEncoder(178, client_id=1))

    with pytest.raises(InvalidRequest):
        ours.encode(1, IBContract(symbol="größer"), SparseOrder())


def test_a_contract_is_asked_for_once():
    ibapi = RequestEncoder(178, client_id=1)
    asked = []

    def counted(order_id, contract, order):
        asked.append(contract)
        return whole(ibapi, order_id, contract, order)

    ours = PlaceOrderTextEncoder(counted)
    for number in range(20):
        ours.encode(number, AAPL, SparseOrder())

    assert asked == [AAPL, AAPL]  # without terms, and with all
