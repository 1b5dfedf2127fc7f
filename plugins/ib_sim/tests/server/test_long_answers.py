"""Answers that take long are worked on between the turns of everybody else."""

import asyncio

import pytest

from posei_ib_sim import wire
from posei_ib_sim.server.jobs import Jobs
from posei_ib_sim.testing import RawClient

EURO = wire.Contract(symbol="EUR", secType="CASH", exchange="IDEALPRO", currency="USD")
APPLE = wire.Contract(symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
NOON = "2024-03-05T17:00:00"


def bars(req_id, contract, duration, size, what, *, keep=False, rth=True):
    return wire.HistoricalDataRequest(
        reqId=req_id, contract=contract, duration=duration, barSizeSetting=size, whatToShow=what,
        useRTH=rth, formatDate=2, keepUpToDate=keep,
    )  # fmt: skip


@pytest.fixture
async def clients(start_gateway):
    gateway = await start_gateway(start=NOON, pacing=False, speed=120.0, start_on="immediately")
    async with (
        await RawClient.connect(gateway.host, gateway.port, client_id=1) as patient,
        await RawClient.connect(gateway.host, gateway.port, client_id=2) as other,
    ):
        await patient.receive(wire.NextValidId)
        await other.receive(wire.NextValidId)
        yield gateway, patient, other


async def begun(gateway, client, request):
    """Send a request that takes seconds and return when the server works on it."""
    client.send(request)
    async with asyncio.timeout(10):
        while gateway.server.jobs.is_idle:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


async def test_another_client_keeps_getting_its_ticks_during_fifteen_years_of_bars(clients):
    gateway, patient, other = clients
    other.send(wire.MarketDataRequest(reqId=7, contract=EURO))
    await other.receive(wire.MarketDataType, about=7)
    await begun(gateway, patient, bars(1, EURO, "15 Y", "1 month", "MIDPOINT", rth=False))
    loop = asyncio.get_running_loop()
    waits = []
    for number in range(30):
        asked = loop.time()
        other.send(wire.ContractDataRequest(reqId=number, contract=APPLE))
        await other.receive(wire.ContractDataEnd, about=number)
        await other.receive(wire.TickSize, about=7)
        waits.append(loop.time() - asked)
    assert not gateway.server.jobs.is_idle, "the answer came too soon to prove anything"
    assert sorted(waits)[len(waits) // 2] < 0.5
    patient.send(wire.CancelHistoricalData(reqId=1))
    cancelled = await patient.receive(wire.ErrorMessage, about=1)
    assert cancelled.errorCode == 162
    assert cancelled.errorMsg.endswith("API historical data query cancelled: 1")
    await gateway.server.jobs.finished()
    assert gateway.server.client(1).subscriptions == []


async def test_an_answer_worked_on_in_steps_is_the_answer_that_is_given_at_once(
    clients, monkeypatch
):
    gateway, patient, _ = clients
    gateway.pause()
    answers = []
    for number, at_once in enumerate((0, 10**9)):
        monkeypatch.setattr("posei_ib_sim.server.jobs._AT_ONCE", at_once)
        patient.send(bars(number, APPLE, "2 M", "1 day", "TRADES"))
        answers.append(await patient.receive(wire.HistoricalData, about=number))
        await patient.receive(wire.HistoricalDataEnd, about=number)
    first, second = (answer.historicalDataBars for answer in answers)
    assert len(first) > 35
    assert first == second


async def test_bars_kept_up_to_date_miss_nothing_while_their_beginning_is_worked_on(
    start_gateway, monkeypatch
):
    monkeypatch.setattr("posei_ib_sim.server.jobs._AT_ONCE", 0)
    gateway = await start_gateway(start=NOON, pacing=False)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        await begun(gateway, client, bars(1, APPLE, "1 M", "1 min", "TRADES", keep=True))
        gateway.clock.advance_to(gateway.clock.now_ns + 150 * 10**9)
        answer = (await client.receive(wire.HistoricalData, about=1)).historicalDataBars
        await gateway.advance(90)
        updates = [
            one.historicalDataBar for one in await client.received(wire.HistoricalDataUpdate)
        ]
        client.send(bars(2, APPLE, "1 M", "1 min", "TRADES"))
        whole = (await client.receive(wire.HistoricalData, about=2)).historicalDataBars
    seen = {bar.date: bar for bar in (*answer, *updates)}
    assert [seen[bar.date] for bar in whole[:-1]] == list(whole[:-1])
    assert len({bar.date for bar in answer}) == len(answer) > 2
    assert len(whole) > len(answer)


async def test_a_client_that_leaves_ends_the_work_for_it(clients):
    gateway, patient, other = clients
    await begun(gateway, patient, bars(1, EURO, "20 Y", "1 day", "BID", rth=False))
    await patient.close()
    async with asyncio.timeout(5):
        await gateway.server.jobs.finished()
    other.send(wire.CurrentTimeRequest())
    await other.receive(wire.CurrentTime)


async def test_more_bars_than_fit_into_a_frame_are_refused(clients, monkeypatch):
    gateway, patient, _ = clients
    monkeypatch.setattr("posei_ib_sim.history.service._MOST_BARS", 20_000)
    patient.send(bars(1, APPLE, "1 Y", "1 min", "TRADES"))
    error = await patient.receive(wire.ErrorMessage, about=1)
    assert (error.errorCode, error.errorMsg.rpartition(":")[2]) == (162, "Time length exceed max.")
    assert gateway.server.client(1).subscriptions == []


async def test_simulated_time_in_a_hurry_waits_for_an_answer(start_gateway, monkeypatch):
    monkeypatch.setattr("posei_ib_sim.server.jobs._AT_ONCE", 0)
    gateway = await start_gateway(start=NOON, pacing=False)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        await begun(gateway, client, bars(1, APPLE, "1 M", "1 min", "TRADES"))
        await gateway.advance(60)
        assert gateway.server.jobs.is_idle


async def test_what_fails_in_the_middle_is_an_error_about_the_request(clients):
    gateway, patient, _ = clients

    def steps():
        yield
        raise LookupError("nothing there")

    jobs = Jobs()
    monkey = gateway.server.client(1)
    jobs._AT_ONCE = 0
    jobs.run(monkey, ("history", 9), _delayed(steps()), print)
    await jobs.finished()
    error = await patient.receive(wire.ErrorMessage, about=9)
    assert (error.errorCode, "LookupError: nothing there" in error.errorMsg) == (322, True)
    assert monkey.subscriptions == []


def _delayed(steps):
    for _ in range(8):
        yield
    yield from steps
