"""Option values against published figures and identities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.market.option_model import implied_volatility, value


@pytest.mark.parametrize(
    ("spot", "strike", "years", "volatility", "rate", "call", "published"),
    [
        # Hull, Options, Futures and Other Derivatives: the example of chapter 15.
        (42.0, 40.0, 0.5, 0.20, 0.10, True, 4.76),
        (42.0, 40.0, 0.5, 0.20, 0.10, False, 0.81),
        (100.0, 100.0, 1.0, 0.20, 0.0, True, 7.97),
    ],
)
def test_values_are_the_published_ones(spot, strike, years, volatility, rate, call, published):
    found = value(spot, strike, years, volatility, call=call, rate=rate)
    assert round(found.price, 2) == published


ordinary = st.tuples(
    st.floats(50, 200), st.floats(50, 200), st.floats(0.02, 2.0), st.floats(0.05, 1.5)
)


@given(ordinary)
def test_puts_and_calls_keep_their_parity(numbers):
    spot, strike, years, volatility = numbers
    call = value(spot, strike, years, volatility, call=True)
    put = value(spot, strike, years, volatility, call=False)
    assert call.price - put.price == pytest.approx(spot - strike, abs=1e-8)
    assert call.delta - put.delta == pytest.approx(1.0)
    assert call.gamma == put.gamma


@given(ordinary, st.booleans())
def test_implied_volatility_gives_the_price_back(numbers, call):
    spot, strike, years, volatility = numbers
    price = value(spot, strike, years, volatility, call=call).price
    implied = implied_volatility(price, spot, strike, years, call=call)
    assert implied is not None
    assert value(spot, strike, years, implied, call=call).price == pytest.approx(price, abs=1e-3)


def test_there_is_no_volatility_for_a_price_below_the_intrinsic_value():
    assert implied_volatility(1.0, 100.0, 80.0, 0.5, call=True) is None


def test_an_expired_option_is_worth_its_intrinsic_value():
    assert value(110.0, 100.0, 0.0, 0.2, call=True).price == 10.0
    assert value(110.0, 100.0, 0.0, 0.2, call=False).price == 0.0
