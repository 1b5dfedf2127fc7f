"""Which account is traded, and what IB says it holds."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.execution.accounts import (
    account_state,
    choose_account,
    masked,
)
from posei_trader.errors import AccountMismatch, InvalidRequest
from posei_trader.model.enums import AccountType

VALUES = {
    ("AccountType", ""): "INDIVIDUAL",
    ("NetLiquidation", "USD"): "100500.25",
    ("TotalCashValue", "USD"): "60000.00",
    ("FullAvailableFunds", "USD"): "45000.00",
    ("FullInitMarginReq", "USD"): "15000.00",
    ("FullMaintMarginReq", "USD"): "12000.00",
    ("CashBalance", "USD"): "59000.00",
    ("TotalCashBalance", "USD"): "59000.50",
    ("TotalCashBalance", "EUR"): "1000.00",
    ("TotalCashBalance", "BASE"): "60000.00",
    ("NetLiquidationByCurrency", "BASE"): "100500.25",
}


def test_each_currency_has_its_cash_and_the_base_currency_what_margin_locks():
    state = account_state("DU123456", VALUES, ts_init=5)
    shown = {
        one.currency.code: (str(one.total), str(one.locked), str(one.free))
        for one in state.balances
    }
    assert shown == {
        "USD": ("59000.50 USD", "14000.50 USD", "45000.00 USD"),
        "EUR": ("1000.00 EUR", "0.00 EUR", "1000.00 EUR"),
    }
    assert str(state.equity) == "100500.25 USD"
    (margin,) = state.margins
    assert (str(margin.initial), str(margin.maintenance)) == ("15000.00 USD", "12000.00 USD")
    assert state.account_type is AccountType.MARGIN
    assert (state.account_id, state.is_reported, state.ts_event) == ("IB-DU123456", True, 5)
    assert state.info["AccountType"] == "INDIVIDUAL"


def test_an_account_without_ledgers_still_has_its_cash():
    values = {key: text for key, text in VALUES.items() if "Balance" not in key[0]}
    (only,) = account_state("DU123456", values, ts_init=0).balances
    assert str(only.total) == "60000.00 USD"


def test_a_snapshot_without_a_net_value_is_refused_and_shows_no_account_number():
    with pytest.raises(InvalidRequest) as caught:
        account_state("DU123456", {("AccountType", ""): "INDIVIDUAL"}, ts_init=0)
    assert "DU123456" not in str(caught.value)


@given(
    st.decimals(-(10**9), 10**9, places=2),
    st.one_of(st.none(), st.decimals(-(10**9), 10**9, places=2)),
)
def test_total_is_always_locked_plus_free(cash, available):
    values = {("NetLiquidation", "USD"): "1", ("TotalCashBalance", "USD"): str(cash)}
    if available is not None:
        values["FullAvailableFunds", "USD"] = str(available)
    (balance,) = account_state("DU123456", values, ts_init=0).balances
    assert balance.locked + balance.free == balance.total
    assert balance.locked.as_decimal() >= Decimal(0)


@pytest.mark.real_data
def test_real_account_values_of_ib_are_understood():
    path = Path(__file__).resolve().parents[5] / "shared/data/ib/account_values.json"
    if not path.exists():
        pytest.skip(f"real market data is not at {path}")
    rows = json.loads(path.read_text())
    values = {(row["tag"], row["currency"]): row["value"] for row in rows}
    state = account_state("DU123456", values, ts_init=0)
    wanted = {
        row["currency"]: row["value"]
        for row in rows
        if row["tag"] == "CashBalance" and row["currency"] != "BASE"
    }
    assert {one.currency.code: one.total.as_decimal() for one in state.balances} == {
        code: Decimal(value) for code, value in wanted.items()
    }


@pytest.mark.parametrize("configured", ["DU222222", "IB-DU222222"])
def test_the_configured_account_is_taken_with_or_without_our_prefix(configured):
    assert choose_account(configured, ["DU111111", "DU222222"]) == "DU222222"


def test_the_only_account_needs_no_configuration():
    assert choose_account(None, ["DU111111"]) == "DU111111"


@pytest.mark.parametrize(
    ("configured", "managed"),
    [("DU999999", ["DU111111", "U2222222"]), (None, ["DU111111", "U2222222"]), (None, [])],
)
def test_a_wrong_account_is_an_error_that_shows_only_masked_numbers(configured, managed):
    with pytest.raises(AccountMismatch) as caught:
        choose_account(configured, managed)
    for number in (*managed, "DU999999"):
        assert number not in str(caught.value)


@given(st.text("DUF0123456789", min_size=0, max_size=12))
def test_a_masked_number_hides_its_middle(number):
    assert not number or masked(number) != number
