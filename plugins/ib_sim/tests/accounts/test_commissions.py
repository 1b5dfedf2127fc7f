"""Commissions by asset class, as IB publishes its fixed prices; sums worked out by hand."""

import datetime as dt
from decimal import Decimal

import pytest

from posei_ib_sim.accounts import commission_currency, order_commission
from posei_ib_sim.config import SimulatedIBGatewayConfig
from posei_ib_sim.simulation import Simulation

D = Decimal


@pytest.fixture(scope="module")
def contracts():
    config = SimulatedIBGatewayConfig(speed="step", start=dt.datetime(2024, 3, 5, tzinfo=dt.UTC))
    return Simulation(config, sink=None).contracts


@pytest.mark.parametrize(
    ("name", "quantity", "value", "owed", "currency"),
    [
        ("AAPL", 1000, 130_000, "5.00", "USD"),
        ("AAPL", 100, 13_000, "1.00", "USD"),
        ("AAPL", 10, 20, "0.20", "USD"),  # one percent of the value at most
        ("SAP@IBIS", 100, 17_500, "8.75", "EUR"),
        ("EUR.USD", 1_000_000, 1_085_000, "21.70", "USD"),
        ("EUR.USD", 20_000, 21_700, "2.00", "USD"),
        ("6EH4", 3, 400_000, "6.75", "USD"),
        ("BTC.USD@PAXOS", 1, 65_000, "117.00", "USD"),
        ("BTC.USD@PAXOS", "0.001", 65, "0.65", "USD"),
        ("IBUS500", 1, 5_000, "1.00", "USD"),
        ("XAUUSD", 100, 203_000, "30.45", "USD"),
        ("VFIAX", 10, 4_600, "14.95", "USD"),
        ("IB912810TM0", 10, 9_700, "9.70", "USD"),
        ("SG0ABC", 1000, 12_000, "12.00", "EUR"),
    ],
)
def test_each_class_pays_its_schedule(contracts, name, quantity, value, owed, currency):
    contract = contracts.named(name)
    assert order_commission(contract, D(quantity), D(value)) == D(owed)
    assert commission_currency(contract, "USD") == currency
