"""What IB cannot honour: found before an order is sent, so that no term is dropped in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.orders.tables import (
    CLOSING_ORDER_TYPES,
    TRIGGERED_TYPES,
)
from posei_trader.adapters.interactive_brokers.orders.tag_rules import tag_complaints
from posei_trader.errors import Unsupported
from posei_trader.model.enums import OrderSide, OrderType, TimeInForce

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import OrderTerms

_T = OrderType
_F = TimeInForce

_PLAIN: Final = frozenset({_F.DAY, _F.GTC})
_IMMEDIATE: Final = frozenset({_F.IOC, _F.FOK})
_AT_AUCTION: Final = frozenset({_T.MARKET, _T.LIMIT})
_ICEBERG_TYPES: Final = frozenset(
    {_T.LIMIT, _T.STOP_LIMIT, _T.LIMIT_IF_TOUCHED, _T.TRAILING_STOP_LIMIT}
)


def check_supported(
    terms: OrderTerms, instrument: Instrument, *, sec_type: str, now_ns: int
) -> None:
    """Check that IB can honour every term.

    Args:
        terms: What is asked for.
        instrument: What is to be traded.
        sec_type: IB's type of the contract.
        now_ns: Now, UNIX ns UTC.

    Raises:
        Unsupported: it cannot; names the term and the alternative.
        InvalidRequest: a tag cannot be read.
    """
    for check in _CHECKS:
        for field, value, why, remedy in check(terms, instrument, sec_type, now_ns):
            raise Unsupported(
                f"Interactive Brokers {why}",
                field=f"order {terms.client_order_id} {field}",
                value=value,
                remedy=remedy,
            )


def is_plain(terms: OrderTerms, instrument: Instrument) -> bool:
    """Return whether an order has nothing about it that `check_supported` could complain of."""
    return instrument.is_tradable and not (
        terms.time_in_force not in _PLAIN
        or terms.post_only
        or terms.reduce_only
        or terms.quote_quantity
        or terms.display_qty is not None
        or terms.tags
    )


_Complaint = tuple[str, object, str, str]


def _instrument(
    terms: OrderTerms, instrument: Instrument, _sec_type: str, _now_ns: int
) -> Iterator[_Complaint]:
    # Whether a contract has expired is for the venue to say: a replay lives in another year.
    if not instrument.is_tradable:
        yield (
            "instrument_id",
            terms.instrument_id,
            f"takes no orders for a {instrument.kind}",
            "trade a contract that it stands for",
        )


def _flags(
    terms: OrderTerms, _instrument: Instrument, sec_type: str, _now_ns: int
) -> Iterator[_Complaint]:
    if terms.post_only:
        yield (
            "post_only",
            True,
            "cannot promise that an order only adds liquidity",
            "send a plain limit order, at a price that does not cross",
        )
    if terms.reduce_only:
        yield (
            "reduce_only",
            True,
            "cannot promise that an order only reduces a position",
            "send the quantity that is open, without the flag",
        )
    if terms.quote_quantity and not (
        sec_type == "CRYPTO" and terms.order_type is _T.MARKET and terms.order_side is OrderSide.BUY
    ):
        yield (
            "quote_quantity",
            True,
            "takes an amount of money only for market orders that buy crypto",
            "give the quantity in units of the instrument",
        )
    if terms.display_qty is not None:
        yield from _display(terms)


def _display(terms: OrderTerms) -> Iterator[_Complaint]:
    if terms.order_type not in _ICEBERG_TYPES:
        yield (
            "display_qty",
            terms.display_qty,
            f"cannot hide a part of a {terms.order_type} order",
            "use a limit order",
        )
    if terms.display_qty is not None and (
        terms.display_qty.raw == 0 or terms.display_qty.as_decimal() % 1
    ):
        yield (
            "display_qty",
            terms.display_qty,
            "shows only whole, positive sizes",
            "give a whole number; for an invisible order use the tag hidden",
        )


def _time_in_force(
    terms: OrderTerms, _instrument: Instrument, _sec_type: str, now_ns: int
) -> Iterator[_Complaint]:
    tif, kind = terms.time_in_force, terms.order_type
    if tif is _F.AT_THE_CLOSE and kind not in CLOSING_ORDER_TYPES:
        yield (
            "time_in_force",
            tif,
            f"takes only market and limit orders at the close, not {kind}",
            "use MARKET or LIMIT, or another time in force",
        )
    if tif is _F.AT_THE_OPEN and kind not in _AT_AUCTION:
        yield (
            "time_in_force",
            tif,
            f"takes only market and limit orders at the open, not {kind}",
            "use MARKET or LIMIT, or another time in force",
        )
    if tif in _IMMEDIATE and (kind in TRIGGERED_TYPES or kind is _T.MARKET_TO_LIMIT):
        yield (
            "time_in_force",
            tif,
            f"cannot execute at once what waits: {kind} with {tif}",
            "use DAY or GTC",
        )
    if tif is _F.GTD and terms.expire_time_ns <= now_ns:
        yield (
            "expire_time_ns",
            terms.expire_time_ns,
            "takes no order whose time is over",
            "give a moment that lies ahead",
        )


_CHECKS: Final[tuple[Callable[[OrderTerms, Instrument, str, int], Iterator[_Complaint]], ...]] = (
    _instrument,
    _flags,
    _time_in_force,
    tag_complaints,
)
