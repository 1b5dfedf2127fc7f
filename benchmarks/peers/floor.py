"""The floor: the least that a Python program can do. It routes nothing and trusts every byte."""

from __future__ import annotations

import asyncio
import time
from struct import Struct

from meter import Meter, arguments, memory_mb, pause_s

PREFIX = Struct(">I")


def frame(*fields: object) -> bytes:
    """Return a text message."""
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return PREFIX.pack(len(payload)) + payload


# symbol AAPL, STK, SMART, USD: the fields of a contract in a request
CONTRACT = (0, "AAPL", "STK", "", 0, "", "", "SMART", "NASDAQ", "USD", "", "")
# What follows a contract in placeOrder: a market order for one share, all else as it comes.
ORDER_TEXT = """||BUY|1|MKT|||||||||0||0|0|||0|0|||||||||||||||0|||0|0||0||||||0|||||0|||||||||\
||0|||0|0|||0||0|0|0|0||||||||||||||||0|0|0||||0||"""
ORDER = ORDER_TEXT.split("|")


class Bar:
    """A bar, converted."""

    __slots__ = ("average", "close", "count", "high", "low", "open", "time", "volume")

    def __init__(self, fields: tuple[bytes, ...]) -> None:
        self.time = int(fields[0])
        self.open, self.high = float(fields[1]), float(fields[2])
        self.low, self.close = float(fields[3]), float(fields[4])
        self.volume, self.average = float(fields[5]), float(fields[6])
        self.count = int(fields[7])


class Floor(asyncio.Protocol):
    """Split the frames, convert the fields, call."""

    def __init__(self, kind: str, count: int, rate: int, meter: Meter) -> None:
        self.kind, self.left, self.rate, self.meter = kind, count, rate, meter
        self.rest = b""
        self.is_ready = False
        self.bid = 0.0
        self.began = 0
        self.order_id = 0
        self.is_acknowledged = True
        self.acknowledged: list[int] = []
        self.filled: list[int] = []
        self.bars: list[Bar] = []
        self.days = count // 1440 // 2
        self.ends = ["20240305-15:00:00", "20240130-15:00:00"]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello."""
        self.transport = transport
        transport.write(b"API\0" + PREFIX.pack(9) + b"v157..178")

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        data = self.rest + data
        position, size = 0, len(data)
        while size - position >= 4:
            stop = position + 4 + PREFIX.unpack_from(data, position)[0]
            if stop > size:
                break
            self.message(data[position + 4 : stop].split(b"\0"))
            position = stop
        self.rest = data[position:]

    def message(self, fields: list[bytes]) -> None:
        """Take a message."""
        kind = fields[0]
        if kind == b"99":
            if fields[2] == b"3":
                int(fields[3]), float(fields[5]), float(fields[7])
                self.meter.tick(float(fields[4]), int(float(fields[6])))
            else:
                int(fields[3]), float(fields[5])
                self.meter.tick(float(fields[4]), 0)
        elif kind == b"1":
            if fields[3] == b"1":
                self.bid = float(fields[4])
            float(fields[4]), float(fields[5])
        elif kind == b"2":
            float(fields[4])
            if fields[3] == b"3":
                self.meter.update(self.bid)
        else:
            self.other(fields)

    def other(self, fields: list[bytes]) -> None:
        """Take what is no tick."""
        kind = fields[0]
        if kind == b"3":
            self.status(fields)
        elif kind == b"11":
            self.execution(fields)
        elif kind == b"17":
            self.history(fields)
        elif kind == b"9":
            self.order_id = int(fields[2])
            self.ask()
        elif not self.is_ready:
            self.is_ready = True
            self.transport.write(frame(71, 2, 1, ""))

    def ask(self) -> None:
        """Ask for what is measured."""
        if self.kind == "l1":
            self.transport.write(frame(1, 11, 10000, *CONTRACT, 0, "", 0, 0, ""))
        elif self.kind == "orders":
            asyncio.get_running_loop().call_later(0.5, self.send)
        elif self.kind == "history":
            self.began = time.monotonic_ns()
            self.ask_bars()
        else:
            name = "AllLast" if self.kind == "trades" else "BidAsk"
            self.transport.write(frame(97, 10000, *CONTRACT, name, 0, 0))

    def send(self) -> None:
        """Send the next order."""
        self.left -= 1
        self.is_acknowledged = False
        self.began = time.monotonic_ns()
        self.transport.write(frame(3, self.order_id, 0, *CONTRACT[1:], *ORDER))
        self.order_id += 1

    def status(self, fields: list[bytes]) -> None:
        """Note when an order was acknowledged."""
        int(fields[1]), float(fields[3]), float(fields[4]), float(fields[5])
        if not self.is_acknowledged:
            self.is_acknowledged = True
            self.acknowledged.append(time.monotonic_ns() - self.began)

    def execution(self, fields: list[bytes]) -> None:
        """Note when the fill was known; go on."""
        int(fields[2]), float(fields[19]), float(fields[20])
        self.filled.append(time.monotonic_ns() - self.began)
        if self.left:
            asyncio.get_running_loop().call_later(pause_s(self.left, self.rate), self.send)
        else:
            self.meter.report(acknowledged=self.acknowledged, filled=self.filled)
            self.meter.on_done()

    def ask_bars(self) -> None:
        """Ask for the next half."""
        span = (0, self.ends.pop(), "1 min", f"{self.days} D", 0, "TRADES", 2, 0, "")
        self.transport.write(frame(20, 10000, *CONTRACT, *span))

    def history(self, fields: list[bytes]) -> None:
        """Convert an answer; go on."""
        columns = (fields[5 + number : -1 : 8] for number in range(8))
        self.bars += map(Bar, zip(*columns, strict=True))
        if self.ends:
            self.ask_bars()
            return
        seconds = (time.monotonic_ns() - self.began) / 1e9
        self.meter.report(bars=len(self.bars), objects_s=seconds, rss_mb=memory_mb())
        self.meter.on_done()


async def main(kind: str, port: int, count: int, rate: int) -> None:
    """Measure one run."""
    meter = Meter(keeps_moments=rate > 0)
    done = asyncio.get_running_loop().create_future()
    meter.on_done = lambda: done.set_result(None)
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: Floor(kind, count, rate, meter), "127.0.0.1", port
    )
    await done
    transport.close()
    if kind not in {"orders", "history"}:
        meter.report()


if __name__ == "__main__":
    kind, port, count, rate = arguments()
    asyncio.run(main(kind, port, count, rate))
