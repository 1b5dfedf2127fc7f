"""Faults: what clients see, and that the books stay right."""

import asyncio
from decimal import Decimal

import ib_async
import pytest

from posei_ib_sim import wire


class RawClient:
    """A bare socket that speaks the protocol through our own codec."""

    def __init__(self, reader, writer, version):
        self.reader, self.writer = reader, writer
        self.codec = wire.Codec(version)
        self.frames = wire.FrameBuffer()
        self.waiting = []

    @classmethod
    async def connect(cls, gateway, *, client_id=1, version=178):
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        hello = f"v157..{version}".encode()
        writer.write(b"API\0" + len(hello).to_bytes(4, "big") + hello)
        length = int.from_bytes(await reader.readexactly(4), "big")
        reply = await reader.readexactly(length)
        client = cls(reader, writer, int(reply.split(b"\0")[0]))
        client.send(wire.StartApiRequest(clientId=client_id))
        return client

    def send(self, message):
        self.writer.write(self.codec.encode_client(message))

    async def receive(self, message_type, seconds=5.0):
        """Return the next message of a type, dropping others."""
        async with asyncio.timeout(seconds):
            while True:
                while self.waiting:
                    message = self.codec.decode_server(self.waiting.pop(0))
                    if isinstance(message, message_type):
                        return message
                data = await self.reader.read(65536)
                if not data:
                    raise ConnectionResetError
                self.waiting += list(self.frames.feed(data))

    async def closed(self, seconds=5.0):
        """Wait for the server to close the connection."""
        async with asyncio.timeout(seconds):
            try:
                while await self.reader.read(65536):
                    pass
            except ConnectionResetError:
                return

    async def close(self):
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except (ConnectionResetError, BrokenPipeError):
            return


@pytest.fixture
async def raw():
    clients = []

    async def connect(gateway, **settings):
        client = await RawClient.connect(gateway, **settings)
        clients.append(client)
        return client

    yield connect
    for client in clients:
        await client.close()


STOCK = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")


async def test_a_dropped_connection_leaves_orders_alive(start_gateway, raw, quotes_file):
    gateway = await start_gateway(replay=[quotes_file])
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    client.send(
        wire.PlaceOrderRequest(
            orderId=1,
            contract=STOCK,
            order=wire.Order(
                action="BUY",
                totalQuantity=Decimal(100),
                orderType="LMT",
                lmtPrice=40.0,
                transmit=True,
            ),
        )
    )
    await client.receive(wire.OrderStatus)
    gateway.faults.drop()
    await client.closed()
    assert [order.status for order in gateway.truth.open_orders] == ["Submitted"]


async def test_a_connection_can_break_in_the_middle_of_a_frame(start_gateway, raw, quotes_file):
    gateway = await start_gateway(replay=[quotes_file])
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    gateway.faults.drop(after_bytes=7)
    client.send(wire.CurrentTimeRequest())
    with pytest.raises((ConnectionResetError, TimeoutError)):
        await client.receive(wire.CurrentTime, seconds=2)
    assert client.frames.pending == 7 or not client.waiting


async def test_a_stall_holds_everything_back_and_loses_nothing(start_gateway, raw):
    gateway = await start_gateway()
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    gateway.faults.stall()
    for _ in range(3):
        client.send(wire.CurrentTimeRequest())
    with pytest.raises(TimeoutError):
        await client.receive(wire.CurrentTime, seconds=0.1)
    gateway.faults.release()
    for _ in range(3):
        await client.receive(wire.CurrentTime)


@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_clients_survive_any_segmentation(start_gateway, quotes_file, size, wait_until):
    gateway = await start_gateway(replay=[quotes_file])
    client = ib_async.IB()
    connecting = asyncio.ensure_future(
        client.connectAsync(gateway.host, gateway.port, clientId=3, timeout=5)
    )
    await wait_until(lambda: gateway.server.sessions)
    gateway.faults.split(size)
    await connecting
    assert client.accountValues()
    client.disconnect()
    await asyncio.sleep(0)


async def test_client_ids_are_refused_for_a_while_after_an_unclean_restart(start_gateway, raw):
    gateway = await start_gateway()
    gateway.faults.refuse_client_ids(30)
    client = await raw(gateway)
    error = await client.receive(wire.ErrorMessage)
    assert error.errorCode == 326
    await client.closed()


async def test_lost_connectivity_stops_the_data_and_1101_loses_subscriptions(
    start_gateway, raw, quotes_file
):
    gateway = await start_gateway(replay=[quotes_file])
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    client.send(wire.TickByTickRequest(reqId=5, contract=STOCK, tickType="BidAsk"))
    client.send(wire.CurrentTimeRequest())
    await client.receive(wire.CurrentTime)
    gateway.faults.connectivity_lost()
    assert (await client.receive(wire.ErrorMessage)).errorCode == 1100
    await gateway.advance(2)
    gateway.faults.connectivity_restored(data_maintained=False)
    assert (await client.receive(wire.ErrorMessage)).errorCode == 1101
    await gateway.advance(10)
    with pytest.raises(TimeoutError):
        await client.receive(wire.TickByTickData, seconds=0.1)


async def test_executions_repeat_and_commissions_come_late_on_demand(
    start_gateway, raw, quotes_file
):
    gateway = await start_gateway(replay=[quotes_file])
    gateway.faults.repeat_executions(1)
    gateway.faults.delay_commissions(60)
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    client.send(
        wire.PlaceOrderRequest(
            orderId=1,
            contract=STOCK,
            order=wire.Order(
                action="BUY", totalQuantity=Decimal(100), orderType="MKT", transmit=True
            ),
        )
    )
    await client.receive(wire.OrderStatus)
    await gateway.advance(2)
    first = await client.receive(wire.ExecutionDetails)
    again = await client.receive(wire.ExecutionDetails)
    assert first == again
    with pytest.raises(TimeoutError):
        await client.receive(wire.CommissionAndFeesReport, seconds=0.1)
    await gateway.advance(61)
    report = await client.receive(wire.CommissionAndFeesReport)
    assert report.commissionAndFees == 1.0
    assert len(gateway.truth.executions) == 1


async def test_a_client_that_does_not_read_is_cut_off_and_counted(start_gateway, raw):
    gateway = await start_gateway(send_buffer_limit=200_000, pacing=False)
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    gateway.faults.stall()
    session = gateway.server.sessions[0]
    for _ in range(200):
        session.error(-1, 2104, "x" * 2000)
    assert gateway.server.overflows == 1
    await client.closed()


async def test_nonsense_gets_an_error_and_the_session_goes_on(start_gateway, raw):
    gateway = await start_gateway()
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    for payload in (b"\xff\xfe\x00\x01", b"999\0abc\0", b"", b"1\0x\0"):
        client.writer.write(len(payload).to_bytes(4, "big") + payload)
    client.send(wire.CurrentTimeRequest())
    await client.receive(wire.CurrentTime)


@pytest.mark.parametrize(
    "first_bytes",
    [b"GET / HTTP/1.1\r\n\r\n", b"API\0\xff\xff\xff\xff", b"API\0\x00\x00\x00\x03abc"],
)
async def test_strangers_are_hung_up_on(start_gateway, first_bytes):
    gateway = await start_gateway()
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(first_bytes)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    assert gateway.is_ready()


async def test_more_than_fifty_messages_a_second_get_error_100(start_gateway, raw):
    gateway = await start_gateway(speed=1.0)
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    for _ in range(200):
        client.send(wire.CurrentTimeRequest())
    found = set()
    for _ in range(6):
        try:
            found.add((await client.receive(wire.ErrorMessage, seconds=1)).errorCode)
        except (ConnectionResetError, TimeoutError):
            break
    assert 100 in found


async def test_identical_history_within_fifteen_seconds_is_a_pacing_violation(
    start_gateway, raw, bars_file
):
    gateway = await start_gateway(replay=[bars_file])
    await gateway.advance(120)
    client = await raw(gateway)
    await client.receive(wire.NextValidId)
    request = wire.HistoricalDataRequest(
        reqId=1,
        contract=wire.Contract(symbol="IBM", secType="STK", exchange="SMART", currency="USD"),
        barSizeSetting="1 min",
        duration="1 D",
        whatToShow="TRADES",
        useRTH=True,
        formatDate=1,
    )
    client.send(request)
    await client.receive(wire.HistoricalData)
    client.send(request)
    error = await client.receive(wire.ErrorMessage)
    assert (error.id, error.errorCode) == (1, 162)
    assert "pacing violation" in error.errorMsg


async def test_a_session_that_is_started_twice_keeps_its_client_id(start_gateway, raw):
    gateway = await start_gateway()
    client = await raw(gateway, client_id=7)
    await client.receive(wire.NextValidId)
    client.send(wire.StartApiRequest(clientId=8))
    error = await client.receive(wire.ErrorMessage)
    while error.errorCode != 322:
        error = await client.receive(wire.ErrorMessage)
    assert "as client 7" in error.errorMsg
    assert gateway.server.client(8) is None
    await client.close()
    async with asyncio.timeout(5):
        while gateway.server.sessions:  # noqa: ASYNC110 - the other end of a socket
            await asyncio.sleep(0.001)
    again = await raw(gateway, client_id=7)
    await again.receive(wire.NextValidId)
