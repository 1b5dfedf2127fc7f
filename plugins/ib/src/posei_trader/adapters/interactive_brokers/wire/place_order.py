"""Orders on their way out, in protobuf form, without a walk over every term that IB knows.

An order of ours sets a dozen of IB's two hundred terms. `SparseOrder` is `ibapi`'s order that keeps
only those. What `ibapi` itself writes for the contract and for an order without terms is asked for
once and kept; an order is that, and its own terms on top. Terms that are not listed here and orders
of other kinds are left to `ibapi`. For servers that take orders as text: :mod:`.place_order_text`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER
from ibapi.order import Order

from posei_trader.adapters.interactive_brokers.wire.framing import frame_with_id, split_frame
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import generated

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from decimal import Decimal

__all__ = ["PLACE_ORDER", "PLACE_ORDERS_FROM", "TERMS", "PlaceOrderEncoder", "SparseOrder"]

PLACE_ORDER: Final = 203
"""The message id, with protobuf behind it."""

PLACE_ORDERS_FROM: Final = 203
"""First server version that takes orders so."""

_CONTRACTS_AT_MOST: Final = 1_000


@final
class SparseOrder(Order):
    """An order whose unset terms lie on the class: `vars()` of one are the terms that were set."""

    def __init__(self) -> None:
        """Set nothing."""


for _name, _value in vars(Order()).items():
    setattr(SparseOrder, _name, _value)


def _text(value: Any) -> Any:
    return value or None


def _flag(value: Any) -> Any:
    return True if value else None


def _whole(value: Any) -> Any:
    return None if value == UNSET_INTEGER else value


def _number(value: Any) -> Any:
    return None if value == UNSET_DOUBLE else value


def _quantity(value: Decimal) -> str | None:
    return None if value == UNSET_DECIMAL else f"{value:f}"


TERMS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(
        (
            "account",
            "action",
            "clearingAccount",
            "clearingIntent",
            "goodAfterTime",
            "goodTillDate",
            "ocaGroup",
            "orderRef",
            "orderType",
            "rule80A",
            "settlingFirm",
            "tif",
        ),
        _text,
    ),
    **dict.fromkeys(
        (
            "allOrNone",
            "blockOrder",
            "hidden",
            "outsideRth",
            "overridePercentageConstraints",
            "sweepToFill",
            "transmit",
            "whatIf",
        ),
        _flag,
    ),
    **dict.fromkeys(
        ("clientId", "displaySize", "minQty", "ocaType", "parentId", "triggerMethod"), _whole
    ),
    **dict.fromkeys(
        (
            "auxPrice",
            "cashQty",
            "lmtPrice",
            "lmtPriceOffset",
            "percentOffset",
            "trailStopPrice",
            "trailingPercent",
        ),
        _number,
    ),
    "totalQuantity": _quantity,
}
"""Terms that every release and every server takes, and how protobuf has each."""


@final
class PlaceOrderEncoder:
    """Write orders for one connection.

    Args:
        blank: Returns what `ibapi` sends for an order without any term: whole frames.
    """

    def __init__(self, blank: Callable[[Any], bytes]) -> None:
        self._blank = blank
        self._request: Any = generated("PlaceOrderRequest")
        self._templates: dict[Hashable, Any] = {}

    def encode(self, order_id: int, contract: Hashable, order: Order) -> bytes | None:
        """Return the frame of an order; None where `ibapi` has to write it.

        Args:
            order_id: IB's order id.
            contract: What is traded: what `blank` takes.
            order: The order.

        Raises:
            PoseiError: what `blank` raised.
            TypeError, ValueError: a term cannot be written on the wire.
        """
        if type(order) is not SparseOrder:
            return None
        terms = vars(order)
        if not terms.keys() <= TERMS.keys():
            return None
        template = self._templates.get(contract)
        if template is None:
            template = self._template(contract)
        request = self._request()
        request.CopyFrom(template)
        request.orderId = order_id
        target = request.order
        for name, value in terms.items():
            written = TERMS[name](value)
            if written is None:
                target.ClearField(name)
            else:
                setattr(target, name, written)
        return frame_with_id(PLACE_ORDER, request.SerializeToString())

    def _template(self, contract: Hashable) -> Any:
        _, body = split_frame(self._blank(contract))
        template = self._request.FromString(body)
        if len(self._templates) >= _CONTRACTS_AT_MOST:
            del self._templates[next(iter(self._templates))]
        self._templates[contract] = template
        return template
