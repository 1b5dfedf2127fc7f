"""Write `frames.txt` anew: every kind of message that the simulated gateway sends, a few of each.

python plugins/ib/tests/client/corpus/record.py
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from ibapi.order import Order

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import (
    ConnectionOptions,
    InteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.client.messages import TickKind
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.errors import PoseiError

VERSIONS = (157, 178, 200, 226)
FEW = 3
LONGEST = 700
AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD")
SPX = IBContract(secType="IND", symbol="SPX", exchange="CBOE", currency="USD")


class Anybody:
    """A handler of everything."""

    def __getattr__(self, name: str) -> object:
        return lambda *_: None


def market(quantity: int) -> Order:
    order = Order()
    order.action, order.orderType, order.totalQuantity = "BUY", "MKT", Decimal(quantity)
    order.orderRef = "corpus"
    return order


async def session(version: int, frames: dict[tuple[int, int], list[bytes]]) -> None:
    config = SimulatedIBGatewayConfig(
        start="2024-03-05T15:00:00Z", speed="step", fill_on="standing_quote", pacing=False
    )
    async with SimulatedIBGateway(config) as gateway:
        options = ConnectionOptions(max_server_version=version)
        client = InteractiveBrokersClient(gateway.host, gateway.port, 1, options=options)
        deliver = client._connection._deliver

        def record(message_id: int, payload: bytes) -> None:
            kept = frames[version, message_id]
            if len(kept) < FEW and payload[:LONGEST] not in kept:
                kept.append(payload[:LONGEST])
            deliver(message_id, payload)

        client._connection._deliver = record
        await client.connect()
        anybody = Anybody()
        client.subscribe_market_data(AAPL, anybody, generic_ticks="233,236")
        client.subscribe_ticks(AAPL, TickKind.ALL_LAST, anybody)
        client.subscribe_ticks(AAPL, TickKind.BID_ASK, anybody)
        client.subscribe_realtime_bars(AAPL, anybody, what_to_show="TRADES")
        client.subscribe_market_depth(AAPL, anybody, rows=5)
        client.subscribe_historical_bars(
            AAPL, anybody, duration="1800 S", bar_size="1 min", what_to_show="TRADES"
        )
        contract = (await client.get_contract_details(AAPL))[0].contract
        client.place_order(client.next_order_id(), contract_to_ibapi(contract), market(10))
        await gateway.advance(10)
        for question in (
            client.get_option_chains(contract),
            client.get_matching_contracts("AA"),
            client.get_market_rule(26),
            client.get_head_timestamp(AAPL, what_to_show="TRADES", use_rth=True),
            client.get_historical_bars(
                AAPL,
                end="",
                duration="1 D",
                bar_size="1 hour",
                what_to_show="TRADES",
                use_rth=True,
            ),
            client.get_open_orders(),
            client.get_executions(),
            client.get_positions(),
            client.get_account_summary(),
            client.get_completed_orders(),
            client.get_contract_details(IBContract(secType="STK", symbol="NOSUCH")),
            client.server_time(),
        ):
            with contextlib.suppress(PoseiError):
                await question
        gateway.faults.connectivity_lost()
        gateway.faults.farm_broken()
        await client.server_time()
        await client.disconnect()


async def main() -> None:
    frames: dict[tuple[int, int], list[bytes]] = defaultdict(list)
    for version in VERSIONS:
        await session(version, frames)
    lines = [
        f"{version} {message_id} {payload.hex()}"
        for (version, message_id), payloads in sorted(frames.items())
        for payload in payloads
    ]
    head = "# server version, message id, payload: made by record.py from simulated sessions\n"
    Path(__file__).with_name("frames.txt").write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
