"""The terms of IB that our order model has no field for: from an order's tags onto IB's order.

Every field of :class:`IBOrderTags` ends on IB's order or is an error: no term is ever dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ibapi.softdollartier import SoftDollarTier as IBSoftDollarTier
from ibapi.tag_value import TagValue as IBTagValue

from posei_trader.adapters.interactive_brokers.order_tags import IBOrderTags, SoftDollarTier
from posei_trader.adapters.interactive_brokers.orders.conditions import encode_conditions
from posei_trader.adapters.interactive_brokers.venue_time import format_utc, parse_time
from posei_trader.errors import InvalidRequest, Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ibapi.order import Order as IBOrder

    from posei_trader.adapters.interactive_brokers.contract_types import TagValue

_TIMES: Final = frozenset({"activeStartTime", "activeStopTime", "goodAfterTime", "manualOrderTime"})
_PAIRS: Final = frozenset({"algoParams", "orderMiscOptions", "smartComboRoutingParams"})
_CANCEL_WITH_BLOCK: Final = 1
_NONE: Final = IBOrderTags()


def read_tags(tags: Iterable[str]) -> IBOrderTags:
    """Return the terms of IB among the tags; other tags are not ours and are left alone.

    Raises:
        InvalidRequest: a tag of ours cannot be read, or there are two.
    """
    ours = [tag for tag in tags if IBOrderTags.is_tag(tag)]
    if len(ours) > 1:
        raise InvalidRequest(
            "an order has two IBOrderTags",
            field="tags",
            value=ours,
            remedy="put all terms into one IBOrderTags(...)",
        )
    return IBOrderTags.parse(ours[0]) if ours else _NONE


def apply_tags(order: IBOrder, tags: IBOrderTags) -> None:
    """Put the terms on IB's order.

    Raises:
        Unsupported: the installed ibapi knows no such term.
        InvalidRequest: a time or its zone is unknown.
    """
    if tags is _NONE:
        return
    for name, value in tags.set_fields().items():
        if name == "NonGuaranteed":
            pairs = list(order.smartComboRoutingParams or [])
            order.smartComboRoutingParams = [*pairs, IBTagValue("NonGuaranteed", "1")]
            continue
        if name == "orderComboLegs":
            continue  # by `put_leg_prices`, which knows the legs
        if not hasattr(order, name):
            raise Unsupported(
                f"the installed ibapi has no order term {name}",
                field=f"IBOrderTags.{name}",
                value=value,
                remedy="install a newer ibapi, or leave the term out",
            )
        setattr(order, name, _encoded(name, value, order))
    if order.ocaGroup and not order.ocaType:
        order.ocaType = _CANCEL_WITH_BLOCK


def _encoded(name: str, value: object, order: IBOrder) -> object:
    if name in _TIMES:
        return format_utc(parse_time(str(value)))
    if name == "conditions":
        return encode_conditions(value)  # type: ignore[arg-type]  # the tags' field of that name
    if name in _PAIRS:
        present = list(getattr(order, name) or [])
        return [*present, *_pairs(value)]  # type: ignore[arg-type]  # same
    if isinstance(value, SoftDollarTier):
        return IBSoftDollarTier(value.name, value.val, value.displayName)
    return value


def _pairs(values: tuple[TagValue, ...]) -> list[IBTagValue]:
    return [IBTagValue(pair.tag, pair.value) for pair in values]
