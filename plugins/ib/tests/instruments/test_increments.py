"""Price steps and sizes: precision, bands, magnified units, fractions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.common import (
    IBContract,
    IBContractDetails,
    PriceIncrement,
)
from posei_trader.adapters.interactive_brokers.instruments.increments import (
    price_steps,
    rule_of_exchange,
    size_steps,
)
from posei_trader.adapters.interactive_brokers.instruments.price_scale import price_scale
from posei_trader.errors import InvalidRequest
from posei_trader.model.values import Price, Quantity

PLAIN = price_scale(1, "USD")
CENTS = price_scale(100, "USD")


@pytest.mark.parametrize(
    ("tick", "precision"),
    [
        (0.01, 2),
        (0.25, 2),
        (5e-05, 5),
        (1e-08, 8),
        (0.0001, 4),
        (0.03125, 5),
        (0.0078125, 7),
        (0.00390625, 8),
        (1.0, 0),
        (5.0, 0),
        (0.0000005, 7),
    ],
)
def test_the_minimum_tick_gives_precision_and_increment(tick: float, precision: int) -> None:
    steps = price_steps(tick, (), PLAIN)
    assert steps.precision == precision
    assert steps.increment.as_decimal() == Decimal(repr(tick))
    assert steps.bands == ()


def test_a_market_rule_with_one_step_needs_no_bands() -> None:
    steps = price_steps(0.25, (PriceIncrement(0, 0.25),), PLAIN)
    assert steps.increment == Price("0.25")
    assert steps.bands == ()


def test_a_market_rule_with_several_steps_becomes_bands() -> None:
    rule = (PriceIncrement(3, 0.1), PriceIncrement(0, 0.05))
    steps = price_steps(0.01, rule, PLAIN)
    assert [(str(band.low_edge), str(band.increment)) for band in steps.bands] == [
        ("0.00", "0.05"),
        ("3.00", "0.10"),
    ]
    assert steps.increment == Price("0.05")
    assert steps.precision == 2


def test_steps_in_cents_become_steps_in_dollars() -> None:
    steps = price_steps(0.25, (PriceIncrement(0, 0.25), PriceIncrement(100, 0.5)), CENTS)
    assert steps.increment == Price("0.0025")
    assert steps.precision == 4
    assert steps.bands[1].low_edge == Price("1.0000")
    assert steps.bands[1].increment == Price("0.0050")


@pytest.mark.parametrize("tick", [0.0, -1.0])
def test_a_missing_tick_is_taken_from_the_rule(tick: float) -> None:
    assert price_steps(tick, (PriceIncrement(0, 0.5),), PLAIN).increment == Price("0.5")


@pytest.mark.parametrize(("tick", "scale"), [(0.0, PLAIN), (0.00390625, CENTS)])
def test_an_unusable_step_is_refused(tick: float, scale: object) -> None:
    with pytest.raises(InvalidRequest, match="price step"):
        price_steps(tick, (), scale)


@given(st.integers(1, 10**6), st.integers(0, 7), st.sampled_from([1, 100]))
def test_any_tick_of_seven_decimals_is_kept_exactly(
    units: int, digits: int, magnifier: int
) -> None:
    tick = Decimal(units).scaleb(-digits)
    steps = price_steps(float(tick), (), price_scale(magnifier, "USD"))
    assert steps.increment.as_decimal() * magnifier == tick


def _details(exchange: str, exchanges: str, rules: str) -> IBContractDetails:
    return IBContractDetails(
        contract=IBContract(secType="STK", symbol="SPY", exchange=exchange),
        validExchanges=exchanges,
        marketRuleIds=rules,
    )


@pytest.mark.parametrize(
    ("exchange", "exchanges", "rules", "expected"),
    [
        ("SMART", "SMART,NYSE,ARCA", "26,557,26", 26),
        ("NYSE", "SMART,NYSE,ARCA", "26,557,26", 557),
        ("IEX", "SMART,NYSE", "26,26", 26),
        ("IEX", "SMART,NYSE", "26,557", None),
        ("SMART", "SMART,NYSE", "", None),
        ("SMART", "SMART,NYSE", "26", 26),
    ],
)
def test_the_rule_is_that_of_the_contracts_exchange(
    exchange: str, exchanges: str, rules: str, expected: int | None
) -> None:
    assert rule_of_exchange(_details(exchange, exchanges, rules)) == expected


@pytest.mark.parametrize(
    ("increment", "minimum", "precision"),
    [("0.0001", "0.0001", 4), ("0.00000001", "0.00000001", 8), ("1", "1", 0), ("100", "100", 0)],
)
def test_sizes_may_be_fractions(increment: str, minimum: str, precision: int) -> None:
    steps = size_steps(Decimal(increment), Decimal(minimum))
    assert (steps.precision, steps.increment, steps.minimum) == (
        precision,
        Quantity(increment),
        Quantity(minimum),
    )


@pytest.mark.parametrize("unset", [None, Decimal(0)])
def test_sizes_are_whole_where_ib_does_not_say(unset: Decimal | None) -> None:
    assert size_steps(unset, unset) == (0, Quantity("1"), None)
