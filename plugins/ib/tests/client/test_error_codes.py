"""Every code has a meaning, and what the adapter facts say about codes holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.error_codes import (
    About,
    Action,
    Severity,
    error_for,
    is_listed,
    listed_codes,
    rule_for,
)
from posei_trader.errors import PoseiError, RetryLater

FARMS = [2103, 2104, 2105, 2106, 2107, 2108, 2119, 2157, 2158]
KEEP_ORDER = [399, 404, 10349, 2109, 2161, 2137, 2100]
CANCEL_REJECTED = [135, 136, 161, 10147, 10148]
MODIFY_REJECTED = [104, 105]
REJECTED = [
    103,
    107,
    109,
    110,
    111,
    116,
    200,
    201,
    203,
    321,
    355,
    460,
    463,
    10289,
    10293,
    10318,
]


@pytest.mark.parametrize("code", FARMS)
def test_farm_notices_are_about_farms(code):
    assert rule_for(code).about is About.FARM


@pytest.mark.parametrize(
    ("codes", "action"),
    [
        (KEEP_ORDER, Action.ORDER_WARNING),
        (CANCEL_REJECTED, Action.CANCEL_REJECTED),
        (MODIFY_REJECTED, Action.MODIFY_REJECTED),
        (REJECTED, Action.ORDER_REJECTED),
        ([202], Action.ORDER_CANCELLED),
        ([12345], Action.ORDER_UNCERTAIN),
    ],
)
def test_codes_mean_for_orders_what_is_known(codes, action):
    for code in codes:
        assert rule_for(code).order is action, code


@pytest.mark.parametrize("code", [1100, 2110])
def test_losing_ibs_servers_is_no_loss_of_the_socket(code):
    assert rule_for(code).request is Action.UPSTREAM_LOST


def test_a_code_that_nobody_listed_fails_a_request_and_reaches_an_order():
    rule = rule_for(31415)
    assert (rule.severity, rule.about) == (Severity.ERROR, About.UNLISTED)
    assert (rule.request, rule.order) == (Action.FAIL, Action.ORDER_UNCERTAIN)
    assert not is_listed(31415)


@pytest.mark.parametrize("code", [100, 101, 309, 10190, 10197, 10182])
def test_what_may_work_later_is_retryable(code):
    assert isinstance(error_for(code, "text", "subject"), RetryLater)


@given(st.integers(0, 11_000), st.text(max_size=60))
def test_any_code_with_any_text_has_a_rule_and_an_error(code, text):
    error = error_for(code, text, "something")
    assert isinstance(error, PoseiError)
    assert error.code == code
    assert isinstance(rule_for(code, text).request, Action)


def test_every_listed_code_is_listed():
    assert all(map(is_listed, listed_codes()))
    assert len(listed_codes()) > 70
