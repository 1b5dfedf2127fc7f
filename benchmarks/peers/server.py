"""The neutral server: what every contestant is driven by, in a process of its own.

Everything beside the measured traffic (contracts, accounts, the handshake) is answered by the
simulated gateway. The measured ticks are encoded before the clock starts and written as they are;
bars are made once and cut. When it ends, it writes the moments of sending, so that whoever measures
latency can join them with the moments of arrival: the monotonic clock is one for all processes.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from posei_ib_sim import wire
from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.server.session import Session

LAST_PRICE: Final = 999.0
"""The bid, or the price, of the last tick: who has seen it has seen all."""

_EPOCH: Final = 1_709_650_800  # 2024-03-05 15:00 UTC
_UPDATES: Final = 4  # messages of one level-one update


class Script:
    """Answers the measured requests.

    Args:
        kind: What is measured: quotes, trades, l1 or history.
        count: How many ticks, or level-one updates.
        rate: Ticks a second; 0 sends all at once.
    """

    def __init__(self, kind: str, count: int, rate: int) -> None:
        self.kind, self.count, self.rate = kind, count, rate
        self.sent_ns: list[int] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._served = False

    def install(self, gateway: SimulatedIBGateway) -> None:
        """Take the measured requests over from the gateway."""
        table = gateway.server._routes._table  # noqa: SLF001 - the server has no other use for it
        if self.kind in {"quotes", "trades"}:
            table[wire.TickByTickRequest] = self._stream
        elif self.kind == "l1":
            table[wire.MarketDataRequest] = self._stream
        elif self.kind == "orders":
            self._account = next(iter(gateway.server.simulation.accounts.accounts))
            table[wire.PlaceOrderRequest] = self._order
        elif self.kind == "history":
            table[wire.HistoricalDataRequest] = self._bars

    def _stream(self, session: Session, request: wire.MarketDataRequest) -> None:
        if self._served:
            return
        self._served = True
        codec = wire.Codec(session.version)
        frames = [codec.encode(message) for message in self._messages(request.reqId or 0)]
        task = asyncio.create_task(self._send(session, frames))
        self._tasks.add(task)

    def _messages(self, req_id: int) -> Iterator[wire.ServerMessage]:
        for number in range(self.count):
            is_last = number == self.count - 1
            bid = LAST_PRICE if is_last else 100 + (number % 997) / 100
            if self.kind == "quotes":
                quote = wire.HistoricalTickBidAsk(
                    time=_EPOCH + number // 50,
                    priceBid=bid,
                    priceAsk=bid + 0.01,
                    sizeBid=Decimal(number + 1),
                    sizeAsk=Decimal(number % 90 + 1),
                )
                yield wire.TickByTickData(reqId=req_id, tickType=3, historicalTickBidAsk=quote)
            elif self.kind == "trades":
                trade = wire.HistoricalTickLast(
                    time=_EPOCH + number // 50,
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
        await asyncio.sleep(0.5)  # whatever the contestant still does after it has asked
        if not self.rate:
            whole = b"".join(frames)
            self.sent_ns = [time.monotonic_ns()]
            session._transport.write(whole)  # noqa: SLF001 - past the gateway's own buffering
            return
        step = 1_000_000_000 // self.rate
        start = time.monotonic_ns()
        for number, frame in enumerate(frames):
            due = start + number * step
            while (left := due - time.monotonic_ns()) > 0:  # noqa: ASYNC110 - a schedule
                await asyncio.sleep(left / 2e9 if left > 200_000 else 0)
            self.sent_ns.append(time.monotonic_ns())
            session._transport.write(frame)  # noqa: SLF001 - same

    def _order(self, session: Session, request: wire.PlaceOrderRequest) -> None:
        """Work and fill an order at once, in the messages and the order of a real gateway."""
        number = request.orderId or 0
        quantity = request.order.totalQuantity or Decimal(1)
        ids = {"orderId": number, "clientId": session.client_id, "permId": 1_000_000 + number}
        order = msgspec.structs.replace(request.order, **ids, account=self._account)
        contract = msgspec.structs.replace(request.contract, conId=265598)
        status = {**ids, "lastFillPrice": 0.0, "mktCapPrice": 0.0, "parentId": 0}

        def told(name: str, filled: Decimal) -> tuple[wire.ServerMessage, ...]:
            return (
                wire.OpenOrder(
                    orderId=number,
                    contract=contract,
                    order=order,
                    orderState=wire.OrderState(status=name),
                ),
                wire.OrderStatus(
                    **status,
                    status=name,
                    filled=filled,
                    remaining=quantity - filled,
                    avgFillPrice=100.0 if filled else 0.0,
                ),
            )

        execution = wire.Execution(
            **ids,
            execId=f"0001.{number:08x}.01.01",
            time="20240305 15:00:00 UTC",
            acctNumber=self._account,
            exchange="NASDAQ",
            side="BOT",
            shares=quantity,
            price=100.0,
            cumQty=quantity,
            avgPrice=100.0,
            orderRef=order.orderRef,
            lastLiquidity=2,
        )
        for message in (
            *told("Submitted", Decimal(0)),
            wire.ExecutionDetails(reqId=-1, contract=contract, execution=execution),
            *told("Filled", quantity),
            wire.CommissionAndFeesReport(
                execId=execution.execId, commissionAndFees=1.0, currency="USD"
            ),
        ):
            session.send(message)
        session.outgoing.flush()

    def _bars(self, session: Session, request: wire.HistoricalDataRequest) -> None:
        end, seconds = _span(request)
        stop = int(end) // 60
        rows = _rows(stop - seconds // 60, stop, is_epoch=request.formatDate == 2)
        frame = wire.Codec(session.version).encode_bars(
            request.reqId or 0, "20240101 00:00:00 UTC", "20240301 00:00:00 UTC", rows
        )
        session._transport.write(frame)  # noqa: SLF001 - same
        if session.version >= 196:
            session.send(wire.HistoricalDataEnd(reqId=request.reqId))


def _span(request: wire.HistoricalDataRequest) -> tuple[float, int]:
    number, unit = request.duration.split()
    seconds = int(number) * {"S": 1, "D": 86_400, "W": 7 * 86_400, "M": 30 * 86_400}[unit]
    text = request.endDateTime.replace("-", " ").removesuffix(" UTC")
    moment = dt.datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=dt.UTC)
    return moment.timestamp(), seconds


_DATES: dict[tuple[int, bool], str] = {}


def _rows(first: int, stop: int, *, is_epoch: bool) -> wire.BarRows:
    """Return minute bars without a gap; what they hold follows from the minute alone."""
    minutes = range(first, stop)
    opens = 100 + np.arange(first, stop) % 997 / 100
    return wire.BarRows(
        [_date(minute, is_epoch=is_epoch) for minute in minutes],
        np.stack([opens, opens + 0.05, opens - 0.05, opens + 0.01]).round(2),
        [str(minute % 900 + 1) for minute in minutes],
        [f"{price:.2f}" for price in opens],
        [minute % 90 + 1 for minute in minutes],
    )


def _date(minute: int, *, is_epoch: bool) -> str:
    if is_epoch:
        return str(minute * 60)
    found = _DATES.get((minute, is_epoch))
    if found is None:
        moment = dt.datetime.fromtimestamp(minute * 60, dt.UTC)
        found = _DATES[minute, is_epoch] = moment.strftime("%Y%m%d %H:%M:%S UTC")
    return found


async def serve(kind: str, count: int, rate: int, version: int | None) -> list[int]:
    """Serve until the standard input ends, and return the moments of sending."""
    config = SimulatedIBGatewayConfig(
        port=0,
        speed=1.0,
        start="2024-03-05T15:00:00Z",
        pacing=False,
        fill_on="standing_quote",
        server_version=version,
    )
    script = Script(kind, count, rate)
    if kind == "history":  # the dates of both halves, made before the clock runs
        for minute in range(_EPOCH // 60 - 150_000, _EPOCH // 60 + 1_500):
            _date(minute, is_epoch=False)
    async with SimulatedIBGateway(config) as gateway:
        script.install(gateway)
        print(gateway.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    return script.sent_ns


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("quotes", "trades", "l1", "history", "orders", "start"))
    parser.add_argument("--count", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--server-version", type=int)
    parser.add_argument("sent", help="where to write the moments of sending")
    given = parser.parse_args()
    sent_ns = asyncio.run(serve(given.kind, given.count, given.rate, given.server_version))
    Path(given.sent).write_text(json.dumps(sent_ns))


if __name__ == "__main__":
    main()
