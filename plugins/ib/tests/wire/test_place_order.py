"""Our encoder of orders writes what IB's own encoder writes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("ibapi.protobuf", reason="this release of ibapi has no protobuf")

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE
from ibapi.order import Order
from ibapi.order_condition import TimeCondition
from order_terms import CONTRACTS, order_of, terms_of

from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    RequestEncoder,
)
from posei_trader.adapters.interactive_brokers.wire.place_order import (
    PLACE_ORDERS_FROM,
    PlaceOrderEncoder,
    SparseOrder,
)

TEXTS = st.sampled_from(["", "BUY", "LMT", "DU123456", "O-1", "größer", "20240315 09:30:00 UTC"])
NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.just(UNSET_DOUBLE))
SIZES = st.one_of(
    st.decimals(0, 10**9, places=9), st.integers(0, 10**9).map(Decimal), st.just(UNSET_DECIMAL)
)

TERMS = terms_of(TEXTS, TEXTS, NUMBERS, SIZES)
VERSIONS = st.integers(PLACE_ORDERS_FROM, MAX_SERVER_VERSION)


def encoder(ibapi: RequestEncoder) -> PlaceOrderEncoder:
    return PlaceOrderEncoder(
        lambda contract: ibapi(lambda ib: ib.placeOrder(0, contract_to_ibapi(contract), Order()))
    )


@settings(max_examples=150)
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
        whole = order_of(Order, terms)
        assert written == ibapi(
            lambda ib, n=order_id, o=whole: ib.placeOrder(n, contract_to_ibapi(contract), o)
        )


@pytest.mark.parametrize(
    ("name", "value"),
    [("postOnly", True), ("conditions", [TimeCondition()]), ("hedgeMaxSize", 5)],
)
def test_a_term_that_is_not_listed_is_left_to_ibapi(name, value):
    ours = encoder(RequestEncoder(MAX_SERVER_VERSION, client_id=1))

    assert ours.encode(1, IBContract(conId=1), order_of(SparseOrder, {name: value})) is None


def test_an_order_that_keeps_every_term_is_left_to_ibapi():
    ours = encoder(RequestEncoder(MAX_SERVER_VERSION, client_id=1))

    assert ours.encode(1, IBContract(conId=1), Order()) is None


def test_an_order_keeps_only_what_was_set_and_shows_the_rest_as_ibapi_does():
    order = order_of(SparseOrder, {"action": "BUY"})

    assert vars(order) == {"action": "BUY"}
    shown = {name: getattr(order, name) for name in vars(Order()) if name != "softDollarTier"}
    expected = {name: value for name, value in vars(Order()).items() if name in shown}
    assert shown == expected | {"action": "BUY"}


def test_ibapi_writes_a_sparse_order_as_any_other():
    ibapi = RequestEncoder(176, client_id=1)
    terms = {"action": "BUY", "totalQuantity": Decimal(1), "orderType": "MKT", "tif": "DAY"}
    contract = contract_to_ibapi(IBContract(conId=265598, exchange="SMART"))
    sparse, whole = order_of(SparseOrder, terms), order_of(Order, terms)

    assert ibapi(lambda ib: ib.placeOrder(7, contract, sparse)) == ibapi(
        lambda ib: ib.placeOrder(7, contract, whole)
    )
