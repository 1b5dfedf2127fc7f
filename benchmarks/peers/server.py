"""The neutral server: one process that every contestant of every row is driven by.

Everything beside the measured traffic (contracts, accounts, the handshake) is answered by the
simulated gateway. Measured ticks are encoded before the clock starts and written as they are, bars
are slices of prepared bytes, so the server costs all contestants alike. There are two ports: one
speaks text only, the other the newest dialect that its client knows.

It is told what to serve in lines of JSON on its standard input, and says when it has sent what. The
monotonic clock is one for all processes: moments of sending and of arrival can be joined.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from bars import LAST_MINUTE, Bars
from fills import answered
from meter import LAST_PRICE

from posei_ib_sim import wire
from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_ib_sim.server.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTLE_S: Final = 0.5  # whatever the contestant still does after it has asked
_TEXT_VERSION: Final = 200


class Script:
    """Answers the measured requests of one run.

    Args:
        kind: What is measured: quotes, trades, l1, start, orders or history.
        count: How many ticks, or level-one updates.
        rate: Ticks a second; 0 sends all at once.
    """

    def __init__(self, server: Server, kind: str, count: int, rate: int) -> None:
        self.kind, self.count, self.rate = kind, count, rate
        self.sent_ns: list[int] = []
        self._server = server
        self._tasks: set[asyncio.Task[None]] = set()
        self._served = False

    @property
    def handlers(self) -> dict[type[wire.ClientMessage], object]:
        """What is taken over from the gateway."""
        return {
            "quotes": {wire.TickByTickRequest: self._stream},
            "trades": {wire.TickByTickRequest: self._stream},
            "start": {wire.TickByTickRequest: self._stream},
            "l1": {wire.MarketDataRequest: self._stream},
            "orders": {},
            "history": {wire.HistoricalDataRequest: self._bars},
        }[self.kind]

    def _stream(self, session: Session, request: wire.MarketDataRequest) -> None:
        if self._served:
            return
        self._served = True
        frames = self._server.frames(self, session.version, request.reqId or 0)
        self._tasks.add(asyncio.create_task(self._send(session, frames)))

    def messages(self, req_id: int) -> Iterator[wire.ServerMessage]:
        """Return the ticks of this run."""
        for number in range(self.count):
            is_last = number == self.count - 1
            bid = LAST_PRICE if is_last else 100 + (number % 997) / 100
            if self.kind in {"quotes", "start"}:
                quote = wire.HistoricalTickBidAsk(
                    time=LAST_MINUTE * 60 + number // 50,
                    priceBid=bid,
                    priceAsk=bid + 0.01,
                    sizeBid=Decimal(number + 1),
                    sizeAsk=Decimal(number % 90 + 1),
                )
                yield wire.TickByTickData(reqId=req_id, tickType=3, historicalTickBidAsk=quote)
            elif self.kind == "trades":
                trade = wire.HistoricalTickLast(
                    time=LAST_MINUTE * 60 + number // 50,
                    price=bid,
                    size=Decimal(number % 90 + 1),
                    exchange="NASDAQ",
                )
                yield wire.TickByTickData(reqId=req_id, tickType=2, historicalTickLast=trade)
            else:
                sizes = Decimal(number % 90 + 1), Decimal(number % 70 + 1)
                for tick, size, price in ((1, sizes[0], bid), (2, sizes[1], bid + 0.01)):
                    yield wire.TickPrice(
                        reqId=req_id, tickType=tick, price=price, size=size, attrMask=1
                    )
                    yield wire.TickSize(reqId=req_id, tickType=0 if tick == 1 else 3, size=size)

    async def _send(self, session: Session, frames: list[bytes]) -> None:
        write = session._transport.write  # noqa: SLF001 - past the gateway's own buffering
        if self.kind != "start":
            await asyncio.sleep(_SETTLE_S)
        if not self.rate:
            whole = b"".join(frames)
            self.sent_ns = [time.monotonic_ns()]
            write(whole)
            return
        step = 1_000_000_000 // self.rate
        start = time.monotonic_ns()
        for number, frame in enumerate(frames):
            due = start + number * step
            while (left := due - time.monotonic_ns()) > 0:  # noqa: ASYNC110 - a schedule
                await asyncio.sleep(left / 2e9 if left > 200_000 else 0)
            self.sent_ns.append(time.monotonic_ns())
            write(frame)

    def _bars(self, session: Session, request: wire.HistoricalDataRequest) -> None:
        session._transport.write(  # noqa: SLF001 - as above
            self._server.bars.answer(session.version, request)
        )


class Server:
    """Two gateways, what they are made to answer, and what is prepared for it."""

    def __init__(self, *gateways: SimulatedIBGateway) -> None:
        self.bars = Bars()
        self.account = next(iter(gateways[0].server.simulation.accounts.accounts))
        self._tables = [one.server._routes._table for one in gateways]  # noqa: SLF001 - no other use
        self._own = [dict(table) for table in self._tables]
        self._frames: dict[tuple[object, ...], list[bytes]] = {}
        self._script: Script | None = None
        decode = Session._decode  # noqa: SLF001 - an order's every term need not be read

        def decode_others(session: Session, codec: wire.Codec, payload: bytes) -> None:
            if not (self._answers_orders() and answered(session, payload, self.account)):
                decode(session, codec, payload)

        Session._decode = decode_others  # noqa: SLF001 - as above

    def _answers_orders(self) -> bool:
        return self._script is not None and self._script.kind == "orders"

    def begin(self, kind: str, count: int, rate: int) -> None:
        """Take the measured requests over from the gateways."""
        self._script = Script(self, kind, count, rate)
        for table, own in zip(self._tables, self._own, strict=True):
            table.update(own)
            table.update(self._script.handlers)
        gc.collect()

    def end(self) -> list[int]:
        """Return when the last run's ticks were sent."""
        return self._script.sent_ns if self._script else []

    def frames(self, script: Script, version: int, req_id: int) -> list[bytes]:
        """Return the frames of a run's ticks: encoded once for all rounds."""
        key = (script.kind, script.count, version, req_id)
        if key not in self._frames:
            codec = wire.Codec(version)
            self._frames[key] = [codec.encode(one) for one in script.messages(req_id)]
        return self._frames[key]


def _gateway(version: int | None) -> SimulatedIBGateway:
    return SimulatedIBGateway(
        SimulatedIBGatewayConfig(
            port=0,
            speed=1.0,
            start="2024-03-05T15:00:00Z",
            pacing=False,
            fill_on="standing_quote",
            server_version=version,
        )
    )


async def serve() -> None:
    """Serve what is asked for until the standard input ends."""
    loop = asyncio.get_running_loop()
    async with _gateway(_TEXT_VERSION) as text, _gateway(None) as newest:
        server = Server(text, newest)
        gc.freeze()
        gc.disable()  # no pause of the server's falls into a measurement
        print(json.dumps({"text": text.port, "newest": newest.port}), flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            wanted = json.loads(line)
            if wanted is None:
                print(json.dumps(server.end()), flush=True)
            else:
                server.begin(**wanted)
                print("true", flush=True)


if __name__ == "__main__":
    asyncio.run(serve())
