"""What is streamed is what history answers, and two runs of one seed say the same, frame by frame.

A client for each instrument asks over a real socket for everything at once: level 1, tick-by-tick,
depth, five-second bars and bars kept up to date. After some simulated minutes it asks for history.
"""

import asyncio
import hashlib
import importlib.util
import os
import random
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from posei_ib_sim import wire
from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_ib_sim.testing import RawClient

MARK = 987_654
START = "2024-03-05T15:00:10.537"
needs_dbn = pytest.mark.skipif(
    importlib.util.find_spec("databento_dbn") is None, reason="needs the extra dbn (databento-dbn)"
)


def contract(symbol, sec_type="STK", exchange="SMART", currency="USD", **fields):
    return wire.Contract(
        symbol=symbol, secType=sec_type, exchange=exchange, currency=currency, **fields
    )


def future(symbol, month):
    return contract(symbol, "FUT", "CME", lastTradeDateOrContractMonth=month)


OPTION = contract("AAPL", "OPT", lastTradeDateOrContractMonth="20240315", right="C")
SYNTHETIC = (
    contract("AAPL"),
    contract("SAP", currency="EUR"),
    contract("EUR", "CASH", "IDEALPRO"),
    future("ES", "202403"),
    contract("BTC", "CRYPTO", "PAXOS"),
    OPTION,
)


class Transcript:
    """A raw client of one contract that keeps every message it gets."""

    def __init__(self, client, described):
        self.client = client
        self.contract = described
        self.prints = described.secType != "CASH"
        self.what = "TRADES" if self.prints else "MIDPOINT"
        self.messages = []

    async def catch_up(self):
        """Read all that has been sent up to now."""
        self.client.send(wire.CancelTickByTick(reqId=MARK))
        while True:
            message = await self.client.receive(wire.ServerMessage)
            if isinstance(message, wire.ErrorMessage) and message.id == MARK:
                return
            self.messages.append(message)

    async def choose_strike(self):
        """Take the strike in the middle of the chain."""
        stock = contract(self.contract.symbol)
        self.client.send(wire.ContractDataRequest(reqId=10, contract=stock))
        found = await self.client.receive(wire.ContractData)
        self.client.send(
            wire.SecDefOptParamsRequest(
                reqId=11,
                underlyingSymbol=stock.symbol,
                underlyingSecType="STK",
                underlyingConId=found.contract.conId,
            )
        )
        chain = await self.client.receive(wire.SecDefOptParameter)
        fields = {name: getattr(self.contract, name) for name in self.contract.__struct_fields__}
        strike = chain.strikes[len(chain.strikes) // 2]
        self.contract = wire.Contract(**{**fields, "strike": strike})

    def subscribe(self):
        """Ask for every stream there is."""
        one, send = self.contract, self.client.send
        kind = "AllLast" if self.prints else "MidPoint"
        send(wire.MarketDataRequest(reqId=1, contract=one, genericTickList="100,101,106,233"))
        send(wire.TickByTickRequest(reqId=2, contract=one, tickType=kind))
        send(wire.TickByTickRequest(reqId=3, contract=one, tickType="BidAsk"))
        send(wire.MarketDepthRequest(reqId=4, contract=one, numRows=5))
        send(wire.RealTimeBarsRequest(reqId=5, contract=one, barSize=5, whatToShow=self.what))
        self.ask(6, "1 min", keep=True)

    def ask(self, req_id, size, *, duration="1800 S", keep=False):
        self.client.send(
            wire.HistoricalDataRequest(
                reqId=req_id,
                contract=self.contract,
                barSizeSetting=size,
                duration=duration,
                whatToShow=self.what,
                formatDate=2,
                keepUpToDate=keep,
            )
        )

    def of(self, kind, req_id):
        return [one for one in self.messages if isinstance(one, kind) and one.reqId == req_id]

    def answered(self, req_id):
        (found,) = self.of(wire.HistoricalData, req_id)
        return {int(bar.date): figures(bar) for bar in found.historicalDataBars}

    def updated(self):
        bars = [one.historicalDataBar for one in self.of(wire.HistoricalDataUpdate, 6)]
        return {int(bar.date): figures(bar) for bar in bars}

    def added_up(self, length):
        """Add tick-by-tick data up to bars, by hand."""
        groups = defaultdict(list)
        for message in self.of(wire.TickByTickData, 2):
            tick = message.historicalTickLast or message.historicalTickMidPoint
            groups[tick.time // length * length].append((tick.price, tick.size))
        return {
            start: (
                ticks[0][0],
                max(price for price, _ in ticks),
                min(price for price, _ in ticks),
                ticks[-1][0],
                sum(size for _, size in ticks),
            )
            for start, ticks in groups.items()
        }


def figures(bar):
    return (bar.open, bar.high, bar.low, bar.close, bar.volume)


async def run(gateway, contracts, seconds):
    """Play a whole session and return what each client was told."""
    seen = []
    for number, described in enumerate(contracts, 1):
        client = await RawClient.connect(gateway.host, gateway.port, client_id=number)
        kept = Transcript(client, described)
        if described.secType == "OPT":
            await kept.choose_strike()
        kept.subscribe()
        await kept.catch_up()
        seen.append(kept)
    for _ in range(seconds // 10):
        await gateway.advance(10)
        for kept in seen:
            await kept.catch_up()
    for kept in seen:
        kept.ask(7, "1 min")
        kept.ask(8, "5 secs", duration="600 S")
        await kept.catch_up()
        await kept.client.close()
    return seen


def check(kept):
    """Compare every source of one contract's bars with every other."""
    assert [m for m in kept.messages if isinstance(m, wire.ErrorMessage) and m.id > 0] == []
    minutes, fives = kept.answered(7), kept.answered(8)
    updates = kept.updated()
    # A stream begins within a minute, and the last minute is not over.
    whole = sorted(updates)[1:-1]
    assert whole
    for start in whole:
        assert updates[start] == minutes[start]
        if kept.prints:
            assert kept.added_up(60)[start] == minutes[start]
    bars = {bar.time: figures(bar) for bar in kept.of(wire.RealTimeBarTick, 5)}
    compared = [start for start in fives if whole[0] <= start < whole[-1] + 60]
    assert compared
    for start in compared:
        assert bars[start] == fives[start]
        if kept.prints:
            assert kept.added_up(5)[start] == fives[start]


async def compare(start_gateway, contracts, seconds=200, **settings):
    left, right = [
        await run(await start_gateway(seed=11, **settings), contracts, seconds) for _ in range(2)
    ]
    for one, other in zip(left, right, strict=True):
        check(one)
        assert one.messages == other.messages
    return left


async def test_synthetic_prices_of_every_class(start_gateway):
    seen = await compare(start_gateway, SYNTHETIC, start=START)
    option = seen[SYNTHETIC.index(OPTION)]
    assert {one.tickType for one in option.of(wire.TickOptionComputation, 1)} >= {10, 11, 13}
    assert all(kept.of(wire.MarketDepthL2, 4) or kept.of(wire.MarketDepth, 4) for kept in seen)


async def test_synthetic_prices_at_the_opening_and_at_the_close(start_gateway):
    stocks = (contract("AAPL"), contract("KO"))
    await compare(start_gateway, stocks, start="2024-03-05T14:28:40")
    await compare(start_gateway, stocks, start="2024-03-05T20:57:10")


async def test_replayed_quotes_and_trades(start_gateway, tmp_path):
    numbers = random.Random(5)
    quotes, trades = ["timestamp,bid,ask,bid_size,ask_size"], ["timestamp,price,size"]
    moment, bid = 1_709_650_800_000, 5000
    for _ in range(400):
        # Several events of one moment, too.
        moment += numbers.choice([0, 100, 250, 2000])
        bid += numbers.choice([-1, 0, 1])
        sizes = f"{numbers.randint(1, 9) * 100},{numbers.randint(1, 9) * 100}"
        quotes.append(f"{moment},{bid / 100},{(bid + 2) / 100},{sizes}")
        if numbers.random() < 0.5:
            trades.append(f"{moment},{bid / 100},{numbers.randint(1, 300)}")
    files = [tmp_path / "KO_quotes.csv", tmp_path / "KO_trades.csv"]
    for path, lines in zip(files, (quotes, trades), strict=True):
        path.write_text("\n".join(lines) + "\n")
    await compare(start_gateway, (contract("KO"),), replay=files)


async def test_replayed_bars_of_both_sides(start_gateway, tmp_path):
    numbers = random.Random(6)
    files = []
    for side, spread in (("bid", 0), ("ask", 3)):
        numbers.seed(6)
        lines, price = ["timestamp,open,high,low,close"], 158_000
        for minute in range(6):
            ups = [numbers.randint(0, 40) for _ in range(3)]
            low = price + spread - ups[0]
            bar = (price + spread, price + spread + ups[1], low, low + ups[2] % (ups[0] + 1))
            stamp = f"2012-02-01T00:0{minute}:00"
            lines.append(f"{stamp}," + ",".join(f"{each / 100_000:.5f}" for each in bar))
            price = bar[3] - spread
        files.append(tmp_path / f"gbpusd-{side}.csv")
        files[-1].write_text("\n".join(lines) + "\n")
    await compare(start_gateway, (contract("GBP", "CASH", "IDEALPRO"),), replay=files)


@needs_dbn
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "month"),
    [
        ("futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", "202409"),
        ("futures_ohlcv-1m_2024-05-09T09-55_2024-05-09T10-05.dbn.zst", "202406"),
    ],
)
async def test_replayed_databento_files(start_gateway, shared_data, name, month):
    replay = [shared_data / "databento" / name]
    await compare(start_gateway, (future("ES", month),), replay=replay)


async def test_a_chain_does_not_depend_on_when_it_is_asked_for(start_gateway):
    chosen = []
    for wait in (0, 14 * 86_400):
        gateway = await start_gateway(start=START)
        await gateway.advance(wait)
        async with await RawClient.connect(gateway.host, gateway.port) as client:
            kept = Transcript(client, OPTION)
            await kept.choose_strike()
        chosen.append(kept.contract.strike)
    assert chosen[0] == chosen[1]


async def digest():
    """Run a session and print a digest of all that the clients were told."""
    config = SimulatedIBGatewayConfig(start=START, seed=11, speed="step")
    async with SimulatedIBGateway(config) as gateway:
        seen = await run(gateway, SYNTHETIC, 60)
    told = repr([kept.messages for kept in seen]).encode()
    print(hashlib.sha256(told).hexdigest())  # noqa: T201 - the test reads it


async def test_two_processes_agree():
    async def process(hash_seed):
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            __file__,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        out, _ = await asyncio.wait_for(running.communicate(), 60)
        assert running.returncode == 0
        return out

    assert await process("1") == await process("2")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    asyncio.run(digest())
