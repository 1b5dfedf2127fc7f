"""Every fault, from every source, in the middle of a run; the books stay right."""

import asyncio
import inspect
import json
from decimal import Decimal

import pytest

from posei_ib_sim import wire
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.server.faults import Faults
from posei_ib_sim.server.scenario import Step, parse_fault
from posei_ib_sim.testing import RawClient

KO = wire.Contract(symbol="KO", secType="STK", exchange="SMART", currency="USD")
# One way to cause each fault there is.
ARGUMENTS = {
    "drop": {"after_bytes": 5}, "half_open": {}, "stall": {"seconds": 0.02}, "release": {},
    "split": {"size": 3}, "merge": {"seconds": 0.01}, "garbage": {"data": "00ff"},
    "notice": {"code": 2110, "text": "to the server"}, "connectivity_lost": {},
    "connectivity_restored": {"data_maintained": False}, "farm_broken": {"farm": "usfarm"},
    "farm_ok": {}, "history_farm_broken": {}, "history_farm_ok": {},
    "definitions_farm_broken": {}, "definitions_farm_ok": {},
    "restart": {"seconds": 0.01, "refuse_seconds": 0.01}, "omit": {"message": "TickSize"},
    "repeat": {"message": "OrderStatus", "count_messages": 2}, "swap": {"message": "TickPrice"},
    "spare_answers": {}, "desync_orders": {"client_id": 1}, "resync_orders": {"client_id": 1},
    "cancel_silently": {"client_id": 1, "order_id": 2}, "refuse_client_ids": {"seconds": 0.01},
    "delay_commissions": {"seconds": 1}, "repeat_executions": {"times": 2},
    "wrong_next_valid_id": {"order_id": 1}, "correct_execution": {"exec_id": "", "price": 50.5},
    "bust_execution": {"exec_id": ""}, "bust_trade": {}, "competing_session": {},
    "lend_shares": {"symbol": "KO", "shares": 5}, "clock_jump": {"seconds": 2},
}  # fmt: skip
TRIGGER = "FamilyCodesRequest"


def test_the_table_above_has_every_fault():
    faults = {name for name, _ in inspect.getmembers(Faults, inspect.isfunction) if name[0] != "_"}
    assert set(ARGUMENTS) == faults


def order(quantity, **settings):
    return wire.Order(action="BUY", totalQuantity=Decimal(quantity), transmit=True, **settings)


def written(value):
    return value if isinstance(value, str) else json.dumps(value)


def settings_of(source, do, tmp_path):
    """Return the settings that make a source cause a fault when it is asked to."""
    if source == "scenario file":
        path = tmp_path / "mine.toml"
        lines = [f"{key} = {json.dumps(value)}" for key, value in ARGUMENTS[do].items()]
        path.write_text("\n".join(["[[step]]", f'on = "{TRIGGER}"', f'do = "{do}"', *lines]))
        return {"scenario": path}
    if source == "command line":
        words = [f"'{key}={written(value)}'" for key, value in ARGUMENTS[do].items()]
        return {"faults": [" ".join([do, f"on={TRIGGER}", *words])]}
    return {"control_port": 0} if source == "control port" else {}


async def cause(source, do, gateway, client):
    if source == "in process":
        getattr(gateway.faults, do)(**ARGUMENTS[do])
    elif source == "control port":
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.control_port)
        writer.write(json.dumps({"do": do, **ARGUMENTS[do]}).encode() + b"\n")
        assert json.loads(await reader.readline()) == {"ok": True}
        writer.close()
        await writer.wait_closed()
    else:
        received = gateway.server.messages_received
        client.send(wire.FamilyCodesRequest())
        async with asyncio.timeout(5):
            while gateway.server.messages_received == received:  # noqa: ASYNC110 - another's turn
                await asyncio.sleep(0)


@pytest.mark.parametrize("source", ["scenario file", "command line", "in process", "control port"])
@pytest.mark.parametrize("do", ARGUMENTS)
async def test_a_fault_in_the_middle_of_a_run_leaves_the_books_right(
    start_gateway, quotes_file, tmp_path, source, do
):
    caused = []
    gateway = await start_gateway(
        replay=[quotes_file], pacing=False, **settings_of(source, do, tmp_path)
    )
    async with await RawClient.connect(gateway.host, gateway.port, client_id=1) as client:
        await client.receive(wire.NextValidId)
        client.send(wire.MarketDataRequest(reqId=9, contract=KO))
        client.send(
            wire.PlaceOrderRequest(orderId=1, contract=KO, order=order(100, orderType="MKT"))
        )
        low = order(50, orderType="LMT", lmtPrice=40.0)
        client.send(wire.PlaceOrderRequest(orderId=2, contract=KO, order=low))
        await client.receive(wire.OrderStatus, about=2)
        await gateway.advance(1.5)
        original = getattr(Faults, do)

        def noted(self, *arguments, **named):
            caused.append(named)
            return original(self, *arguments, **named)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Faults, do, noted)
            await cause(source, do, gateway, client)
        assert caused == [ARGUMENTS[do]]
        await gateway.advance(3)

    truth = gateway.truth
    bought = {"bust_execution": 0}.get(do, 100)
    price = Decimal("50.5") if do == "correct_execution" else Decimal("50.02")
    cost = Decimal("1.00") if bought else Decimal(0)
    assert truth.positions() == ({"KO": Decimal(100)} if bought else {})
    assert truth.cash()["USD"] == Decimal(1_000_000) - bought * price - cost
    resting = truth.order(1, 2)
    assert resting.status == ("Cancelled" if do == "cancel_silently" else "Submitted")


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("drop at=60", Step(do="drop", at=60)),
        (
            "farm_broken on=order count=3 farm=usfarm.nj",
            Step(do="farm_broken", on="order", count=3, arguments={"farm": "usfarm.nj"}),
        ),
        (
            "notice at=1 every=5 code=2110 'text=two words'",
            Step(do="notice", at=1, every=5, arguments={"code": 2110, "text": "two words"}),
        ),
    ],
)
def test_a_fault_is_written_in_words(text, step):
    assert parse_fault(text) == step


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("on=order", "do='on=order' is no fault"),
        ("explode at=1", "do='explode' is no fault"),
        ("drop", "either `at`"),
        ("drop at=1 now", "'now' is no KEY=VALUE"),
        ("drop at=1 bytes=3", "unexpected keyword argument 'bytes'"),
    ],
)
def test_a_fault_that_cannot_be_says_why(text, reason):
    with pytest.raises(ConfigurationError) as caught:
        parse_fault(text if "at" in text or text == "drop" else f"{text} at=1".strip())
    assert reason in str(caught.value)
