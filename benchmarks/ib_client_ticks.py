"""Ticks from a socket to a callback, and to a strategy: ours against the least Python can do.

    python benchmarks/ib_client_ticks.py [--ticks 100000] [--rounds 5] [--only floor|client] ...

A server process of its own sends one prepared burst over loopback. Each contestant runs in a fresh
process and in interleaved rounds. "floor" is an asyncio protocol that splits the frames, converts
the fields and calls a function; it routes nothing, knows no versions and would crash on a bad byte.
"client" ends at a handler of the client; "strategy" goes the whole way, over the data client's
stream, the data engine and its cache to `on_quote_tick` of an actor, and "trades" the same with
trades; "uvloop" is "strategy" on the loop that a node takes where it is installed, "x10" and "x100"
are "strategy" with the same ticks spread over so many subscriptions. "l1" sends level-one prices
instead, "l1-strategy" whole updates of four messages (reported are updates), "protobuf" and
"protobuf-strategy" the same quotes as protobuf. Reported are medians: ticks a second, CPU
microseconds a tick in the receiving process, and their ratios to the floor, the CPU's being the one
that holds on a machine that does other work too. Every contestant checks that nothing was lost.
"""

# ruff: noqa: PLC0415 - a contestant imports only what it needs

from __future__ import annotations

import argparse
import asyncio
import json
import math
import multiprocessing
import statistics
import subprocess
import sys
import time
from struct import Struct

CONTESTANTS = (
    "floor",
    "client",
    "strategy",
    "uvloop",
    "x10",
    "x100",
    "trades",
    "l1",
    "l1-strategy",
    "protobuf",
    "protobuf-strategy",
)
PREFIX = Struct(">I")
SUBSCRIPTIONS = {"x10": 10, "x100": 100}


def text_frame(*fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return PREFIX.pack(len(payload)) + payload


# --- the server ---


def tick(kind: str, number: int, ids: list[str]) -> bytes:
    req_id = ids[number % len(ids)]
    # All streams together have as many prices as one alone.
    price = 1.08 + (number // len(ids)) % (997 // len(ids)) / 100_000
    time_s = 1_700_000_000 + number // 50
    sizes = f"{(number * 7) % 90 + 1}00000", f"{(number * 11) % 90 + 1}00000"
    if kind == "trades":
        return text_frame(99, req_id, 2, time_s, f"{price:.5f}", sizes[0], 0, "CME", "")
    if kind == "l1-strategy":
        return b"".join(
            text_frame(1, 6, req_id, side, f"{price + 0.00002 * side:.5f}", sizes[side - 1], 1)
            + text_frame(2, 6, req_id, 3 * (side - 1), sizes[side - 1])
            for side in (1, 2)
        )
    if kind == "l1":
        return text_frame(1, 6, req_id, 1 + number % 2, f"{price:.5f}", sizes[0], 1)
    if kind.startswith("protobuf"):
        from ibapi.protobuf.HistoricalTickBidAsk_pb2 import HistoricalTickBidAsk
        from ibapi.protobuf.TickByTickData_pb2 import TickByTickData

        quote = HistoricalTickBidAsk(
            time=time_s,
            priceBid=round(price, 5),
            priceAsk=round(price + 0.00002, 5),
            sizeBid=sizes[0],
            sizeAsk=sizes[1],
        )
        body = TickByTickData(reqId=int(req_id), tickType=3, historicalTickBidAsk=quote)
        payload = PREFIX.pack(299) + body.SerializeToString()
        return PREFIX.pack(len(payload)) + payload
    return text_frame(99, req_id, 3, time_s, f"{price:.5f}", f"{price + 0.00002:.5f}", *sizes, 0)


def serve(port_sender, kind: str, ticks: int) -> None:  # noqa: C901  one conversation
    """Serve one client: handshake, its subscriptions, one burst."""

    async def read(reader: asyncio.StreamReader) -> bytes:
        return await reader.readexactly(PREFIX.unpack(await reader.readexactly(4))[0])

    async def asked(reader: asyncio.StreamReader, *, is_binary: bool) -> str:
        """Return under which id the client subscribes; other requests are not answered."""
        while True:
            request = await read(reader)
            if is_binary:
                if PREFIX.unpack_from(request)[0] in {201, 297}:
                    return "10000"
                continue
            fields = request.split(b"\0")
            if fields[0] in {b"1", b"97"}:
                return fields[1 if fields[0] == b"97" else 2].decode()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        await read(reader)
        is_binary = kind.startswith("protobuf")
        writer.write(text_frame(225 if is_binary else 178, "20240102 10:00:00 UTC"))
        await read(reader)
        if is_binary:
            for number, body in ((215, b"\x0a\x03DU1"), (209, b"\x08\x01")):
                payload = PREFIX.pack(number) + body
                writer.write(PREFIX.pack(len(payload)) + payload)
        else:
            writer.write(text_frame(15, 1, "DU1") + text_frame(9, 1, 1))
        ids = [await asked(reader, is_binary=is_binary) for _ in range(SUBSCRIPTIONS.get(kind, 1))]
        burst = b"".join(tick(kind, number, ids) for number in range(ticks))
        await asyncio.sleep(0.05)
        writer.write(burst)
        await writer.drain()
        await reader.read()
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        port_sender.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


# --- the contestants ---


class Meter:
    """Counts ticks and remembers when the first and the last came."""

    def __init__(self, ticks: int) -> None:
        self.ticks, self.count = ticks, 0
        self.done = asyncio.get_running_loop().create_future()
        self.began = self.cpu = 0.0

    def quote(self, _time, _bid, _ask, _bid_size, _ask_size, _mask) -> None:
        self.one()

    def tick_price(self, _kind, _price, _size, _attributes) -> None:
        self.one()

    def one(self) -> None:
        if not self.count:
            self.began, self.cpu = time.perf_counter(), time.process_time()
        self.count += 1
        if self.count == self.ticks:
            self.done.set_result((time.perf_counter() - self.began, time.process_time() - self.cpu))

    def stream_failed(self, error) -> None:
        self.done.set_exception(error)

    def stream_restarted(self, reason) -> None:
        pass


class Floor(asyncio.Protocol):
    """The least: split, convert, call."""

    def __init__(self, call) -> None:
        self.rest = b""
        self.call = call
        self.is_ready = False

    def connection_made(self, transport) -> None:
        self.transport = transport
        transport.write(b"API\0" + PREFIX.pack(9) + b"v157..178")

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        position, size = 0, len(data)
        while size - position >= 4:
            stop = position + 4 + PREFIX.unpack_from(data, position)[0]
            if stop > size:
                break
            fields = data[position + 4 : stop].split(b"\0")
            if fields[0] == b"99":
                self.call(
                    int(fields[3]),
                    float(fields[4]),
                    float(fields[5]),
                    float(fields[6]),
                    float(fields[7]),
                    int(fields[8]),
                )
            elif fields[0] == b"9":
                self.transport.write(text_frame(97, 10000))
            elif not self.is_ready:
                self.is_ready = True
                self.transport.write(text_frame(71, 2, 1, ""))
            position = stop
        self.rest = data[position:]


async def run_floor(port: int, ticks: int):
    meter = Meter(ticks)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_connection(lambda: Floor(meter.quote), "127.0.0.1", port)
    result = await meter.done
    transport.close()
    return result


async def run_client(kind: str, port: int, ticks: int):
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.messages import TickKind
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

    meter = Meter(ticks)
    client = InteractiveBrokersClient("127.0.0.1", port)
    await client.connect()
    contract = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")
    if kind == "l1":
        client.subscribe_market_data(contract, meter)
    else:
        client.subscribe_ticks(contract, TickKind.BID_ASK, meter)
    result = await meter.done
    health = client.health()
    assert health.streams[0].received == ticks
    assert (health.malformed, health.late, health.handler_errors) == (0, 0, 0)
    await client.disconnect()
    return result


async def run_strategy(kind: str, port: int, ticks: int):
    """Go the whole way: what a node does with each tick, down to the callback of an actor."""
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.data.live import LiveStreams
    from posei_trader.adapters.interactive_brokers.historical.downloads import HistoryDownloads
    from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.engine.bus import MessageBus
    from posei_trader.engine.cache import Cache
    from posei_trader.engine.clock import LiveClock
    from posei_trader.engine.context import DataContext
    from posei_trader.engine.data import DataEngine
    from posei_trader.model.currencies import Currency
    from posei_trader.model.enums import AssetClass
    from posei_trader.model.identifiers import ClientId, InstrumentId, Symbol, TraderId
    from posei_trader.model.instruments import CurrencyPair
    from posei_trader.model.requests import DataKind, Subscription
    from posei_trader.model.values import Price
    from posei_trader.trading.actor import Actor

    # Of the first update, the bid alone is no quote yet.
    meter = Meter(2 * ticks - 1 if kind == "l1-strategy" else ticks)

    class Strategy(Actor):
        def on_quote_tick(self, _tick) -> None:
            meter.one()

        def on_trade_tick(self, _tick) -> None:
            meter.one()

    def instrument(number: int) -> CurrencyPair:
        return CurrencyPair(
            id=InstrumentId(f"EUR/USD{number}.IDEALPRO"),
            raw_symbol=Symbol("EUR.USD"),
            asset_class=AssetClass.FX,
            quote_currency=Currency.of("USD"),
            base_currency=Currency.of("EUR"),
            price_precision=5,
            price_increment=Price("0.00005"),
        )

    clock, bus, cache = LiveClock(), MessageBus(), Cache()
    engine = DataEngine(bus, cache, clock)
    context = DataContext(
        client_id=ClientId("IB"),
        trader_id=TraderId("T-1"),
        clock=clock,
        cache=cache,
        sink=engine,
    )
    count = SUBSCRIPTIONS.get(kind, 1)
    client = InteractiveBrokersClient(
        "127.0.0.1", port, limits=PacingLimits(messages_per_second=1_000, tick_by_tick=count)
    )
    config = InteractiveBrokersDataClientConfig(ibg_port=port, batch_quotes=kind == "l1-strategy")
    streams = LiveStreams(client, HistoryDownloads(client, clock), config, context)
    strategy = Strategy()
    await client.connect()
    what = DataKind.TRADE_TICKS if kind == "trades" else DataKind.QUOTE_TICKS
    for number in range(count):
        traded = instrument(number)
        bus.subscribe(f"data.quotes.{traded.id}", strategy.on_quote_tick)
        bus.subscribe(f"data.trades.{traded.id}", strategy.on_trade_tick)
        # A future's type, so that trades can be asked for too.
        contract = IBContract(
            secType="FUT", symbol="EUR", currency="USD", exchange="CME", conId=number + 1
        )
        streams.open(Subscription(what, traded.id), Traded(traded, contract))
    result = await meter.done
    health = client.health()
    assert (health.malformed, health.late, health.handler_errors) == (0, 0, 0)
    assert (engine.intake.conflated, engine.intake.dropped) == (0, 0)
    await streams.close_all()
    await client.disconnect()
    return result


def contest(name: str, port: int, ticks: int) -> None:
    """Run one contestant in this process and print its result."""
    if name == "floor":
        seconds, cpu = asyncio.run(run_floor(port, ticks))
    elif name == "uvloop":
        import uvloop

        seconds, cpu = uvloop.run(run_strategy(name, port, ticks))
    elif name == "trades" or name.endswith("strategy") or name in SUBSCRIPTIONS:
        seconds, cpu = asyncio.run(run_strategy(name, port, ticks))
    else:
        seconds, cpu = asyncio.run(run_client(name, port, ticks))
    print(json.dumps({"rate": ticks / seconds, "cpu_us": cpu / ticks * 1e6}))


def measured(name: str, ticks: int) -> dict[str, float]:
    """Start a server and a fresh process for one contestant."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.Process(target=serve, args=(sender, name, ticks), daemon=True)
    server.start()
    try:
        command = [sys.executable, __file__, "--contest", name, "--ticks", str(ticks)]
        done = subprocess.run(
            [*command, "--port", str(receiver.recv())], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)
    finally:
        server.terminate()
        server.join()


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ticks", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=CONTESTANTS, default=CONTESTANTS)
    parser.add_argument("--contest", choices=CONTESTANTS)
    parser.add_argument("--port", type=int)
    wanted = parser.parse_args()
    if wanted.contest:
        contest(wanted.contest, wanted.port, wanted.ticks)
        return
    results: dict[str, list[dict[str, float]]] = {name: [] for name in wanted.only}
    for _ in range(wanted.rounds):
        for name, found in results.items():
            found.append(measured(name, wanted.ticks))
    print(f"{wanted.ticks} ticks, medians of {wanted.rounds} rounds, nothing lost")
    print(f"{'':18} {'ticks/s':>10} {'of floor':>9} {'CPU us/tick':>12} {'of floor':>9}")
    floor: tuple[float, float] | None = None
    for name, found in results.items():
        rate = statistics.median(one["rate"] for one in found)
        cpu = statistics.median(one["cpu_us"] for one in found)
        if name == "floor":
            floor = rate, cpu
        of_rate, of_cpu = (rate / floor[0], floor[1] / cpu) if floor else (math.nan, math.nan)
        print(f"{name:18} {rate:10,.0f} {of_rate:9.0%} {cpu:12.2f} {of_cpu:9.0%}")


if __name__ == "__main__":
    main()
