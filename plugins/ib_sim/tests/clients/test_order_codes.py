"""Every refusal of an order that a client may meet, reached through the official client."""

import importlib.util
import json
from pathlib import Path

import pytest
from ibapi.contract import Contract

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

OPEN, CLOSED = "2024-03-05T15:00:00", "2024-03-05T02:00:00"


def crypto():
    contract = Contract()
    contract.symbol, contract.secType = "BTC", "CRYPTO"
    contract.exchange, contract.currency = "PAXOS", "USD"
    return contract


def changed(kind, *arguments, **fields):
    placed = order(*arguments)
    placed.orderType = kind
    for name, value in fields.items():
        setattr(placed, name, value)
    return placed


async def nothing(client, gateway, wait_until, connect):
    """Need no order before."""


async def resting(client, gateway, wait_until, connect):
    """Have an order 1 that rests."""
    client.placeOrder(1, stock("KO"), order("BUY", 100, "LMT", 1.0))
    await wait_until(lambda: gateway.truth.open_orders)


async def filled(client, gateway, wait_until, connect):
    """Have an order 1 that is filled."""
    client.placeOrder(1, stock("KO"), order("BUY", 10))
    await wait_until(lambda: gateway.truth.orders)
    await gateway.advance(60)
    await wait_until(lambda: gateway.truth.orders[0].is_final)


async def of_another_client(client, gateway, wait_until, connect):
    """Have an order 1 of somebody else."""
    await resting(await connect(gateway, 9), gateway, wait_until, connect)


CASES = {
    103: (resting, lambda c: (c.placeOrder(3, stock("KO"), order("BUY", 1, "LMT", 1.0)),
                              c.placeOrder(2, stock("KO"), order("BUY", 1, "LMT", 1.0))),
          "Duplicate order id"),
    104: (filled, lambda c: c.placeOrder(1, stock("KO"), order("BUY", 20)),
          "Cannot modify a filled order."),
    105: (resting, lambda c: c.placeOrder(1, stock("KO"), order("SELL", 100, "LMT", 1.0)),
          "Order being modified does not match original order"),
    110: (nothing, lambda c: c.placeOrder(2, stock("KO"), order("BUY", 1, "LMT", 60.001)),
          "The price does not conform to the minimum price variation for this contract."),
    135: (of_another_client, lambda c: c.cancelOrder(1, OrderCancel()), "Can't find order with id"),
    161: (nothing, lambda c: c.reqGlobalCancel(OrderCancel()),
          "Cancel attempted when order is not in a cancellable state."),
    200: (nothing, lambda c: c.placeOrder(2, stock("NOSUCH"), order("BUY", 1)),
          "No security definition has been found for the request"),
    201: (nothing, lambda c: c.placeOrder(2, stock("KO"), order("BUY", 1_000_000)),
          "Order rejected - reason:YOUR ORDER IS NOT ACCEPTED."),
    202: (resting, lambda c: c.cancelOrder(1, OrderCancel()), "Order Canceled - reason:"),
    334: (nothing, lambda c: c.placeOrder(2, stock("KO"), changed("MKT", "BUY", 1, tif="GTD",
                                                                  goodTillDate="20240304-10:00:00")),
          "Invalid Good Till Date order"),
    387: (nothing, lambda c: c.placeOrder(2, stock("KO"), order("BUY", 1, "BOX TOP")),
          "Unsupported order type for this exchange and security type."),
    388: (nothing, lambda c: c.placeOrder(2, stock("KO"), order("BUY", "0.00001")),
          "smaller than the minimum required size"),
    434: (nothing, lambda c: c.placeOrder(2, stock("KO"), order("BUY", 0)),
          "The order size cannot be zero."),
    10006: (nothing, lambda c: c.placeOrder(2, stock("KO"), changed("MKT", "BUY", 1, parentId=77)),
            "Missing parent order"),
    10147: (nothing, lambda c: c.cancelOrder(77, OrderCancel()),
            "OrderId 77 that needs to be cancelled is not found."),
    10148: (filled, lambda c: c.cancelOrder(1, OrderCancel()),
            "OrderId 1 that needs to be cancelled cannot be cancelled, state: Filled."),
    10289: (nothing, lambda c: c.placeOrder(2, crypto(), changed("MKT", "BUY", 1, tif="IOC")),
            "You must set Cash Quantity for this order."),
    10318: (nothing, lambda c: c.placeOrder(2, crypto(), order("BUY", "0.123456789", "LMT", 20000)),
            "This order doesn't support fractional quantity trading"),
}  # fmt: skip


@pytest.mark.parametrize("version", [178, 226])
@pytest.mark.parametrize("code", CASES)
async def test_each_code_is_reached_with_its_text(
    start_gateway, connect, wait_until, code, version
):
    prepare, act, text = CASES[code]
    gateway = await start_gateway(start=OPEN, server_version=version)
    client = await connect(gateway)
    await prepare(client, gateway, wait_until, connect)
    act(client)
    await wait_until(lambda: code in {found for _, found, _ in client.errors()})
    (told,) = [words for _, found, words in client.errors() if found == code]
    assert text in told


@pytest.mark.parametrize(
    ("settings", "act", "code"),
    [
        ({"read_only": True}, lambda c: c.placeOrder(1, stock("KO"), order("BUY", 1)), 321),
        ({"read_only": True}, lambda c: c.reqGlobalCancel(OrderCancel()), 321),
        (
            {"trading_permissions": ("FUT",)},
            lambda c: c.placeOrder(1, stock("KO"), order("BUY", 1)),
            460,
        ),
        (
            {"shortable_shares": {"KO": 0}},
            lambda c: c.placeOrder(1, stock("KO"), order("SELL", 1)),
            404,
        ),
        ({"order_presets": True}, lambda c: c.placeOrder(1, stock("KO"), order("BUY", 1)), 10349),
        ({"start": CLOSED}, lambda c: c.placeOrder(1, stock("KO"), order("BUY", 1)), 399),
    ],
)
async def test_settings_and_hours_have_their_codes(
    start_gateway, connect, wait_until, settings, act, code
):
    gateway = await start_gateway(**{"start": OPEN, **settings})
    client = await connect(gateway)
    act(client)
    await wait_until(lambda: code in {found for _, found, _ in client.errors()})


@pytest.mark.parametrize("version", [178, 226])
async def test_a_rejection_that_can_be_overridden_says_how(
    start_gateway, connect, wait_until, version
):
    gateway = await start_gateway(start=OPEN, limit_percent=5, server_version=version)
    await gateway.advance(60)
    client = await connect(gateway)
    far = round(gateway.truth.board("KO").mark * 1.2, 2)
    client.placeOrder(1, stock("KO"), order("BUY", 10, "LMT", far))
    await wait_until(client.errors)
    (told,) = [call for call in client.calls["error"] if call[2] == 201]
    override = json.loads(told[4])["rejects"][0]["8229"]
    again = order("BUY", 10, "LMT", far)
    again.advancedErrorOverride = f"8229={override}"
    client.placeOrder(2, stock("KO"), again)
    await wait_until(lambda: gateway.truth.open_orders)
    assert [one.status for one in gateway.truth.orders] == ["Inactive", "Submitted"]
