"""Scenarios, the control port, restarts, and disturbed messages."""

import asyncio
import json
from importlib import resources

import ib_async
import pytest

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.server.scenario import load_scenario


@pytest.fixture
async def connect():
    clients = []

    async def open_client(gateway, client_id=1):
        client = ib_async.IB()
        clients.append(client)
        await client.connectAsync(gateway.host, gateway.port, clientId=client_id, timeout=5)
        return client

    yield open_client
    for client in clients:
        client.disconnect()
    await asyncio.sleep(0)


class Control:
    """A client of the control port."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    async def ask(self, request):
        text = request if isinstance(request, bytes) else json.dumps(request).encode()
        self.writer.write(text + b"\n")
        async with asyncio.timeout(5):
            return json.loads(await self.reader.readline())


@pytest.fixture
async def control():
    opened = []

    async def open_control(gateway):
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.control_port)
        opened.append(writer)
        return Control(reader, writer)

    yield open_control
    for writer in opened:
        writer.close()
        await writer.wait_closed()


def test_every_scenario_that_ships_can_be_performed():
    folder = resources.files("posei_ib_sim.server") / "scenarios"
    names = [item.name.removesuffix(".toml") for item in folder.iterdir()]
    assert "nightly-restart" in names
    for name in names:
        assert load_scenario(name).steps


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[step]]\ndo = "drop"\n', "write either `at`"),
        ('[[step]]\nat = 1\ndo = "explode"\n', "do='explode' is no fault"),
        ('[[step]]\nat = 1\ndo = "drop"\nhow = "hard"\n', "unexpected keyword argument 'how'"),
        ('[[step]]\non = "moon"\ndo = "drop"\n', "on='moon' is not one of"),
        ("[[step\n", "is no TOML"),
    ],
)
def test_a_scenario_file_that_cannot_be_performed_says_why(tmp_path, text, problem):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match="mine") as caught:
        load_scenario(path)
    assert problem in str(caught.value)


def test_an_unknown_scenario_lists_those_that_exist():
    with pytest.raises(ConfigurationError, match="nightly-restart"):
        load_scenario("doomsday")


async def test_after_a_restart_the_orders_are_still_there(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    client.placeOrder(contract, ib_async.LimitOrder("BUY", 100, 40.00, tif="GTC"))
    await wait_until(lambda: gateway.truth.open_orders)
    gateway.faults.restart(0.05)
    await wait_until(lambda: not client.isConnected())
    assert not gateway.is_ready()
    await wait_until(gateway.is_ready)
    again = await connect(gateway)
    assert [trade.order.lmtPrice for trade in again.openTrades()] == [40.00]


async def test_steps_wait_for_their_time_and_their_event(
    start_gateway, connect, quotes_file, wait_until, tmp_path
):
    path = tmp_path / "mine.toml"
    path.write_text(
        '[[step]]\nat = 2\ndo = "farm_broken"\n\n[[step]]\non = "fill"\ncount = 1\ndo = "drop"\n'
    )
    gateway = await start_gateway(replay=[quotes_file], scenario=path)
    client = await connect(gateway)
    seen = []
    client.errorEvent += lambda ident, code, *_: seen.append(code)
    await gateway.advance(1.5)
    assert 2103 not in seen
    await gateway.advance(1)
    await wait_until(lambda: 2103 in seen)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    client.placeOrder(contract, ib_async.MarketOrder("BUY", 100))
    await wait_until(lambda: gateway.truth.open_orders)
    await gateway.advance(2)
    await wait_until(lambda: not client.isConnected())
    assert len(gateway.truth.executions) == 1


async def test_an_order_can_be_lost_without_a_word(start_gateway, connect, quotes_file, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    client = await connect(gateway)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    trade = client.placeOrder(contract, ib_async.LimitOrder("BUY", 100, 40.00))
    await wait_until(lambda: trade.orderStatus.status == "Submitted")
    gateway.faults.cancel_silently(1, trade.order.orderId)
    assert await client.reqOpenOrdersAsync() == []
    assert gateway.truth.orders[0].status == "Cancelled"
    assert trade.orderStatus.status == "Submitted"


async def test_single_messages_are_left_out_repeated_and_swapped(
    start_gateway, connect, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], repeat_status=False)
    client = await connect(gateway)
    seen = []
    client.commissionReportEvent += lambda *_: seen.append("commission")
    client.orderStatusEvent += lambda trade: seen.append(trade.orderStatus.status)
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    gateway.faults.omit("CommissionAndFeesReport")
    client.placeOrder(contract, ib_async.MarketOrder("BUY", 100))
    await wait_until(lambda: gateway.truth.open_orders)
    await gateway.advance(1.5)
    await wait_until(lambda: "Filled" in seen)
    await client.reqCurrentTimeAsync()
    assert "commission" not in seen
    assert gateway.server.mischief.omitted == 1
    with pytest.raises(ConfigurationError, match="is no message of the server"):
        gateway.faults.swap("Gossip")


async def test_another_process_reads_the_truth_and_causes_faults(
    start_gateway, connect, control, quotes_file, wait_until
):
    gateway = await start_gateway(replay=[quotes_file], control_port=0)
    client = await connect(gateway, client_id=9)
    panel = await control(gateway)
    assert await panel.ask({"get": "clients"}) == {"ok": True, "clients": [9]}
    (contract,) = await client.qualifyContractsAsync(ib_async.Stock("KO", "SMART", "USD"))
    client.placeOrder(contract, ib_async.MarketOrder("BUY", 100))
    await wait_until(lambda: gateway.truth.open_orders)
    assert await panel.ask({"do": "advance", "seconds": 2}) == {"ok": True}
    assert await panel.ask({"get": "positions"}) == {"ok": True, "positions": {"KO": "100"}}
    (execution,) = (await panel.ask({"get": "executions"}))["executions"]
    assert execution["price"] == "50.02"
    assert await panel.ask({"do": "drop"}) == {"ok": True}
    await wait_until(lambda: not client.isConnected())


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (b"nonsense", "Expecting value"),
        (b"[]", "JSON object"),
        ({"do": "explode"}, "do='explode' is no fault"),
        ({"get": "rich"}, "get='rich' is not one of"),
    ],
)
async def test_the_control_port_explains_what_it_cannot_do(
    start_gateway, control, request_, problem
):
    gateway = await start_gateway(control_port=0)
    answer = await (await control(gateway)).ask(request_)
    assert answer["ok"] is False
    assert problem in answer["error"]
