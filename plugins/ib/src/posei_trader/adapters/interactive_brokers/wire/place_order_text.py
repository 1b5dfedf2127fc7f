"""Orders on their way out, as text, without a walk over every field that IB knows.

Where a term stands depends on the server's version and on the contract. `ibapi` is asked once for
each contract: it writes an order whose every term is the term's own name, and one without terms.
An order is the second, with its own terms where the first shows their names. Orders of kinds that
have fields of their own, and terms and texts that are not plain, are left to `ibapi`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

from ibapi.const import DOUBLE_INFINITY, INFINITY_STR, UNSET_DOUBLE, UNSET_INTEGER

from posei_trader.adapters.interactive_brokers.wire.framing import frame
from posei_trader.adapters.interactive_brokers.wire.place_order import TERMS, SparseOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from ibapi.order import Order

__all__ = ["PlaceOrderTextEncoder"]

_PREFIX: Final = 4
_ORDER_ID: Final = "?orderId?"
_MARKS: Final = {f"?{name}?": name for name in TERMS}
_PEGGED: Final = "PEG"
"""How the order types begin that have fields of their own."""
_CONTRACTS_AT_MOST: Final = 1_000


class _Template(NamedTuple):
    """An order for one contract.

    Attributes:
        head: What precedes the order id.
        fields: The texts from the order id on, of an order without terms.
        places: Where each term stands among them, and what writes it.
    """

    head: str
    fields: list[str]
    places: dict[str, tuple[int, Callable[[Any], str | None]]]


@final
class PlaceOrderTextEncoder:
    """Write orders for one connection.

    Args:
        whole: Returns what `ibapi` sends for an order: whole frames.
    """

    def __init__(self, whole: Callable[[Any, Any, Order], bytes]) -> None:
        self._whole = whole
        self._templates: dict[Hashable, _Template | None] = {}

    def encode(self, order_id: int, contract: Hashable, order: Order) -> bytes | None:
        """Return the frame of an order; None where `ibapi` has to write it.

        Args:
            order_id: IB's order id.
            contract: What is traded: what `whole` takes.
            order: The order.

        Raises:
            PoseiError: what `whole` raised.
            TypeError, ValueError: a term cannot be written on the wire.
        """
        if type(order) is not SparseOrder:
            return None
        terms = vars(order)
        if not terms.keys() <= TERMS.keys() or str(order.orderType).startswith(_PEGGED):
            return None
        try:
            template = self._templates[contract]
        except KeyError:
            template = self._template(contract)
        if template is None:
            return None
        head, fields, places = template
        fields = fields.copy()
        fields[0] = str(order_id)
        for name, value in terms.items():
            place = places.get(name)
            if place is None:
                continue  # as `ibapi`: the client id, which is the connection's
            at, write = place
            written = write(value)
            if written is None:
                return None
            fields[at] = written
        return frame((head + "\0".join(fields)).encode())

    def _template(self, contract: Hashable) -> _Template | None:
        if len(self._templates) >= _CONTRACTS_AT_MOST:
            del self._templates[next(iter(self._templates))]
        blank, marked = SparseOrder(), SparseOrder()
        vars(marked).update((name, mark) for mark, name in _MARKS.items())
        template = self._templates[contract] = _compared(
            self._whole(0, contract, blank)[_PREFIX:].decode(),
            self._whole(_ORDER_ID, contract, marked)[_PREFIX:].decode(),
        )
        return template


def _compared(blank: str, marked: str) -> _Template | None:
    """Return the template; None where the contract's texts look like the marks."""
    head = marked.partition(_ORDER_ID)[0]
    fields = blank[len(head) :].split("\0")
    found = marked[len(head) :].split("\0")
    places: dict[str, tuple[int, Callable[[Any], str | None]]] = {}
    for at, (text, mark) in enumerate(zip(fields, found, strict=True)):
        name = _MARKS.get(mark)
        if at and (name in places or (name is None) != (mark == text)):
            return None
        if name is not None:
            is_number = not isinstance(getattr(SparseOrder, name), str)
            places[name] = at, _emptied if is_number and not text else _written
    return _Template(head, fields, places)


def _written(value: Any) -> str | None:
    if type(value) is str:
        return value if value.isascii() and value.isprintable() else None
    if type(value) is bool:
        return "1" if value else "0"
    return None if value is None else str(value)


def _emptied(value: Any) -> str | None:
    if value in (UNSET_INTEGER, UNSET_DOUBLE):
        return ""
    return INFINITY_STR if value == DOUBLE_INFINITY else _written(value)
