"""Terms of an order that `ibapi` leaves out, without a word, of what it writes.

By the text protocol it has no field for the newer terms, and some are written for certain orders
only; by protobuf it has none for the auction strategy. An order that lost a term is another order,
so these are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.errors import Unsupported

if TYPE_CHECKING:
    from ibapi.contract import Contract
    from ibapi.order import Order

__all__ = ["check_written"]

_PROTOBUF_FROM: Final = 203
"""The server version from which `ibapi` writes orders as protobuf."""

_UNSET: Final = 2**31 - 1

_NOT_IN_TEXT: Final[dict[str, object]] = {
    "allowPreOpen": False,
    "bondAccruedInterest": "",
    "conditionsIncludeOvernight": False,
    "deactivate": False,
    "hedgeMaxSize": _UNSET,
    "ignoreOpenAuction": False,
    "postOnly": False,
    "routeMarketableToBbo": None,
    "seekPriceImprovement": None,
    "whatIfType": _UNSET,
}
"""Terms that have no place in a text, and the values that say nothing."""

_ATS: Final = "IBKRATS"


def check_written(order: Order, contract: Contract, server_version: int) -> None:
    """Check that every term of an order has a place in what `ibapi` writes for a server.

    Raises:
        Unsupported: one has none.
    """
    if server_version >= _PROTOBUF_FROM:
        if order.auctionStrategy:
            raise _lost("auctionStrategy", order.auctionStrategy, "leave it out")
        return
    for name, nothing in _NOT_IN_TEXT.items():
        value = getattr(order, name, nothing)
        if value != nothing:
            raise _lost(name, value, "update TWS or IB Gateway, or leave it out")
    if order.minTradeQty != _UNSET and contract.exchange != _ATS:
        raise _lost("minTradeQty", order.minTradeQty, f"route the order to {_ATS}, or leave it out")


def _lost(name: str, value: object, remedy: str) -> Unsupported:
    return Unsupported(
        f"ibapi does not write the order term {name} for this gateway",
        field=f"IBOrderTags.{name}",
        value=value,
        remedy=remedy,
    )
