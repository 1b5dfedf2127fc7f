"""Order conditions and leg prices, whose text form depends on the values themselves."""

import msgspec

from posei_ib_sim.wire.messages import ComboLeg, OrderCondition
from posei_ib_sim.wire.text import values
from posei_ib_sim.wire.text.cursor import Cursor, FieldError
from posei_ib_sim.wire.text.values import Kind

_FIELDS: dict[int, tuple[tuple[str, Kind], ...]] = {
    1: (
        ("isMore", values.BOOL),
        ("price", values.DOUBLE),
        ("conId", values.INT),
        ("exchange", values.STRING),
        ("triggerMethod", values.INT),
    ),
    3: (("isMore", values.BOOL), ("time", values.STRING)),
    4: (("isMore", values.BOOL), ("percent", values.INT)),
    5: (("secType", values.STRING), ("exchange", values.STRING), ("symbol", values.STRING)),
    6: (
        ("isMore", values.BOOL),
        ("volume", values.INT),
        ("conId", values.INT),
        ("exchange", values.STRING),
    ),
    7: (
        ("isMore", values.BOOL),
        ("changePercent", values.DOUBLE),
        ("conId", values.INT),
        ("exchange", values.STRING),
    ),
}
_SHORTEST = 4  # type, conjunction and two values: a time or margin condition


def write_conditions(order: object, out: list[str]) -> None:
    """Append an order's conditions behind their count.

    Raises:
        FieldError: a condition's type is unknown.
    """
    conditions: tuple[OrderCondition, ...] = getattr(order, "conditions")  # noqa: B009 - untyped record
    out.append(str(len(conditions)))
    for condition in conditions:
        fields = _FIELDS.get(condition.type or 0)
        if fields is None:
            raise FieldError("conditions.type", repr(condition.type), "is not a condition type")
        out.extend((str(condition.type), "a" if condition.isConjunctionConnection else "o"))
        for name, kind in fields:
            value = getattr(condition, name)
            out.append("" if value is None else kind.write(value))


def read_conditions(cursor: Cursor, draft: dict[str, object]) -> None:
    """Take an order's conditions.

    Raises:
        FieldError: a type, conjunction or value is malformed; an order is never taken without
            a condition it came with.
    """
    count = cursor.count("conditions", _SHORTEST)
    draft["conditions"] = tuple(_read_condition(cursor) for _ in range(count))


def _read_condition(cursor: Cursor) -> OrderCondition:
    type_text, conjunction = cursor.take(), cursor.take()
    fields = _FIELDS.get(int(type_text)) if type_text in {"1", "3", "4", "5", "6", "7"} else None
    if fields is None:
        raise FieldError("conditions.type", type_text, "is not a condition type")
    if conjunction not in {"a", "o"}:
        raise FieldError("conditions.conjunction", conjunction, "is neither a (and) nor o (or)")
    draft: dict[str, object] = {}
    for name, kind in fields:
        text = cursor.take()
        try:
            if text:
                draft[name] = kind.read(text)
        except ValueError as error:
            raise FieldError(f"conditions.{name}", text, str(error)) from None
    return msgspec.structs.replace(
        OrderCondition(type=int(type_text), isConjunctionConnection=conjunction == "a"), **draft
    )


def write_leg_prices(contract: object, out: list[str]) -> None:
    """Append the price of every leg, or a count of 0 when none has one."""
    legs: tuple[ComboLeg, ...] = getattr(contract, "comboLegs")  # noqa: B009 - untyped record
    prices = [leg.perLegPrice for leg in legs]
    if all(price is None for price in prices):
        out.append("0")
        return
    out.append(str(len(prices)))
    out.extend("" if price is None else values.write_double(price) for price in prices)


def read_leg_prices(cursor: Cursor, draft: dict[str, object]) -> None:
    """Take the prices of the legs that were read before.

    Raises:
        FieldError: more prices than legs, or a price is malformed.
    """
    count = cursor.count("orderComboLegs", 1)
    texts = [cursor.take() for _ in range(count)]
    legs = draft.get("comboLegs")
    legs = legs if isinstance(legs, tuple) else ()
    if count > len(legs):
        raise FieldError("number of orderComboLegs", str(count), f"exceeds the {len(legs)} legs")
    priced = [_priced(leg, text) for leg, text in zip(legs, texts, strict=False)]
    draft["comboLegs"] = (*priced, *legs[count:])


def _priced(leg: ComboLeg, text: str) -> ComboLeg:
    try:
        price = values.read_double(text) if text else None
    except ValueError as error:
        raise FieldError("orderComboLegs.price", text, str(error)) from None
    return msgspec.structs.replace(leg, perLegPrice=price)
