"""Bars from a socket to objects, to Arrow and to Parquet on disk; and how that grows.

    python benchmarks/ib_history.py [--bars 100000] [--rounds 5] [--growth]

A server process of its own sends one prepared answer of `reqHistoricalData` over loopback, as text
or as protobuf. Each contestant runs in a fresh process, in interleaved rounds: "objects" makes
`Bar`s, "arrow" the table of `request_bars(to="arrow")`, "parquet" stores that in a new catalog,
synced to disk. Measured from the request to the result; reported are medians, of the clock and of
the CPU time of the receiving process, which a busy machine disturbs less. "floor" reads the same
bytes, splits them and makes numbers of the prices. `--growth` runs 1,000 to 1,000,000 bars instead.
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
from struct import Struct

CONTESTANTS = ("floor", "objects", "arrow", "parquet")
PREFIX = Struct(">I")
START = 1_600_000_000
LONGEST = 100_000
"""Bars of one answer: IB's are shorter by far."""


def text_frame(*fields: object) -> bytes:
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return PREFIX.pack(len(payload)) + payload


def divided(count: int) -> tuple[int, int]:
    """Return how many answers bring so many bars, and how many each."""
    size = min(count, LONGEST)
    return count // size, size


# --- the server -----------------------------------------------------------------------------------


def rows(count: int, first: int = 0) -> list[tuple[object, ...]]:
    made = []
    for n in range(first, first + count):
        price = 170 + (n * 7919 % 1999) / 100
        made.append(
            (
                START + 60 * n,
                f"{price:.2f}",
                f"{price + 0.05:.2f}",
                f"{price - 0.07:.2f}",
                f"{price + 0.02:.2f}",
                n * 31 % 5000,
                f"{price:.3f}",
                n % 97,
            )
        )
    return made


def text_answer(count: int, req_id: str, first: int = 0) -> bytes:
    body = [field for row in rows(count, first) for field in row]
    return text_frame(17, req_id, "", "", count, *body)


def protobuf_answer(count: int, req_id: str) -> bytes:
    from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
    from ibapi.protobuf.HistoricalDataBar_pb2 import HistoricalDataBar
    from ibapi.protobuf.HistoricalDataEnd_pb2 import HistoricalDataEnd

    data = HistoricalData(reqId=int(req_id))
    for date, open_, high, low, close, volume, average, trades in rows(count):
        data.historicalDataBars.append(
            HistoricalDataBar(
                date=str(date),
                open=float(open_),
                high=float(high),
                low=float(low),
                close=float(close),
                volume=str(volume),
                WAP=str(average),
                barCount=trades,
            )
        )
    end = HistoricalDataEnd(
        reqId=int(req_id), startDateStr="20200913-12:26:40", endDateStr="20300101-00:00:00"
    )
    frames = b""
    for number, message in ((217, data), (308, end)):
        payload = PREFIX.pack(number) + message.SerializeToString()
        frames += PREFIX.pack(len(payload)) + payload
    return frames


def prepared(count: int, dialect: str) -> list[bytes]:
    """Return the answers in the order in which they are asked for: newest first."""
    parts, size = divided(count)
    if dialect == "protobuf":
        return [protobuf_answer(count, "10000")]
    return [text_answer(size, str(10_000 + n), (parts - 1 - n) * size) for n in range(parts)]


def serve(sender, count: int, dialect: str) -> None:
    is_binary = dialect == "protobuf"
    answers = prepared(count, dialect)

    async def read(reader: asyncio.StreamReader) -> bytes:
        return await reader.readexactly(PREFIX.unpack(await reader.readexactly(4))[0])

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        await read(reader)
        writer.write(text_frame(225 if is_binary else 178, "20240102 10:00:00 UTC"))
        await read(reader)
        if is_binary:
            for number, body in ((215, b"\x0a\x03DU1"), (209, b"\x08\x01")):
                payload = PREFIX.pack(number) + body
                writer.write(PREFIX.pack(len(payload)) + payload)
        else:
            writer.write(text_frame(15, 1, "DU1") + text_frame(9, 1, 1))
        left = iter(answers)
        try:
            while True:
                request = await read(reader)
                number = PREFIX.unpack_from(request)[0] - 200 if is_binary else request[:3]
                if number == b"49\0":
                    writer.write(text_frame(49, 1, int(time.time())))
                if number in {20, b"20\0"}:
                    writer.write(next(left))
                    await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
        sender.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


# --- the contestants ------------------------------------------------------------------------------


class FixedNames:
    """An instrument as far as history needs one."""

    price_precision, size_precision = 2, 0

    def __init__(self) -> None:
        from posei_trader.model.identifiers import InstrumentId

        self.id = InstrumentId("AAPL.NASDAQ")


async def fetch(kind: str, port: int, count: int, place: str) -> tuple[float, float]:
    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.client.clock import LoopClock
    from posei_trader.adapters.interactive_brokers.common import IBContract
    from posei_trader.adapters.interactive_brokers.historical.segmentation import Segment
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import TableDownloads
    from posei_trader.adapters.interactive_brokers.pacing import PacingLimits
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import BarSpecification, BarType
    from posei_trader.persistence.catalog import ParquetDataCatalog

    instrument = FixedNames()
    contract = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD")
    traded = Traded(instrument, contract)
    minutes = BarType(instrument.id, BarSpecification.from_str("1-MINUTE-LAST"))
    limits = PacingLimits(identical_s=0.0, burst=10_000)  # what is measured is not the waiting
    client = InteractiveBrokersClient("127.0.0.1", port, 1, limits=limits)
    await client.connect()
    downloads = TableDownloads(client, LoopClock())
    parts, size = divided(count)
    ends = [(START + 60 * size * (parts - n)) * 10**9 for n in range(parts)]
    plan = [Segment(end - 60 * size * 10**9, end, "1 D", end) for end in ends]
    downloads.plan = lambda *_: plan  # type: ignore[method-assign]
    span = (START * 10**9, (START + 60 * count) * 10**9)
    began, spent = time.perf_counter(), time.process_time()
    if kind == "objects":
        found = await downloads.bars(traded, minutes, *span, use_rth=False)
        rows_ = len(found)
    else:
        table = await downloads.bars_table(traded, minutes, *span, use_rth=False)
        rows_ = table.table.num_rows
        if kind == "parquet":
            rows_ = ParquetDataCatalog(place).write_data([table]).written
    taken = time.perf_counter() - began, time.process_time() - spent
    assert rows_ == count, f"{rows_} of {count} bars"
    await client.disconnect()
    return taken


async def floor(port: int) -> tuple[float, float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**26)
    writer.write(b"API\0" + PREFIX.pack(9) + b"v157..178" + text_frame("71", 2, 1, ""))
    await reader.readexactly(4)
    await reader.readuntil(b"UTC\0")
    began, spent = time.perf_counter(), time.process_time()
    writer.write(text_frame(20, 10000))
    while True:
        length = PREFIX.unpack(await reader.readexactly(4))[0]
        payload = await reader.readexactly(length)
        if length > 1000:
            break
    fields = payload.split(b"\0")
    columns = [fields[5 + n :: 8] for n in range(8)]
    for column in columns[1:5]:
        list(map(float, column))
    writer.close()
    return time.perf_counter() - began, time.process_time() - spent


def contestant(kind: str, port: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        work = floor(port) if kind == "floor" else fetch(kind, port, count, place)
        print(json.dumps(asyncio.run(work)))


# --- the race -------------------------------------------------------------------------------------


def race(
    count: int, rounds: int, dialect: str, kinds: tuple[str, ...]
) -> dict[tuple[str, str], float]:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = multiprocessing.Process(target=serve, args=(sender, count, dialect), daemon=True)
    server.start()
    port = receiver.recv()
    times: dict[str, list[list[float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            command = [sys.executable, __file__, "--contestant", kind, "--port", str(port)]
            command += ["--bars", str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{kind}: {done.stderr}")
            times[kind].append(json.loads(done.stdout.splitlines()[-1]))
    server.terminate()
    return {
        (kind, clock): statistics.median(one[place] for one in values)
        for kind, values in times.items()
        for place, clock in enumerate(("wall", "cpu"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--contestant", choices=CONTESTANTS)
    parser.add_argument("--port", type=int)
    asked = parser.parse_args()
    if asked.contestant:
        contestant(asked.contestant, asked.port, asked.bars)
        return
    if asked.growth:
        print("CPU microseconds a bar")
        print(f"{'bars':>10}" + "".join(f"{kind:>12}" for kind in CONTESTANTS[1:]))
        for count in (1_000, 10_000, 100_000, 1_000_000):
            found = race(count, asked.rounds, "text", CONTESTANTS[1:])
            cells = "".join(
                f"{1e6 * found[kind, 'cpu'] / count:>12.2f}" for kind in CONTESTANTS[1:]
            )
            print(f"{count:>10,}{cells}", flush=True)
        return
    print(f"{asked.bars:,} bars, seconds (median of {asked.rounds})")
    print(f"{'':14}" + "".join(f"{kind:>12}" for kind in CONTESTANTS))
    for dialect in ("text", "protobuf"):
        kinds = CONTESTANTS if dialect == "text" else CONTESTANTS[1:]
        found = race(asked.bars, asked.rounds, dialect, kinds)
        for clock in ("wall", "cpu"):
            cells = (
                f"{found[kind, clock]:>12.3f}" if kind in kinds else f"{'-':>12}"
                for kind in CONTESTANTS
            )
            print(f"{dialect + ' ' + clock:14}" + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
