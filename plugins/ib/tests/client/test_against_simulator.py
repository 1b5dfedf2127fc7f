"""The whole client against the simulated gateway, over a real socket, at several versions."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from ibapi.order import Order

from posei_trader.adapters.interactive_brokers.client import ConnectionState
from posei_trader.adapters.interactive_brokers.client.messages import TickKind
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MAX_SERVER_VERSION
from posei_trader.errors import InstrumentNotFound

simulator = pytest.importorskip("posei_ib_sim.gateway", reason="the simulator is not installed")

VERSIONS = [version for version in (157, 178, 200, 213, 226) if version <= MAX_SERVER_VERSION]
AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", currency="USD")
EURUSD = IBContract(secType="CASH", symbol="EUR", currency="USD", exchange="IDEALPRO")


def market(action: str, quantity: int) -> Order:
    order = Order()
    order.action, order.orderType = action, "MKT"
    order.totalQuantity = Decimal(quantity)
    order.orderRef = "ours-1"
    return order


def limit(action: str, quantity: int, price: float) -> Order:
    order = market(action, quantity)
    order.orderType, order.lmtPrice, order.tif = "LMT", price, "GTC"
    return order


@pytest.fixture
async def sim():
    config = simulator.SimulatedIBGatewayConfig(
        start="2024-03-05T15:00:00", fill_on="standing_quote", speed=20.0
    )
    async with simulator.SimulatedIBGateway(config) as gateway:
        yield gateway


@pytest.fixture(params=VERSIONS)
async def client(sim, shop, request):
    found = shop.client(sim.port, max_server_version=request.param)
    await found.connect()
    assert found.server_version == request.param
    return found


@pytest.fixture
async def newest(sim, shop):
    found = shop.client(sim.port)
    await found.connect()
    return found


async def test_contracts_rules_and_symbols(client):
    details = await client.get_contract_details(AAPL)
    assert details[0].contract.symbol == "AAPL"
    assert details[0].minTick > 0
    rule_id = int(details[0].marketRuleIds.split(",")[0])
    assert (await client.get_market_rule(rule_id))[0].increment > 0
    found = await client.get_matching_contracts("AAP")
    assert "AAPL" in {row.contract.symbol for row in found}
    with pytest.raises(InstrumentNotFound):
        await client.get_contract_details(IBContract(secType="STK", symbol="NOSUCH"))


async def test_option_chains(client):
    underlying = (await client.get_contract_details(AAPL))[0].contract
    chains = await client.get_option_chains(underlying)
    assert chains
    assert list(chains[0].expirations) == sorted(chains[0].expirations)
    assert list(chains[0].strikes) == sorted(chains[0].strikes)


async def test_history(client):
    bars = await client.get_historical_bars(
        AAPL,
        end="20240305-15:00:00",
        duration="1 D",
        bar_size="5 mins",
        what_to_show="TRADES",
        use_rth=True,
    )
    assert len(bars) == 6  # from 9:30 to 10:00 in New York
    assert list(bars.dates) == sorted(bars.dates)
    assert all(low <= high for low, high in zip(bars.lows, bars.highs, strict=True))
    quotes = await client.get_historical_ticks(EURUSD, "BID_ASK", end="20240305-15:00:00", count=50)
    assert len(quotes) >= 50
    assert all(quote.bid <= quote.ask for quote in quotes)
    assert await client.get_head_timestamp(EURUSD, what_to_show="MIDPOINT") > 0


async def test_streams(client, shop):
    ticks, level_one = shop.Listener(), shop.Listener()
    first = client.subscribe_ticks(EURUSD, TickKind.BID_ASK, ticks)
    second = client.subscribe_market_data(AAPL, level_one)
    _, _, bid, ask, *_ = await ticks.next("quote")
    assert 0 < bid <= ask
    await level_one.next("tick_price")
    first.close()
    second.close()
    assert client.health().malformed == 0


async def test_an_order_lives_from_placing_to_commission(client, shop, sim):
    listener = shop.Listener()
    client.set_order_handler(listener)
    order_id = client.next_order_id()
    client.place_order(order_id, AAPL, market("BUY", 10))
    seen = {}
    while "commission" not in seen:
        call = await listener.next()
        seen.setdefault(call[0], call[1])
    assert seen["open_order"].order_id == order_id
    assert seen["open_order"].contract.symbol == "AAPL"
    assert seen["execution"].order_ref == "ours-1"
    assert seen["execution"].shares == 10
    assert seen["commission"].exec_id == seen["execution"].exec_id
    (position,) = await client.get_positions()
    assert (position.contract.symbol, position.quantity) == ("AAPL", 10)
    (reported,) = await client.get_executions()
    assert reported.execution.exec_id == seen["execution"].exec_id
    assert reported.commission == seen["commission"]
    assert sim.truth.positions() == {"AAPL": Decimal(10)}
    done = await client.get_completed_orders()
    assert [row.order.orderRef for row in done] == ["ours-1"]


async def test_an_order_is_changed_and_cancelled(client, shop, sim):
    listener = shop.Listener()
    client.set_order_handler(listener)
    order_id = client.next_order_id()
    client.place_order(order_id, AAPL, limit("BUY", 10, 1.0))
    await listener.next("open_order")
    client.place_order(order_id, AAPL, limit("BUY", 20, 1.5))
    await shop.until(
        lambda: any(
            call[0] == "open_order" and call[1].order.lmtPrice == 1.5 for call in listener.seen
        )
    )
    (working,) = await client.get_open_orders()
    assert (working.order_id, working.order.totalQuantity) == (order_id, 20)
    assert working.last_status.remaining == 20
    client.cancel_order(order_id)
    problem = (await listener.next("order_problem"))[1]
    assert (problem.order_id, problem.code, problem.action) == (order_id, 202, "order cancelled")
    assert await client.get_open_orders() == []
    assert sim.truth.open_orders == []


async def test_a_refused_order_reaches_the_handler(client, shop):
    listener = shop.Listener()
    client.set_order_handler(listener)
    order_id = client.next_order_id()
    client.place_order(order_id, IBContract(secType="STK", symbol="NOSUCH"), market("BUY", 1))
    problem = (await listener.next("order_problem"))[1]
    assert (problem.order_id, problem.code, problem.action) == (order_id, 200, "order rejected")


async def test_cancelling_what_does_not_exist_reaches_the_handler(client, shop):
    listener = shop.Listener()
    client.set_order_handler(listener)
    client.cancel_order(4711)
    problem = (await listener.next("order_problem"))[1]
    assert (problem.order_id, problem.action) == (4711, "cancel rejected")


async def test_the_account_is_one_consistent_snapshot(client):
    snapshot = await client.get_account_summary()
    assert snapshot.accounts[0] == "DU123456"
    values = snapshot.of("DU123456")
    assert float(values["NetLiquidation", "USD"]) == 1_000_000
    assert ("CashBalance", "USD") in values or ("TotalCashBalance", "USD") in values


async def test_account_streams(client, shop):
    summary, updates, positions = shop.Listener(), shop.Listener(), shop.Listener()
    client.subscribe_account_summary(summary)
    client.subscribe_account_updates("DU123456", updates)
    client.subscribe_positions(positions)
    assert (await summary.next("account_summary"))[1].accounts[0] == "DU123456"
    assert await updates.next("account_download_end") == ("account_download_end", "DU123456")
    await positions.next("positions_end")
    client.place_order(client.next_order_id(), AAPL, market("BUY", 10))
    row = (await positions.next("position"))[1]
    assert (row.contract.symbol, row.quantity) == ("AAPL", 10)


async def test_profit_and_loss(newest, shop):
    listener = shop.Listener()
    newest.subscribe_pnl("DU123456", listener)
    newest.place_order(newest.next_order_id(), AAPL, market("BUY", 10))
    assert (await listener.next("pnl"))[1].quantity is None


# --- faults ---


async def test_a_connection_that_is_cut_mid_frame_heals(sim, newest, shop):
    listener = shop.Listener()
    newest.subscribe_ticks(EURUSD, TickKind.BID_ASK, listener)
    await listener.next("quote")
    sim.faults.drop(after_bytes=7)
    await listener.next("stream_restarted")
    await listener.next("quote")
    assert newest.health().reconnects == 1
    assert newest.health().malformed == 0


async def test_segments_of_one_byte_change_nothing(sim, newest):
    sim.faults.split(1)
    assert (await newest.get_contract_details(AAPL))[0].contract.symbol == "AAPL"


async def test_a_half_open_connection_heals(sim, shop):
    client = shop.client(sim.port, probe_interval=0.1, probe_timeout=0.2)
    await client.connect()
    sim.faults.half_open()
    await shop.until(lambda: client.health().reconnects == 1 and client.is_connected)


async def test_a_client_id_in_use_after_a_crash_is_waited_for(sim, shop):
    sim.faults.refuse_client_ids(0.05)
    client = shop.client(sim.port, first_pause=0.05)
    await client.connect()
    assert 326 in client.error_counts()


async def test_data_lost_upstream_comes_back(sim, newest, shop):
    listener = shop.Listener()
    newest.subscribe_ticks(EURUSD, TickKind.BID_ASK, listener)
    await listener.next("quote")
    sim.faults.connectivity_lost()
    await shop.until(lambda: newest.state is ConnectionState.DEGRADED)
    sim.faults.connectivity_restored(data_maintained=False)
    await listener.next("stream_restarted")
    await listener.next("quote")
    assert newest.state is ConnectionState.READY


async def test_a_farm_notice_disturbs_nothing(sim, newest, shop):
    listener = shop.Listener()
    newest.subscribe_ticks(EURUSD, TickKind.BID_ASK, listener)
    await listener.next("quote")
    sim.faults.farm_broken("usfarm")
    await shop.until(lambda: newest.state is ConnectionState.DEGRADED)
    await listener.next("quote")
    sim.faults.farm_ok("usfarm")
    await shop.until(lambda: newest.state is ConnectionState.READY)
    assert not any(call[0] == "stream_restarted" for call in listener.seen)


async def test_two_ids_are_two_connections(sim, shop):
    clients = [shop.client(sim.port, client_id=number) for number in (1, 2)]
    await asyncio.gather(*(client.connect() for client in clients))
    assert all(client.is_connected for client in clients)
    with_the_same = shop.client(sim.port, client_id=2, max_attempts=1)
    with pytest.raises(Exception, match="already in use"):
        await with_the_same.connect()
