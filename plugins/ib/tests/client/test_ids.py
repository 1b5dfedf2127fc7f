from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.client.ids import IdAllocator


def test_request_ids_start_at_ten_thousand_and_order_ids_above_a_hundred():
    ids = IdAllocator()
    assert ids.request_id() == 10_000
    assert ids.order_id() == 101


def test_order_ids_follow_what_ib_says_and_never_go_back():
    ids = IdAllocator()
    ids.order_ids_from(500)
    assert ids.order_id() == 500
    ids.order_ids_from(7)
    assert ids.order_id() == 501
    ids.order_id_seen(900)
    assert ids.order_id() == 901


STEPS = st.lists(
    st.one_of(
        st.just(("request",)),
        st.just(("order",)),
        st.tuples(st.just("valid"), st.integers(1, 3_000_000)),
        st.tuples(st.just("retire"), st.integers(0, 50)),
    ),
    max_size=300,
)


@given(STEPS)
def test_a_number_is_never_a_requests_and_an_orders(steps):
    ids = IdAllocator()
    requests, orders, open_ids = [], [], []
    for step in steps:
        if step[0] == "request":
            requests.append(ids.request_id())
            open_ids.append(requests[-1])
        elif step[0] == "order":
            orders.append(ids.order_id())
        elif step[0] == "valid":
            ids.order_ids_from(step[1])
        elif open_ids:
            ids.retire(open_ids.pop(step[1] % len(open_ids)))
    assert len(set(requests)) == len(requests)
    assert orders == sorted(set(orders))
    assert not set(requests) & set(orders)


def test_what_has_ended_is_remembered_for_a_while():
    ids = IdAllocator()
    number = ids.request_id()
    assert not ids.is_retired(number)
    ids.retire(number)
    assert ids.is_retired(number)
    for _ in range(5_000):
        ids.retire(ids.request_id())
    assert not ids.is_retired(number)
