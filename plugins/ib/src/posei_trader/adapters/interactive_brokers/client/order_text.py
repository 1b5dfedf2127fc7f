"""What IB says about orders, read from its text messages without the detour over `ibapi`.

As :mod:`.order_protobuf`, for servers that speak text.
"""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Final, final

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE

from posei_trader.adapters.interactive_brokers.client.messages import (
    CommissionReport,
    ExecutionRecord,
    OrderGlance,
    OrderStatusUpdate,
)
from posei_trader.adapters.interactive_brokers.client.order_protobuf import (
    OrderSink,
    known_number,
    quantity_or_zero,
)
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.open_order_layout import OpenOrderLayout
from posei_trader.adapters.interactive_brokers.wire.sizes import UNSET_TEXTS, Floats
from posei_trader.adapters.interactive_brokers.wire.texts import Texts, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["OrderText"]

ORDER_STATUS: Final = 3
OPEN_ORDER: Final = 5
EXECUTION: Final = 11
COMMISSION: Final = 59

_STATUS_FIELDS: Final = 11
_EXECUTION_FIELDS: Final = 30
_REVISION_FROM: Final = 178
_SUBMITTER_FROM: Final = 198
_COMMISSION_FIELDS: Final = 7
_CONTRACT: Final = slice(2, 13)
_CONTRACTS_AT_MOST: Final = 1_000
_REMEMBERED: Final = 4_096

_WANTED: Final = (
    "orderId",
    "status",
    "rejectReason",
    "account",
    "clientId",
    "permId",
    "parentId",
    "orderRef",
    "whatIf",
    "totalQuantity",
    "lmtPrice",
    "auxPrice",
    "trailStopPrice",
    "cashQty",
)


@final
class OrderText:
    """Decode and deliver.

    Args:
        server_version: The negotiated version.
        sink: Takes what was read.
        whole: Has `ibapi` decode a message and delivers all of it.
        contract: Returns the contract of a message, as `ibapi` decodes it.
    """

    def __init__(
        self,
        server_version: int,
        sink: OrderSink,
        whole: Callable[[int, bytes], None],
        contract: Callable[[int, bytes], IBContract],
    ) -> None:
        self._sink = sink
        self._whole = whole
        self._contract = contract
        self._contracts: dict[tuple[bytes, ...], IBContract] = {}
        self._texts = Texts()
        self._floats = Floats()
        self._quantities = _Quantities()
        self._layout = OpenOrderLayout(server_version, _WANTED)
        self._has_revision = server_version >= _REVISION_FROM
        self._execution_fields = (
            _EXECUTION_FIELDS + self._has_revision + (server_version >= _SUBMITTER_FROM)
        )

    def table(self) -> dict[int, Callable[[bytes], None]]:
        """Return the decoders by message id on the wire."""
        return {
            ORDER_STATUS: partial(self._read, self._order_status),
            OPEN_ORDER: partial(self._read, self._open_order),
            EXECUTION: partial(self._read, self._execution),
            COMMISSION: partial(self._read, self._commission),
        }

    def _read(self, decode: Callable[[bytes], None], payload: bytes) -> None:
        """Decode; what is wrong is told without the field, which may hold an account number."""
        try:
            decode(payload)
        except MalformedMessage:
            raise
        except (ValueError, ArithmeticError) as error:
            raise MalformedMessage(f"a field does not decode: {type(error).__name__}") from None

    def _open_order(self, payload: bytes) -> None:
        picked = self._layout.pick(payload.split(b"\0"))
        if picked is None or not self._sink.take_glance(self._glance(*picked)):
            self._whole(OPEN_ORDER, payload)

    def _glance(
        self,
        order_id: bytes,
        status: bytes,
        reject_reason: bytes,
        account: bytes,
        client_id: bytes,
        perm_id: bytes,
        parent_id: bytes,
        order_ref: bytes,
        what_if: bytes,
        quantity: bytes,
        limit: bytes,
        aux: bytes,
        stop: bytes,
        cash: bytes,
    ) -> OrderGlance:
        texts = self._texts
        return OrderGlance(
            int(order_id or 0),
            texts[status],
            text(reject_reason),
            texts[account],
            int(client_id or 0),
            int(perm_id or 0),
            int(parent_id or 0),
            text(order_ref),
            int(what_if or 0) != 0,
            self._quantities[quantity],
            float(limit) if limit else UNSET_DOUBLE,
            float(aux) if aux else UNSET_DOUBLE,
            float(stop or 0),
            float(cash or 0),
        )

    def _order_status(self, payload: bytes) -> None:
        fields = _fields(payload, _STATUS_FIELDS, "an order's status")
        floats, quantities = self._floats, self._quantities
        self._sink.take_status(
            OrderStatusUpdate(
                int(fields[0] or 0),
                self._texts[fields[1]],
                quantity_or_zero(quantities[fields[2]]),
                quantity_or_zero(quantities[fields[3]]),
                known_number(floats[fields[4]]) or 0.0,
                int(fields[5] or 0),
                int(fields[6] or 0),
                known_number(floats[fields[7]]) or 0.0,
                int(fields[8] or 0),
                self._texts[fields[9]],
                known_number(floats[fields[10]]) or 0.0,
            )
        )

    def _execution(self, payload: bytes) -> None:
        fields = _fields(payload, self._execution_fields, "an execution")
        texts, quantities = self._texts, self._quantities
        row = ExecutionRecord(
            self._contract_of(tuple(fields[_CONTRACT]), payload),
            text(fields[13]),
            text(fields[14]),
            texts[fields[15]],
            texts[fields[16]],
            texts[fields[17]],
            quantity_or_zero(quantities[fields[18]]),
            float(fields[19] or 0),
            int(fields[20] or 0),
            int(fields[21] or 0),
            int(fields[1] or 0),
            int(fields[22] or 0) != 0,
            quantity_or_zero(quantities[fields[23]]),
            float(fields[24] or 0),
            text(fields[25]),
            int(fields[29] or 0),
            self._has_revision and int(fields[30] or 0) != 0,
            texts[fields[28]],
            texts[fields[26]],
            float(fields[27] or 0),
        )
        self._sink.take_execution(int(fields[0] or 0), row)

    def _contract_of(self, key: tuple[bytes, ...], payload: bytes) -> IBContract:
        """Return a contract; the same fields are decoded once."""
        known = self._contracts.get(key)
        if known is None:
            known = self._contract(EXECUTION, payload)
            if len(self._contracts) >= _CONTRACTS_AT_MOST:
                del self._contracts[next(iter(self._contracts))]
            self._contracts[key] = known
        return known

    def _commission(self, payload: bytes) -> None:
        fields = _fields(payload, _COMMISSION_FIELDS, "a commission report")
        self._sink.take_commission(
            CommissionReport(
                text(fields[1]),
                float(fields[2] or 0),
                self._texts[fields[3]],
                known_number(float(fields[4] or 0)),
            )
        )


def _fields(payload: bytes, least: int, what: str) -> list[bytes]:
    """Return the fields, and behind them the empty end of the last."""
    fields = payload.split(b"\0")
    if len(fields) <= least:
        raise MalformedMessage(f"{what} has {len(fields) - 1} fields instead of {least}")
    return fields


class _Quantities(dict[bytes, Decimal]):
    """Quantities by their bytes on the wire, an unset one as `ibapi` has it; bounded."""

    def __missing__(self, key: bytes) -> Decimal:
        found = key.decode()
        number = UNSET_DECIMAL if found in UNSET_TEXTS else Decimal(found)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = number
        return number
