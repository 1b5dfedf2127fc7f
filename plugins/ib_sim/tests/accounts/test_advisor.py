"""Sharing orders out among the accounts of an advisor."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from posei_ib_sim.accounts.advisor import share_out

D = Decimal
WEIGHTS = st.dictionaries(
    st.sampled_from(["A", "B", "C", "D"]), st.integers(0, 1000).map(D), min_size=1
)


@given(st.integers(0, 10_000).map(D), WEIGHTS)
def test_shares_are_whole_fair_and_add_up(quantity, weights):
    shares = share_out(quantity, weights, D(1))
    assert sum(shares.values()) == quantity
    total = sum(weights.values())
    for name, share in shares.items():
        assert share == share.to_integral_value()
        fair = quantity * weights[name] / total if total else quantity / len(weights)
        assert abs(share - fair) <= 1


def test_what_rounding_leaves_goes_to_those_cut_most():
    assert share_out(D(10), {"A": D(1), "B": D(1), "C": D(1)}, D(1)) == {
        "A": D(4),
        "B": D(3),
        "C": D(3),
    }
    assert share_out(D(10), {"A": D(55), "B": D(45)}, D(1)) in (
        {"A": D(6), "B": D(4)},
        {"A": D(5), "B": D(5)},
    )
