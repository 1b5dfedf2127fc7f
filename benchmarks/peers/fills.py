"""Orders answered at once, in the messages and the order of a real gateway, from prepared bytes.

Every contestant sends the same order: one share at the market. Only its id and its reference are
read of it, and written into answers that were encoded before, so that the clients are measured.
"""

from __future__ import annotations

import time
from decimal import Decimal
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from posei_ib_sim import wire

if TYPE_CHECKING:
    from posei_ib_sim.server.session import Session

_PREFIX: Final = Struct(">I")
_PLACE_ORDER: Final = b"3\0"
_PLACE_ORDER_PROTOBUF: Final = _PREFIX.pack(203)
_REFERENCE_PLACE: Final = 26
_PERM_ID: Final = 1_000_000
"""Added to an order's id."""

_ORDER_ID: Final = 987_654_321
_MARKS: Final = {
    "id": _ORDER_ID,
    "perm": 987_654_322,
    "reference": "@reference@",
    "execution": "@id@",
}
_CLASSES: Final = {
    205: OpenOrder,
    203: OrderStatus,
    211: ExecutionDetails,
    259: CommissionAndFeesReport,
}


class Placed(NamedTuple):
    """What is told of an order, by the names of `_MARKS`."""

    id: int
    reference: str

    def values(self) -> dict[str, int | str]:
        """Return what stands where the marks do."""
        return {
            "id": self.id,
            "perm": _PERM_ID + self.id,
            "reference": self.reference,
            "execution": f"0001.{time.monotonic_ns():x}.01.01",
        }


def answered(session: Session, payload: bytes, account: str) -> bool:
    """Answer an order; False for what is none."""
    if payload.startswith(_PLACE_ORDER):
        fields = payload.split(b"\0", _REFERENCE_PLACE + 1)
        placed = Placed(int(fields[1]), fields[_REFERENCE_PLACE].decode())
    elif payload.startswith(_PLACE_ORDER_PROTOBUF):
        request = PlaceOrderRequest.FromString(payload[_PREFIX.size :])
        placed = Placed(request.orderId, request.order.orderRef)
    else:
        return False
    values = placed.values()
    write = session._transport.write  # noqa: SLF001 - past the gateway's own buffering
    for group in _templates(session.version, session.client_id, account):
        write(b"".join(_filled(frame, values) for frame in group))
    return True


def _filled(frame: bytes, values: dict[str, int | str]) -> bytes:
    message = _CLASSES.get(_PREFIX.unpack_from(frame)[0])
    if message is None:
        for name, mark in _MARKS.items():
            frame = frame.replace(str(mark).encode(), str(values[name]).encode())
        return _PREFIX.pack(len(frame)) + frame
    found = message.FromString(frame[_PREFIX.size :])
    if message is OpenOrder:
        found.orderId = found.order.orderId = values["id"]
        found.order.permId, found.order.orderRef = values["perm"], values["reference"]
    elif message is OrderStatus:
        found.orderId, found.permId = values["id"], values["perm"]
    elif message is ExecutionDetails:
        told = found.execution
        told.orderId, told.permId = values["id"], values["perm"]
        told.orderRef, told.execId = values["reference"], values["execution"]
    else:
        found.execId = values["execution"]
    body = frame[: _PREFIX.size] + found.SerializeToString()
    return _PREFIX.pack(len(body)) + body


@cache
def _templates(version: int, client_id: int, account: str) -> tuple[tuple[bytes, ...], ...]:
    """Return what is written about an order: acknowledged, then filled; frames without lengths."""
    contract = wire.Contract(
        conId=265598, symbol="AAPL", secType="STK", exchange="SMART", currency="USD"
    )
    ids = {"orderId": _ORDER_ID, "clientId": client_id, "permId": _MARKS["perm"]}
    order = wire.Order(
        **ids,
        action="BUY",
        totalQuantity=Decimal(1),
        orderType="MKT",
        tif="DAY",
        account=account,
        orderRef=_MARKS["reference"],
        transmit=True,
    )

    def told(name: str, filled: Decimal) -> tuple[wire.ServerMessage, ...]:
        state = wire.OrderState(status=name)
        return (
            wire.OpenOrder(orderId=_ORDER_ID, contract=contract, order=order, orderState=state),
            wire.OrderStatus(
                **ids,
                status=name,
                filled=filled,
                remaining=1 - filled,
                avgFillPrice=100.0 if filled else 0.0,
                lastFillPrice=0.0,
                mktCapPrice=0.0,
                parentId=0,
            ),
        )

    execution = wire.Execution(
        **ids,
        execId=_MARKS["execution"],
        time="20240305 15:00:00 UTC",
        acctNumber=account,
        exchange="NASDAQ",
        side="BOT",
        shares=Decimal(1),
        price=100.0,
        cumQty=Decimal(1),
        avgPrice=100.0,
        orderRef=_MARKS["reference"],
        lastLiquidity=2,
    )
    commission = wire.CommissionAndFeesReport(
        execId=execution.execId, commissionAndFees=1.0, currency="USD"
    )
    fill = wire.ExecutionDetails(reqId=-1, contract=contract, execution=execution)
    encode = wire.Codec(version).encode
    groups = told("Submitted", Decimal(0)), (fill, *told("Filled", Decimal(1)), commission)
    return tuple(tuple(encode(message)[_PREFIX.size :] for message in group) for group in groups)
