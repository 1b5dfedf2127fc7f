"""The floor: the least that a Python program can do. It routes nothing and trusts every byte."""

from __future__ import annotations

import asyncio
import sys
from struct import Struct

from meter import Meter

PREFIX = Struct(">I")


def frame(*fields: object) -> bytes:
    """Return a text message."""
    payload = b"".join(str(field).encode() + b"\0" for field in fields)
    return PREFIX.pack(len(payload)) + payload


# symbol AAPL, STK, SMART, USD: the fields of a contract in reqMktData and reqTickByTickData
CONTRACT = (0, "AAPL", "STK", "", 0, "", "", "SMART", "NASDAQ", "USD", "", "")


class Floor(asyncio.Protocol):
    """Split the frames, convert the fields, call."""

    def __init__(self, kind: str, meter: Meter) -> None:
        self.kind, self.meter = kind, meter
        self.rest = b""
        self.is_ready = False
        self.bid = 0.0

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
                self.meter.tick(self.bid, 0)
        elif kind == b"9":
            if self.kind == "l1":
                self.transport.write(frame(1, 11, 10000, *CONTRACT, 0, "", 0, 0, ""))
            else:
                name = "BidAsk" if self.kind == "quotes" else "AllLast"
                self.transport.write(frame(97, 10000, *CONTRACT, name, 0, 0))
        elif not self.is_ready:
            self.is_ready = True
            self.transport.write(frame(71, 2, 1, ""))


async def main(kind: str, port: int, *, moments: bool) -> None:
    """Measure one run."""
    meter = Meter(keeps_moments=moments)
    done = asyncio.get_running_loop().create_future()
    meter.on_done = lambda: done.set_result(None)
    transport, _ = await asyncio.get_running_loop().create_connection(
        lambda: Floor(kind, meter), "127.0.0.1", port
    )
    await done
    transport.close()
    meter.report()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), moments=sys.argv[3] == "1"))
