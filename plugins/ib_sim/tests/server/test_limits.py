"""What one client may ask for: frames of a size, subscriptions of a number."""

from __future__ import annotations

import pytest

from posei_ib_sim import wire
from posei_ib_sim.testing import RawClient

STOCK = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")
MEGABYTE = 1 << 20


def bars(number):
    return wire.RealTimeBarsRequest(reqId=number, contract=STOCK, barSize=5, whatToShow="TRADES")


def quotes(number):
    return wire.MarketDataRequest(reqId=number, contract=STOCK)


def kept_up(number):
    return wire.HistoricalDataRequest(
        reqId=number,
        contract=STOCK,
        barSizeSetting="1 min",
        duration=f"{number}00 S",
        whatToShow="TRADES",
        formatDate=1,
        keepUpToDate=True,
    )


async def test_a_frame_beyond_a_megabyte_ends_that_session_only(start_gateway):
    gateway = await start_gateway()
    async with (
        await RawClient.connect(gateway.host, gateway.port, client_id=1) as other,
        await RawClient.connect(gateway.host, gateway.port, client_id=2) as client,
    ):
        await client.receive(wire.NextValidId)
        client.send_bytes((MEGABYTE + 1).to_bytes(4, "big"))
        await client.closed()
        other.send(wire.CurrentTimeRequest())
        await other.receive(wire.CurrentTime)
        assert [session.client_id for session in gateway.server.sessions] == [1]


async def test_a_frame_of_a_megabyte_is_read(start_gateway):
    gateway = await start_gateway()
    async with await RawClient.connect(gateway.host, gateway.port) as client:
        await client.receive(wire.NextValidId)
        client.send_bytes(MEGABYTE.to_bytes(4, "big") + b"9" * MEGABYTE)
        client.send(wire.CurrentTimeRequest())
        await client.receive(wire.CurrentTime)


@pytest.mark.parametrize("over", [bars, quotes, kept_up])
async def test_quotes_and_bars_share_the_market_data_lines_of_all_clients(start_gateway, over):
    gateway = await start_gateway(market_data_lines=3, start="2024-03-05T15:00:00")
    async with (
        await RawClient.connect(gateway.host, gateway.port, client_id=1) as one,
        await RawClient.connect(gateway.host, gateway.port, client_id=2) as two,
    ):
        for request in (bars(1), quotes(2), kept_up(3)):
            one.send(request)
        one.send(wire.CurrentTimeRequest())
        await one.receive(wire.CurrentTime)
        two.send(over(4))
        error = await two.receive(wire.ErrorMessage, about=4)
        assert error.errorCode == 101
        one.send(wire.CancelRealTimeBars(reqId=1))
        one.send(wire.CurrentTimeRequest())
        await one.receive(wire.CurrentTime)
        two.send(over(5))
        assert [e for e in await two.received(wire.ErrorMessage) if e.id == 5] == []


async def test_profit_and_loss_is_bounded_for_each_client(start_gateway):
    gateway = await start_gateway(market_data_lines=2)
    account = gateway.config.account_ids[0]
    async with (
        await RawClient.connect(gateway.host, gateway.port, client_id=1) as one,
        await RawClient.connect(gateway.host, gateway.port, client_id=2) as two,
    ):
        one.send(wire.PnLRequest(reqId=1, account=account))
        await one.receive(wire.PnL, about=1)
        one.send(wire.PnLRequest(reqId=2, account=account))
        await one.receive(wire.PnL, about=2)
        one.send(wire.PnLRequest(reqId=3, account=account))
        assert (await one.receive(wire.ErrorMessage, about=3)).errorCode == 322
        two.send(wire.PnLRequest(reqId=3, account=account))
        await two.receive(wire.PnL, about=3)
        one.send(wire.CancelPnL(reqId=1))
        one.send(wire.PnLRequest(reqId=3, account=account))
        await one.receive(wire.PnL, about=3)
