"""Each fault at a real socket, and the books behind it."""

import asyncio
from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.testing import RawClient

STOCK = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")
START = "2024-03-05T15:00:00"


@pytest.fixture
async def connect():
    clients = []

    async def open_client(gateway, client_id=1):
        client = await RawClient.connect(gateway.host, gateway.port, client_id=client_id)
        clients.append(client)
        await client.receive(wire.NextValidId)
        # The notices of the start are over once this is answered.
        client.send(wire.CurrentTimeRequest())
        await client.receive(wire.CurrentTime)
        return client

    yield open_client
    for client in clients:
        await client.close()


def market_order(quantity=100, action="BUY"):
    return wire.Order(
        action=action, totalQuantity=Decimal(quantity), orderType="MKT", transmit=True
    )


async def codes(client, count):
    return [(await client.receive(wire.ErrorMessage)).errorCode for _ in range(count)]


async def test_a_half_open_connection_takes_everything_and_answers_nothing(start_gateway, connect):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    gateway.faults.half_open()
    client.send(wire.CurrentTimeRequest())
    with pytest.raises(TimeoutError):
        await client.receive(wire.CurrentTime, seconds=0.1)
    assert gateway.server.client(1) is not None


async def test_merged_segments_arrive_together_and_complete(start_gateway, connect):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    gateway.faults.merge(0.2)
    begun = asyncio.get_running_loop().time()
    for number in range(5):
        client.send(wire.ContractDataRequest(reqId=number, contract=STOCK))
    data = await client.reader.read(1 << 20)
    assert asyncio.get_running_loop().time() - begun > 0.15
    frames = list(wire.FrameBuffer().feed(data))
    kinds = [type(client.codec.decode_server(frame)) for frame in frames]
    assert kinds == [wire.ContractData, wire.ContractDataEnd] * 5


async def test_garbage_reaches_the_client_as_it_is(start_gateway, connect):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    gateway.faults.garbage("ffffffff 00")
    async with asyncio.timeout(5):
        assert await client.reader.readexactly(5) == b"\xff\xff\xff\xff\0"
    with pytest.raises(ConfigurationError, match="hexadecimal"):
        gateway.faults.garbage("nonsense")


@pytest.mark.parametrize(("maintained", "code"), [(True, 1102), (False, 1101)])
async def test_a_reset_can_leave_the_sockets_alone(start_gateway, connect, maintained, code):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    client.send(wire.MarketDataRequest(reqId=1, contract=STOCK))
    await client.receive(wire.TickReqParams)
    gateway.faults.restart(0.05, keep_sockets=True, data_maintained=maintained)
    assert await codes(client, 8) == [1100, 2103, 2105, 2157, code, 2104, 2106, 2158]
    assert gateway.server.client(1).count("market data") == (1 if maintained else 0)


async def test_after_an_unclean_restart_ids_are_in_use_for_a_while(
    start_gateway, connect, wait_until
):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    gateway.faults.restart(0.02, refuse_seconds=30)
    await client.closed()
    with pytest.raises(OSError, match=r".+"):
        await RawClient.connect(gateway.host, gateway.port)
    await wait_until(gateway.is_ready)
    refused = await RawClient.connect(gateway.host, gateway.port)
    assert (await refused.receive(wire.ErrorMessage)).errorCode == 326
    await refused.closed()
    await refused.close()
    gateway.faults.refuse_client_ids(0)
    await connect(gateway)


async def test_a_client_can_lose_the_whole_story_of_its_orders(start_gateway, connect, quotes_file):
    gateway = await start_gateway(replay=[quotes_file])
    client, other = await connect(gateway, 1), await connect(gateway, 2)
    gateway.faults.desync_orders(1)
    for one in (client, other):
        one.send(wire.PlaceOrderRequest(orderId=1, contract=STOCK, order=market_order()))
        one.send(wire.CurrentTimeRequest())
        await one.receive(wire.CurrentTime)
    await gateway.advance(3)
    assert await client.received(wire.ExecutionDetails) == []
    assert len(await other.received(wire.ExecutionDetails)) == 1
    assert [order.status for order in gateway.truth.orders] == ["Filled", "Filled"]
    client.send(wire.ExecutionRequest(reqId=3))
    details = [await client.receive(wire.ExecutionDetails) for _ in range(2)]
    assert [one.execution.execId for one in details] == [
        fill.exec_id for fill in gateway.truth.executions
    ]
    gateway.faults.resync_orders(1)
    client.send(wire.PlaceOrderRequest(orderId=2, contract=STOCK, order=market_order()))
    assert (await client.receive(wire.OrderStatus)).orderId == 2


async def test_reports_can_come_twice_late_or_never(start_gateway, connect, quotes_file):
    gateway = await start_gateway(replay=[quotes_file], repeat_status=False)
    client = await connect(gateway)
    gateway.faults.repeat("OpenOrder")
    gateway.faults.omit("OrderStatus")
    gateway.faults.swap("ExecutionDetails")
    client.send(wire.PlaceOrderRequest(orderId=1, contract=STOCK, order=market_order()))
    client.send(wire.CurrentTimeRequest())
    await client.receive(wire.CurrentTime)
    await gateway.advance(3)
    seen = [type(one).__name__ for one in await client.received(wire.ServerMessage)]
    assert "ExecutionDetails" in seen
    assert seen.index("ExecutionDetails") > seen.index("OpenOrder")
    assert [order.status for order in gateway.truth.orders] == ["Filled"]


async def test_answers_about_orders_can_stay_whole_while_news_of_them_is_lost(
    start_gateway, connect, quotes_file
):
    gateway = await start_gateway(replay=[quotes_file], repeat_status=False)
    client = await connect(gateway)
    gateway.faults.spare_answers()
    client.send(wire.PlaceOrderRequest(orderId=1, contract=STOCK, order=market_order()))
    client.send(wire.CurrentTimeRequest())
    await client.receive(wire.CurrentTime)
    gateway.faults.omit("OpenOrder")
    client.send(wire.OpenOrdersRequest())
    await client.receive(wire.OpenOrdersEnd)
    assert gateway.server.mischief.omitted == 0
    await gateway.advance(3)
    assert gateway.server.mischief.omitted == 1


async def test_the_next_order_id_can_be_wrong(start_gateway):
    gateway = await start_gateway(start=START)
    gateway.faults.wrong_next_valid_id(-7)
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        assert (await client.receive(wire.NextValidId)).orderId == -7
        gateway.faults.wrong_next_valid_id(None)
        client.send(wire.IdsRequest(numIds=1))
        assert (await client.receive(wire.NextValidId)).orderId == 1


async def test_the_clock_can_jump_either_way(start_gateway, connect):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    times = []
    for seconds in (0, 3600, -7200):
        gateway.faults.clock_jump(seconds)
        client.send(wire.CurrentTimeRequest())
        times.append((await client.receive(wire.CurrentTime)).currentTime)
    assert [time - times[0] for time in times] == [0, 3600, -3600]


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("farm_broken", 2103),
        ("farm_ok", 2104),
        ("history_farm_broken", 2105),
        ("history_farm_ok", 2106),
        ("definitions_farm_broken", 2157),
        ("definitions_farm_ok", 2158),
    ],
)
async def test_farms_come_and_go(start_gateway, connect, fault, code):
    gateway = await start_gateway(start=START)
    client = await connect(gateway)
    getattr(gateway.faults, fault)("somefarm")
    error = await client.receive(wire.ErrorMessage)
    assert (error.id, error.errorCode) == (-1, code)
    assert error.errorMsg.endswith(":somefarm")


async def test_a_step_can_wait_for_the_nth_request_of_a_kind(start_gateway, connect, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[step]]\non = "ContractDataRequest"\ncount = 2\ndo = "drop"\n')
    gateway = await start_gateway(start=START, scenario=path)
    client = await connect(gateway)
    client.send(wire.ContractDataRequest(reqId=1, contract=STOCK))
    await client.receive(wire.ContractDataEnd)
    client.send(wire.ContractDataRequest(reqId=2, contract=STOCK))
    await client.closed()


async def test_a_step_can_wait_for_a_number_of_messages(start_gateway, connect, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[step]]\non = "message"\ncount = 5\ndo = "farm_broken"\n')
    gateway = await start_gateway(start=START, scenario=path)
    client = await connect(gateway)  # two messages
    for _ in range(2):
        client.send(wire.CurrentTimeRequest())
        await client.receive(wire.CurrentTime)
    assert await client.received(wire.ErrorMessage) == []
    assert await codes(client, 1) == [2103]


async def test_steps_happen_at_a_time_of_day_and_again(start_gateway, connect, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[[step]]\nat = 2024-03-05T15:01:00Z\nevery = 60\ndo = "farm_broken"\n')
    gateway = await start_gateway(start=START, scenario=path)
    client = await connect(gateway)
    await gateway.advance(59)
    assert await client.received(wire.ErrorMessage) == []
    await gateway.advance(122)
    assert await codes(client, 3) == [2103, 2103, 2103]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[step]]\nat = 2024-03-05T15:01:00\ndo = "drop"\n', "names no zone"),
        ('[[step]]\nat = "soon"\ndo = "drop"\n', "neither seconds nor a date"),
        ('[[step]]\nat = 1\nevery = 0\ndo = "drop"\n', "every=0"),
        ('[[step]]\non = "fill"\nevery = 5\ndo = "drop"\n', "every=5"),
    ],
)
async def test_a_time_that_makes_no_sense_is_refused(start_gateway, tmp_path, text, problem):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=problem):
        await start_gateway(start=START, scenario=path)


async def test_a_failure_is_there_to_be_asked_for(start_gateway, wait_until):
    gateway = await start_gateway(speed=1.0)
    assert gateway.failure is None

    def fail():
        raise ZeroDivisionError("made to fail")

    gateway.clock.call_later(0, fail)
    await wait_until(lambda: gateway.failure is not None)
    assert not gateway.is_ready()
    with pytest.raises(ZeroDivisionError, match="made to fail"):
        await gateway.stop()
