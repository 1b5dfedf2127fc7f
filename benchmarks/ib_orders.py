"""One order after another: from the call until it is acknowledged, and until its fill is known.

    python benchmarks/ib_orders.py [--orders 400] [--rounds 5] [--only floor|node|text] [--no-store]

A server process of its own answers every order at once: `openOrder` and `orderStatus`, then the
execution, its commission and the last status. Everything else it passes on to a simulated gateway.
Each contestant runs in a fresh process and in interleaved rounds. "floor" is an asyncio protocol
that writes prepared frames, splits what comes and converts it: the least that Python can do. "node"
is a whole trading node: a strategy submits, risk checks, the durable store keeps, and the
strategy's own callbacks note the times; "text" is the same node, to which the server speaks text,
as gateways before server version 203 do. Reported are microseconds, p50 and p99, medians of the
rounds, the process's CPU time an order, and the ratios to the floor.

To measure another program against the same server: ``python benchmarks/ib_orders.py --serve 7497``
and connect it; it must speak protobuf orders (server version 203 or later).
"""

# ruff: noqa: PLC0415 - a contestant imports only what it needs

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from struct import Struct

CONTESTANTS = ("floor", "node", "text")
TEXT_VERSION = 178
PREFIX = Struct(">I")
HEADER = Struct(">II")
PLACE_ORDER = 203
OPEN_ORDER, ORDER_STATUS, EXECUTION, COMMISSION = 205, 203, 211, 259
PLACE_ORDER_TEXT = b"3\0"
EXECUTION_ID = b"the execution"
WARM_UP = 20
# IB allows 50 messages a second, and a node keeps to it: a faster benchmark would measure that.
PAUSE = 0.022


# --- the server ---


def frame(number: int, message) -> bytes:
    body = message.SerializeToString()
    return HEADER.pack(len(body) + 4, number) + body


class Answers:
    """What the server says of an order."""

    server_version = None  # the newest that the client speaks

    def __init__(self) -> None:
        from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
        from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
        from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
        from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
        from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

        self.request = PlaceOrderRequest()
        self.open_order, self.status = OpenOrder(), OrderStatus()
        self.details, self.cost = ExecutionDetails(), CommissionAndFeesReport()
        self.count = 0

    def is_order(self, data: bytes) -> bool:
        """Return whether a frame is an order."""
        return HEADER.unpack_from(data)[1] == PLACE_ORDER

    def to(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the acknowledgement, and the fill."""
        self.count += 1
        body = data[HEADER.size :]
        request, count = self.request, self.count
        request.ParseFromString(body)
        order, contract = request.order, request.contract
        perm_id, size = 700_000_000 + count, order.totalQuantity
        opened, status = self.open_order, self.status
        opened.orderId = status.orderId = request.orderId
        opened.contract.CopyFrom(contract)
        opened.order.CopyFrom(order)
        opened.order.permId = status.permId = perm_id
        opened.orderState.status = status.status = "Submitted"
        status.filled, status.remaining = "0", size
        status.clientId = order.clientId
        acknowledged = frame(OPEN_ORDER, opened) + frame(ORDER_STATUS, status)
        status.status, status.filled, status.remaining = "Filled", size, "0"
        status.avgFillPrice = status.lastFillPrice = 187.25
        details, cost = self.details, self.cost
        details.reqId = -1
        details.contract.CopyFrom(contract)
        execution = details.execution
        execution.orderId, execution.permId = request.orderId, perm_id
        execution.execId = cost.execId = f"0000e0d5.{count:08x}.01.01"
        execution.time = "20240305 15:00:00 UTC"
        execution.acctNumber, execution.exchange = order.account, "NASDAQ"
        execution.side, execution.shares, execution.price = "BOT", size, 187.25
        execution.clientId, execution.orderRef = order.clientId, order.orderRef
        execution.cumQty, execution.avgPrice, execution.lastLiquidity = size, 187.25, 2
        cost.commissionAndFees, cost.currency = 1.0, "USD"
        filled = frame(EXECUTION, details) + frame(COMMISSION, cost) + frame(ORDER_STATUS, status)
        return acknowledged, filled


class TextAnswers:
    """The same as text, by replacing what differs in the frames for the first order."""

    server_version = TEXT_VERSION

    def __init__(self) -> None:
        self.count = 0
        self.frames: list[list[bytes]] = []
        self.first = b"", b"", b""
        self.ref_at = 0

    def is_order(self, data: bytes) -> bool:
        """Return whether a frame is an order."""
        return data.startswith(PLACE_ORDER_TEXT, PREFIX.size)

    def to(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the acknowledgement, and the fill."""
        self.count += 1
        fields = data[PREFIX.size :].split(b"\0")
        if not self.frames:
            self.frames = self.frames_of(data)
            self.ref_at = fields.index(self.first[2])
        own = fields[1], b"%d" % (700_000_000 + self.count), fields[self.ref_at]
        acknowledged, filled = (
            b"".join(self.framed(payload, own) for payload in part) for part in self.frames
        )
        return acknowledged, filled

    def framed(self, payload: bytes, own: tuple[bytes, bytes, bytes]) -> bytes:
        for before, now in zip(self.first, own, strict=True):
            payload = payload.replace(b"\0" + before + b"\0", b"\0" + now + b"\0")
        payload = payload.replace(EXECUTION_ID, b"0000e0d5.%08x.01.01" % self.count)
        return PREFIX.pack(len(payload)) + payload

    def frames_of(self, data: bytes) -> list[list[bytes]]:
        """Return the payloads of the acknowledgement, and of the fill."""
        from msgspec.structs import replace

        from posei_ib_sim import wire

        messages, codec = wire.messages, wire.Codec(TEXT_VERSION)
        request = codec.decode(data[PREFIX.size :])
        order = replace(request.order, permId=700_000_000, clientId=1)
        order_id = 987_654_321  # a number that no other field has
        ids = {"orderId": order_id, "permId": order.permId, "clientId": 1}
        self.first = b"%d" % order_id, b"%d" % order.permId, order.orderRef.encode()
        size, nothing, price = order.totalQuantity, 0 * order.totalQuantity, 187.25
        execution = messages.Execution(
            **ids,
            execId=EXECUTION_ID.decode(),
            time="20240305 15:00:00 UTC",
            acctNumber=order.account,
            exchange="NASDAQ",
            side="BOT",
            shares=size,
            price=price,
            orderRef=order.orderRef,
            cumQty=size,
            avgPrice=price,
            lastLiquidity=2,
        )
        state = messages.OrderState(status="Submitted")
        acknowledged = (
            messages.OpenOrder(
                orderId=order_id, contract=request.contract, order=order, orderState=state
            ),
            messages.OrderStatus(**ids, status="Submitted", filled=nothing, remaining=size),
        )
        filled = (
            messages.ExecutionDetails(reqId=-1, contract=request.contract, execution=execution),
            messages.CommissionAndFeesReport(
                execId=execution.execId, commissionAndFees=1.0, currency="USD"
            ),
            messages.OrderStatus(
                **ids,
                status="Filled",
                filled=size,
                remaining=nothing,
                avgFillPrice=price,
                lastFillPrice=price,
            ),
        )
        return [
            [codec.encode(one)[PREFIX.size :] for one in part] for part in (acknowledged, filled)
        ]


class Front(asyncio.Protocol):
    """Answers orders itself and passes everything else on."""

    def __init__(self, gateway_port: int, answers: Answers | TextAnswers) -> None:
        self.gateway_port = gateway_port
        self.answers = answers
        self.buffer = bytearray()
        self.greeted = False
        self.upstream = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.loop = asyncio.get_running_loop()
        self.waiting = []
        self.task = self.loop.create_task(self.connect())

    async def connect(self) -> None:
        front = self

        class Back(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                front.transport.write(data)

            def connection_lost(self, _error: Exception | None) -> None:
                front.transport.close()

        self.upstream, _ = await self.loop.create_connection(Back, "127.0.0.1", self.gateway_port)
        for data in self.waiting:
            self.upstream.write(data)

    def connection_lost(self, _error: Exception | None) -> None:
        if self.upstream is not None:
            self.upstream.close()

    def pass_on(self, data: bytes) -> None:
        if self.upstream is None:
            self.waiting.append(data)
        else:
            self.upstream.write(data)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        buffer = self.buffer
        if not self.greeted and len(buffer) >= 4:
            self.pass_on(bytes(buffer[:4]))
            del buffer[:4]
            self.greeted = True
        while len(buffer) >= 8:
            (size,) = PREFIX.unpack_from(buffer)
            if len(buffer) < size + 4:
                return
            data = bytes(buffer[: size + 4])
            del buffer[: size + 4]
            if self.answers.is_order(data):
                acknowledged, filled = self.answers.to(data)
                self.transport.write(acknowledged)
                self.loop.call_soon(self.transport.write, filled)
            else:
                self.pass_on(data)


async def serve(port: int, ready, answers: Answers | TextAnswers) -> None:
    from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

    config = SimulatedIBGatewayConfig(
        speed="step",
        start="2024-03-05T15:00:00Z",
        pacing=False,
        server_version=answers.server_version,
    )
    async with SimulatedIBGateway(config) as gateway:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Front(gateway.port, answers), "127.0.0.1", port)
        ready(server.sockets[0].getsockname()[1])
        await server.serve_forever()


def server_process(name: str, pipe) -> None:
    asyncio.run(serve(0, pipe.send, TextAnswers() if name == "text" else Answers()))


# --- the floor ---


class Floor(asyncio.Protocol):
    """Writes prepared orders, splits what comes, converts it and notes the times."""

    def __init__(self, orders: int) -> None:
        from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
        from ibapi.protobuf.OrderStatus_pb2 import OrderStatus

        self.status, self.details = OrderStatus(), ExecutionDetails()
        self.frames = [prepared(number + 1) for number in range(orders + WARM_UP)]
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.acknowledged: list[float] = []
        self.filled: list[float] = []
        self.spent: list[float] = []
        self.number = -1
        self.is_waiting = False

    def connection_made(self, transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        buffer, at = self.buffer, 0
        while len(buffer) - at >= 8:
            size, number = HEADER.unpack_from(buffer, at)
            if len(buffer) - at < size + 4:
                break
            self.message(number, buffer[at + 8 : at + 4 + size])
            at += size + 4
        self.buffer = buffer[at:]

    def message(self, number: int, body: bytes) -> None:
        if number == ORDER_STATUS:
            self.status.ParseFromString(body)
            if self.status.status == "Submitted":
                self.acknowledged.append(time.perf_counter() - self.begun)
            elif self.status.status == "Filled":
                asyncio.get_running_loop().call_later(PAUSE, self.next)
        elif number == EXECUTION:
            self.details.ParseFromString(body)
            if float(self.details.execution.shares) > 0:
                self.filled.append(time.perf_counter() - self.begun)

    def next(self) -> None:
        self.number += 1
        if self.number == len(self.frames):
            self.done.set_result(None)
            return
        self.spent.append(time.process_time())
        self.begun = time.perf_counter()
        self.transport.write(self.frames[self.number])


def prepared(order_id: int) -> bytes:
    from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

    request = PlaceOrderRequest()
    request.orderId = order_id
    request.contract.conId, request.contract.symbol = 265598, "AAPL"
    request.contract.secType, request.contract.exchange = "STK", "SMART"
    request.contract.currency = "USD"
    order = request.order
    order.clientId, order.action, order.orderType, order.tif = 1, "BUY", "MKT", "GTC"
    order.totalQuantity, order.account = "100", "DU123456"
    order.orderRef, order.transmit = f"O-20240305-150000-0000-001-001-{order_id}", True
    return frame(PLACE_ORDER, request)


async def floor(port: int, orders: int) -> tuple[list[float], ...]:
    loop = asyncio.get_running_loop()
    protocol = Floor(orders)
    transport, _ = await loop.create_connection(lambda: protocol, "127.0.0.1", port)
    hello = b"v157..221"
    transport.write(b"API\0" + PREFIX.pack(len(hello)) + hello)
    await asyncio.sleep(0.2)
    protocol.buffer = b""
    protocol.next()
    await protocol.done
    transport.close()
    return protocol.acknowledged, protocol.filled, protocol.spent


# --- a whole node ---


def node(port: int, orders: int, store: Path | None) -> tuple[list[float], ...]:
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersExecClientConfig,
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.factories import (
        InteractiveBrokersLiveExecClientFactory,
    )
    from posei_trader.config import (
        LiveExecEngineConfig,
        LiveRiskEngineConfig,
        LoggingConfig,
        RoutingConfig,
        TradingNodeConfig,
    )
    from posei_trader.live.node import TradingNode
    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.values import Quantity
    from posei_trader.trading.strategy import Strategy

    acknowledged: list[float] = []
    filled: list[float] = []
    spent: list[float] = []

    class Clicker(Strategy):
        left = orders + WARM_UP

        def on_start(self) -> None:
            self.click()

        def click(self) -> None:
            if not self.left:
                made.stop()
                return
            self.left -= 1
            spent.append(time.process_time())
            self.begun = time.perf_counter()
            self.submit_order(
                self.order_factory.market(
                    InstrumentId("AAPL.NASDAQ"), OrderSide.BUY, Quantity("100")
                )
            )

        def on_order_accepted(self, _event) -> None:
            acknowledged.append(time.perf_counter() - self.begun)

        def on_order_filled(self, _event) -> None:
            filled.append(time.perf_counter() - self.begun)

        def on_order_fill_amended(self, _event) -> None:
            # The commission has come too: nothing of this order is on its way any more.
            asyncio.get_running_loop().call_later(PAUSE, self.click)

    config = TradingNodeConfig(
        logging=LoggingConfig(log_level="ERROR"),
        exec_clients={
            "IB": InteractiveBrokersExecClientConfig(
                ibg_port=port,
                instrument_provider=InteractiveBrokersInstrumentProviderConfig(
                    load_ids=frozenset({"AAPL.NASDAQ"})
                ),
                routing=RoutingConfig(default=True),
            )
        },
        exec_engine=LiveExecEngineConfig(store_path=store),
        risk_engine=LiveRiskEngineConfig(max_orders_per_second=1_000_000),
    )
    made = TradingNode(config=config)
    made.add_exec_client_factory("IB", InteractiveBrokersLiveExecClientFactory)
    made.build()
    made.trader.add_strategy(Clicker())
    try:
        made.run()
    finally:
        made.dispose()
    return acknowledged, filled, spent


# --- all together ---


def percentiles(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds[WARM_UP:])
    return ordered[len(ordered) // 2] * 1e6, ordered[int(len(ordered) * 0.99)] * 1e6


def cpu_per_order(begun: list[float]) -> float:
    """Return microseconds of this process an order, pauses included: what load does not change."""
    return (begun[-1] - begun[WARM_UP]) / (len(begun) - 1 - WARM_UP) * 1e6


def contest(name: str, port: int, orders: int, *, with_store: bool) -> None:
    if name == "floor":
        times = asyncio.run(floor(port, orders))
    else:
        with tempfile.TemporaryDirectory() as folder:
            times = node(port, orders, Path(folder) / "orders.db" if with_store else None)
    *times, spent = times
    assert all(len(one) == orders + WARM_UP for one in times), [len(one) for one in times]
    print(json.dumps([*(percentiles(one) for one in times), (cpu_per_order(spent), 0)]))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--orders", type=int, default=400)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", choices=CONTESTANTS)
    options.add_argument("--no-store", action="store_true")
    options.add_argument("--serve", type=int, metavar="PORT")
    options.add_argument("--contest", nargs=2, metavar=("NAME", "PORT"))
    given = options.parse_args()
    if given.serve is not None:
        asyncio.run(
            serve(given.serve, lambda port: print(f"listens on {port}", flush=True), Answers())
        )
        return
    if given.contest:
        name, port = given.contest
        contest(name, int(port), given.orders, with_store=not given.no_store)
        return
    names = [given.only] if given.only else CONTESTANTS
    found: dict[str, list] = {name: [] for name in names}
    for _ in range(given.rounds):
        for name in names:
            here, there = multiprocessing.Pipe()
            server = multiprocessing.Process(target=server_process, args=(name, there), daemon=True)
            server.start()
            port = str(here.recv())
            command = [sys.executable, __file__, "--contest", name, port]
            command += ["--orders", str(given.orders)]
            command += ["--no-store"] if given.no_store else []
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[name].append(json.loads(output.strip().splitlines()[-1]))
            server.terminate()
            server.join()
    base = None
    head = f"{'':<8}{'acknowledged p50':>18}{'p99':>8}{'fill known p50':>18}{'p99':>8}{'CPU':>8}"
    print(head)
    for name, rounds in found.items():
        row = [statistics.median(one[i][j] for one in rounds) for i in (0, 1) for j in (0, 1)]
        row.append(statistics.median(one[2][0] for one in rounds))
        base = base or row
        ratios = (
            ""
            if row is base
            else "   x floor: "
            + " ".join(f"{mine / least:.2f}" for mine, least in zip(row, base, strict=True))
        )
        print(
            f"{name:<8}{row[0]:>18.0f}{row[1]:>8.0f}{row[2]:>18.0f}{row[3]:>8.0f}{row[4]:>8.0f}{ratios}"
        )


if __name__ == "__main__":
    main()
