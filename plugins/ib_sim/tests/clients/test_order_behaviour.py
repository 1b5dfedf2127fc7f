"""Complex orders as the official client sees them: slices, ladders, hedges, conditions."""

import importlib.util
from decimal import Decimal
from pathlib import Path

import pytest
from ibapi.order_condition import (
    ExecutionCondition,
    MarginCondition,
    PercentChangeCondition,
    PriceCondition,
    TimeCondition,
    VolumeCondition,
)
from ibapi.tag_value import TagValue

_SPEC = importlib.util.spec_from_file_location(
    "ibapi_sessions", Path(__file__).with_name("test_ibapi_session.py")
)
_MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
connect, stock, order, OrderCancel = (
    _MODULE.connect,
    _MODULE.stock,
    _MODULE.order,
    _MODULE.OrderCancel,
)

D = Decimal


@pytest.fixture(params=[178, 226])
async def session(request, start_gateway, connect):
    gateway = await start_gateway(start="2024-03-05T15:00:00", server_version=request.param)
    await gateway.advance(30)
    return gateway, await connect(gateway)


def fills_of(client, symbol="KO"):
    return [call[2] for call in client.calls["execDetails"] if call[1].symbol == symbol]


def status(client):
    """Return the latest status that the client was told, empty before any."""
    told = client.calls["orderStatus"]
    return told[-1][1] if told else ""


async def arrived(gateway, wait_until, number=1):
    await wait_until(lambda: len(gateway.truth.orders) >= number)


async def test_a_time_weighted_order_fills_in_slices(session, wait_until):
    gateway, client = session
    placed = order("BUY", 1000)
    placed.algoStrategy = "Twap"
    placed.algoParams = [
        TagValue("strategyType", "Marketable"),
        TagValue("endTime", "20240305-15:10:30"),
    ]
    client.placeOrder(1, stock("KO"), placed)
    await arrived(gateway, wait_until)
    await gateway.advance(300)
    half = gateway.truth.order(1, 1).filled
    assert 450 <= half <= 560
    await wait_until(lambda: sum(fill.shares for fill in fills_of(client)) == half)
    assert all(fill.shares == int(fill.shares) for fill in fills_of(client))
    await gateway.advance(300)
    await wait_until(lambda: status(client) == "Filled")
    assert len(fills_of(client)) >= 10


async def test_an_algorithm_that_does_not_exist_is_refused(session, wait_until):
    _, client = session
    placed = order("BUY", 1000)
    placed.algoStrategy = "Magic"
    client.placeOrder(1, stock("KO"), placed)
    await wait_until(client.errors)
    assert client.errors()[0][:2] == (1, 439)


async def test_a_scale_order_attaches_its_profit_takers(session, wait_until):
    gateway, client = session
    price = gateway.truth.board("KO").quote.ask
    placed = order("BUY", 200, "LMT", price)
    placed.scaleInitLevelSize, placed.scaleSubsLevelSize = 100, 100
    placed.scalePriceIncrement, placed.scaleProfitOffset = 10.0, 0.05
    client.placeOrder(1, stock("KO"), placed)
    await arrived(gateway, wait_until)
    await gateway.advance(120)
    await wait_until(lambda: any(call[0] == 0 for call in client.calls["openOrder"]))
    taker = next(call[2] for call in client.calls["openOrder"] if call[0] == 0)
    assert (taker.action, taker.totalQuantity, taker.parentId) == ("SELL", D(100), 1)
    assert taker.lmtPrice == pytest.approx(price + 0.05)
    assert taker.permId not in {0, client.calls["openOrder"][0][2].permId}
    assert sum(fill.shares for fill in fills_of(client) if fill.side == "BOT") == 100


async def test_a_hedge_grows_with_the_fills_of_its_parent(session, wait_until):
    gateway, client = session
    parent, hedge = order("BUY", 400), order("SELL", 0)
    parent.transmit = False
    hedge.parentId, hedge.hedgeType, hedge.hedgeParam = 1, "P", "0.25"
    client.placeOrder(1, stock("KO"), parent)
    client.placeOrder(2, stock("IBM"), hedge)
    await arrived(gateway, wait_until, 2)
    for _ in range(20):
        await gateway.advance(30)
    await wait_until(
        lambda: {c[0] for c in client.calls["orderStatus"] if c[1] == "Filled"} == {1, 2}
    )
    assert sum(fill.shares for fill in fills_of(client, "IBM")) == 100


async def test_a_preview_tells_margin_and_leaves_nothing(session, wait_until):
    gateway, client = session
    placed = order("BUY", 1000)
    placed.whatIf = True
    client.placeOrder(1, stock("KO"), placed)
    await wait_until(lambda: client.calls["openOrder"])
    (call,) = client.calls["openOrder"]
    state = call[3]
    assert state.status == "PreSubmitted"
    change = float(state.initMarginAfter) - float(state.initMarginBefore)
    assert change == pytest.approx(gateway.truth.board("KO").mark * 500, rel=0.01)
    assert float(state.commissionAndFees) == 5.0
    assert client.calls["orderStatus"] == []
    assert gateway.truth.orders == []


async def test_one_exit_of_a_bracket_cancels_the_other(session, wait_until):
    gateway, client = session
    entry = order("BUY", 100)
    target, stop = order("SELL", 100, "LMT", 500.0), order("SELL", 100, "STP")
    price = gateway.truth.board("KO").mark
    stop.auxPrice = round(price + 5, 2)  # goes off at once
    entry.transmit = target.transmit = False
    target.parentId = stop.parentId = 1
    for number, one in enumerate((entry, target, stop), 1):
        client.placeOrder(number, stock("KO"), one)
    await arrived(gateway, wait_until, 3)
    await gateway.advance(120)
    await wait_until(lambda: (2, 202) in [(i, code) for i, code, _ in client.errors()])
    assert [one.status for one in gateway.truth.orders] == ["Filled", "Cancelled", "Filled"]
    assert gateway.truth.positions() == {}


async def test_a_group_is_cancelled_by_a_fill(session, wait_until):
    gateway, client = session
    for number, price in enumerate((500.0, 1.0, 2.0), 1):
        one = order("BUY", 100, "LMT", price)
        one.ocaGroup, one.ocaType = "exit", 1
        client.placeOrder(number, stock("KO"), one)
    await arrived(gateway, wait_until, 3)
    await gateway.advance(60)
    await wait_until(lambda: {i for i, code, _ in client.errors() if code == 202} == {2, 3})
    assert gateway.truth.order(1, 1).status == "Filled"


def condition(kind, **fields):
    made = kind()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


CONDITIONS = {
    "price": lambda g: condition(
        PriceCondition, isMore=False, price=10_000.0, conId=g, exchange="SMART", triggerMethod=2
    ),
    "time": lambda _: condition(TimeCondition, isMore=True, time="20240305-15:01:00"),
    "margin": lambda _: condition(MarginCondition, isMore=True, percent=10),
    "volume": lambda g: condition(
        VolumeCondition, isMore=True, volume=10, conId=g, exchange="SMART"
    ),
    "change": lambda g: condition(
        PercentChangeCondition, isMore=True, changePercent=-50.0, conId=g, exchange="SMART"
    ),
}


@pytest.mark.parametrize("kind", CONDITIONS)
@pytest.mark.parametrize("joined", ["and", "or"])
async def test_conditions_of_each_kind_join_both_ways(session, wait_until, kind, joined):
    gateway, client = session
    con_id = gateway.simulation.contracts.named("KO").con_id
    met = CONDITIONS[kind](con_id)
    never = condition(
        PriceCondition, isMore=True, price=10_000.0, conId=con_id, exchange="SMART", triggerMethod=2
    )
    met.isConjunctionConnection = joined == "and"
    placed = order("BUY", 100)
    placed.conditions = [met, never]
    client.placeOrder(1, stock("KO"), placed)
    await arrived(gateway, wait_until)
    await gateway.advance(180)
    wanted = "PreSubmitted" if joined == "and" else "Filled"
    assert gateway.truth.order(1, 1).status == wanted
    await wait_until(lambda: status(client) == wanted)
    seen = client.last("openOrder")[2].conditions
    assert [type(one) for one in seen] == [type(met), PriceCondition]


async def test_a_fill_of_another_symbol_releases_an_order(session, wait_until):
    gateway, client = session
    placed = order("BUY", 100)
    placed.conditions = [
        condition(ExecutionCondition, symbol="IBM", secType="STK", exchange="SMART")
    ]
    client.placeOrder(1, stock("KO"), placed)
    await arrived(gateway, wait_until)
    await gateway.advance(60)
    assert gateway.truth.order(1, 1).status == "PreSubmitted"
    client.placeOrder(2, stock("IBM"), order("BUY", 100))
    await arrived(gateway, wait_until, 2)
    await gateway.advance(120)
    await wait_until(lambda: status(client) == "Filled")
    assert gateway.truth.order(1, 1).status == "Filled"


async def test_a_global_cancel_spares_nobody(session, connect, wait_until):
    gateway, client = session
    other = await connect(gateway, 2)
    client.placeOrder(1, stock("KO"), order("BUY", 100, "LMT", 1.0))
    other.placeOrder(1, stock("IBM"), order("BUY", 100, "LMT", 1.0))
    await arrived(gateway, wait_until, 2)
    client.reqGlobalCancel(OrderCancel())
    for one in (client, other):
        await wait_until(lambda who=one: (1, 202) in [(i, c) for i, c, _ in who.errors()])
    assert gateway.truth.open_orders == []


async def test_an_amount_of_money_buys_crypto(session, wait_until):
    gateway, client = session
    contract = stock("BTC")
    contract.secType, contract.exchange = "CRYPTO", "PAXOS"
    placed = order("BUY", 0)
    placed.cashQty, placed.tif = 5000.0, "IOC"
    client.placeOrder(1, contract, placed)
    await arrived(gateway, wait_until)
    await gateway.advance(120)
    await wait_until(lambda: status(client) == "Filled")
    spent = sum(float(fill.shares) * fill.price for fill in fills_of(client, "BTC"))
    assert spent == pytest.approx(5000, rel=0.01)
    assert client.last("openOrder")[2].cashQty == 5000.0
