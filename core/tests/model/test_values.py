from __future__ import annotations

import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.errors import InvalidRequest
from posei_trader.model.currencies import Currency, CurrencyType, currencies
from posei_trader.model.fixed_point import RAW_MAX, RAW_MIN, float_to_raw, raw_to_str
from posei_trader.model.values import Money, Price, Quantity

raws = st.integers(min_value=-(10**9), max_value=10**9)
precisions = st.integers(min_value=0, max_value=9)


@given(raws, precisions)
def test_the_text_of_a_price_parses_back_to_the_same_value_and_precision(steps, precision):
    price = Price.from_raw(steps * 10 ** (9 - precision), precision)
    again = Price.from_str(str(price))
    assert again == price
    assert again.precision == precision
    assert again.raw == steps * 10 ** (9 - precision)


@given(raws, precisions)
def test_the_decimal_is_the_raw_value_divided_by_a_billion(steps, precision):
    raw = steps * 10 ** (9 - precision)
    assert Price.from_raw(raw, precision).as_decimal() * 10**9 == raw


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9, min_value=-9e8, max_value=9e8))
def test_a_decimal_with_nine_places_is_kept_exactly(value):
    assert Price(value, 9).as_decimal() == value


@given(raws, raws)
def test_prices_compare_add_and_subtract_as_their_raw_values_do(left, right):
    a, b = Price.from_raw(left, 9), Price.from_raw(right, 9)
    assert (a < b) is (left < right)
    assert (a == b) is (left == right)
    assert (a + b).raw == left + right
    assert (a - b).raw == left - right
    assert (-a).raw == -left


def test_equal_values_hash_alike_whatever_their_precision():
    assert Price("1.1") == Price("1.10")
    assert len({Price("1.1"), Price("1.10")}) == 1
    assert str(Price("1.10")) == "1.10"


def test_a_price_is_never_equal_to_a_quantity_of_the_same_size():
    assert Price("1") != Quantity("1")
    with pytest.raises(TypeError):
        _ = Price("1") + Quantity("1")  # type: ignore[operator]
    with pytest.raises(TypeError):
        _ = Price("1") - Quantity("1")  # type: ignore[operator]
    with pytest.raises(TypeError):
        _ = Price("1") < Quantity("1")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        ("-37.63", None, "-37.63"),
        (Decimal("1e-7"), None, "0.0000001"),
        (0.1 + 0.2, 1, "0.3"),
        (5, None, "5"),
        ("1_000.5", None, "1000.5"),
        (2.5, 0, "2"),
        (3.5, 0, "4"),
    ],
)
def test_numbers_are_read_exactly_and_rounded_half_to_even(value, precision, text):
    assert str(Price(value, precision)) == text


@pytest.mark.parametrize("bad", ["", "abc", "NaN", "Infinity", "1,5"])
def test_a_text_that_is_no_number_is_refused_by_name(bad):
    with pytest.raises(InvalidRequest) as caught:
        Price(bad)
    assert caught.value.field == "price"


def test_what_cannot_be_a_price_is_refused_with_a_remedy():
    with pytest.raises(InvalidRequest, match="needs a precision"):
        Price(1.25)
    with pytest.raises(InvalidRequest, match="from 0 to 9"):
        Price("1", 10)
    with pytest.raises(InvalidRequest, match="64 bits"):
        Price("9223372037")
    with pytest.raises(InvalidRequest, match="64 bits"):
        _ = Price.from_raw(RAW_MAX, 9) + Price.from_raw(1, 9)
    with pytest.raises(InvalidRequest, match="finite"):
        Price(Decimal("NaN"), 2)
    assert Price.from_raw(RAW_MIN, 9).raw == RAW_MIN


def test_a_quantity_is_never_negative():
    with pytest.raises(InvalidRequest, match="may not be negative"):
        Quantity("-1")
    with pytest.raises(InvalidRequest, match="may not be negative"):
        _ = Quantity("1") - Quantity("2")
    assert not Quantity.zero(2)
    assert int(Quantity("7.9")) == 7
    assert float(Quantity("7.5")) == Quantity("7.5").as_double() == 7.5


@given(st.floats(min_value=-1e6, max_value=1e6), st.integers(min_value=0, max_value=6))
def test_the_hot_paths_float_converter_agrees_with_the_exact_one_within_half_a_step(value, digits):
    raw = float_to_raw(value, digits)
    assert raw % 10 ** (9 - digits) == 0
    assert abs(Decimal(raw) / 10**9 - Decimal(value)) <= Decimal(51).scaleb(-digits - 2)


def test_a_raw_value_shows_only_its_precision():
    assert raw_to_str(-50_000_000, 2) == "-0.05"
    assert raw_to_str(1_500_000_000, 0) == "1"


def test_values_survive_pickling():
    for value in (Price("1.10"), Quantity("3"), Money("1.5", "USD"), Currency.of("JPY")):
        assert pickle.loads(pickle.dumps(value)) == value  # noqa: S301  our own bytes


@given(
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1e12, max_value=1e12)
)
def test_the_text_of_money_parses_back(amount):
    money = Money(amount, "EUR")
    assert Money.from_str(str(money)) == money


def test_money_is_exact_and_rounds_only_when_asked():
    fee = Money("0.352478", "USD")
    assert str(fee) == "0.352478 USD"
    assert fee.rounded() == Money("0.35", "USD")
    assert Money("0.125", "USD").rounded() == Money("0.12", "USD")
    assert Money("100.5", "JPY").rounded() == Money("100", "JPY")
    assert str(Money(3, "KWD")) == "3.000 KWD"
    assert -fee + fee == Money.zero("USD")
    assert not Money.zero("USD")
    assert fee < Money(1, "USD")
    assert fee.as_double() == pytest.approx(0.352478)
    assert hash(Money("1.0", "USD")) == hash(Money("1.00", "USD"))


def test_money_refuses_floats_and_other_currencies():
    with pytest.raises(InvalidRequest, match="may not be a float"):
        Money(0.1, "USD")  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="cannot combine USD with EUR"):
        _ = Money(1, "USD") + Money(1, "EUR")
    with pytest.raises(InvalidRequest, match="AMOUNT CURRENCY"):
        Money.from_str("10")
    with pytest.raises(InvalidRequest, match="finite"):
        Money(Decimal("inf"), "USD")
    assert Money(1, "USD") != "1.00 USD"


@pytest.mark.parametrize(
    ("code", "digits"),
    [("USD", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("BHD", 3), ("CLF", 4), ("HUF", 2), ("ISK", 0),
     ("CNH", 2), ("BTC", 8), ("ETH", 8), ("TND", 3), ("VND", 0), ("INR", 2), ("IDR", 2)],
)  # fmt: skip
def test_minor_units_are_those_of_iso_4217(code, digits):
    assert Currency.of(code).precision == digits


def test_the_table_holds_what_ib_trades_and_nothing_twice():
    table = currencies()
    assert {"USD", "EUR", "GBP", "CHF", "HKD", "MXN", "ZAR", "CNH", "BTC", "SOL"} <= set(table)
    assert len({c.iso4217 for c in table.values() if c.iso4217}) == sum(
        1 for c in table.values() if c.iso4217
    )
    assert Currency.of("XAU").currency_type is CurrencyType.METAL
    assert Currency.of("BTC").currency_type is CurrencyType.CRYPTO


def test_an_unknown_currency_names_the_closest_one():
    with pytest.raises(InvalidRequest, match="did you mean 'USD'"):
        Currency.of("USDD")
    with pytest.raises(InvalidRequest, match="ISO 4217"):
        Currency.of("???")


def test_currencies_order_and_compare_by_code():
    assert min(Currency.of("USD"), Currency.of("EUR")).code == "EUR"
    assert Currency.of("USD") == Currency("USD", 2)
    assert Currency.of("USD") != "USD"
    assert repr(Currency.from_str("USD")) == "Currency('USD')"


def test_a_currency_cannot_be_changed():
    with pytest.raises(AttributeError, match="immutable"):
        Currency.of("USD").precision = 7
    assert Currency.of("USD").precision == 2


@pytest.mark.parametrize("bad", [None, [1], True])
def test_what_is_no_number_is_refused_by_name(bad):
    for make in (Price, Quantity):
        with pytest.raises(InvalidRequest, match="is a number"):
            make(bad)
    with pytest.raises(InvalidRequest, match="may not be a"):
        Money(bad, "USD")


def test_values_compare_with_their_own_kind_only():
    with pytest.raises(TypeError):
        _ = Money(1, "USD") < 3
    with pytest.raises(TypeError):
        _ = Money(1, "USD") + 3
    with pytest.raises(TypeError):
        _ = Currency.of("USD") < "X"
