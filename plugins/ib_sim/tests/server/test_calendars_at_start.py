"""Calendars are there when a gateway has started: no request makes its loop import them."""

from __future__ import annotations

import datetime as dt
import sys

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

CONTRACTS = [
    wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD"),
    wire.Contract(symbol="ES", secType="CONTFUT", exchange="CME", currency="USD"),
    wire.Contract(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD"),
]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda one: one.symbol)
async def test_contract_details_need_no_calendar_package(start_gateway, monkeypatch, contract):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        client.send(wire.ContractDataRequest(reqId=1, contract=contract))
        details = await client.receive(wire.ContractData, about=1)
        assert ":CLOSED;" in details.contractDetails.tradingHours


async def test_a_start_reads_the_calendars_of_all_contracts_twenty_years_back(
    start_gateway, monkeypatch
):
    gateway = await start_gateway(start="2024-03-05T15:00:00")
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)
    hours = gateway.simulation.hours
    for template in {contract.hours for contract in gateway.simulation.contracts.contracts}:
        assert hours.between(template, dt.date(2004, 3, 1), dt.date(2004, 3, 31))
        assert hours.between(template, dt.date(2029, 12, 1), dt.date(2030, 1, 31))
