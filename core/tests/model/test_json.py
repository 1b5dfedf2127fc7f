"""Every fact of the model makes the round trip through JSON, whatever it holds."""

from __future__ import annotations

import importlib
import pkgutil
import string
import types
import typing
from decimal import Decimal
from enum import Enum, IntFlag

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import posei_trader.model as package
from posei_trader.model.accounts import AccountBalance
from posei_trader.model.bars import BarSpecification
from posei_trader.model.currencies import Currency, currencies
from posei_trader.model.enums import OrderType, TimeInForce
from posei_trader.model.identifiers import AccountId, Identifier, InstrumentId
from posei_trader.model.instruments import Instrument
from posei_trader.model.orders import NEEDS, OrderList, OrderTerms
from posei_trader.model.requests import (
    CancelAllOrders,
    CancelOrder,
    ModifyOrder,
    SubmitOrder,
    SubmitOrderList,
)
from posei_trader.model.serialization import decode_json, encode_json
from posei_trader.model.values import Money, Price, Quantity

# Commands carry the living order; what is stored of them is its terms.
COMMANDS = {SubmitOrder, SubmitOrderList, ModifyOrder, CancelOrder, CancelAllOrders, OrderList}
MODULES = [
    importlib.import_module(f"posei_trader.model.{module.name}")
    for module in pkgutil.iter_modules(package.__path__)
]
STRUCTS = sorted(
    {
        kind
        for module in MODULES
        for name, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, msgspec.Struct)
        and kind.__module__ == module.__name__
        and not name.startswith("_")
        # Instruments have rules of their own; test_instruments.py holds one of each kind.
        and not issubclass(kind, Instrument)
        and kind not in COMMANDS
    },
    key=lambda kind: (kind.__module__, kind.__name__),
)

words = st.text(string.ascii_letters + string.digits + "-_/^ ", min_size=1, max_size=8)
names = words.map(lambda text: f"x{text}x")
money = st.builds(
    Money,
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1e9, max_value=1e9),
    st.just("USD"),
)
digits = st.integers(min_value=0, max_value=9)
steps = st.integers(min_value=0, max_value=10**8)


def identifier(kind):
    if issubclass(kind, InstrumentId):
        return st.builds(lambda symbol, venue: kind(f"{symbol}.{venue}"), names, names)
    if issubclass(kind, AccountId):
        return names.map(lambda text: kind(f"IB-{text}"))
    return names.map(kind)


def value_of(kind):
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of([st.none() if a is type(None) else value_of(a) for a in arguments])
    if origin is tuple:
        if arguments[-1:] == (Ellipsis,):
            return st.lists(value_of(arguments[0]), max_size=3).map(tuple)
        return st.tuples(*(value_of(a) for a in arguments))
    if origin is dict:
        return st.dictionaries(words, value_of(arguments[1]), max_size=2)
    if kind in SPECIAL:
        return SPECIAL[kind]
    if issubclass(kind, Identifier):
        return identifier(kind)
    if issubclass(kind, IntFlag):
        return st.sampled_from([*kind, kind(sum(flag.value for flag in kind))])
    if issubclass(kind, Enum):
        return st.sampled_from(kind)
    if issubclass(kind, msgspec.Struct):
        return struct_of(kind)
    return st.from_type(kind)


def struct_of(kind):
    if kind in SPECIAL:
        return SPECIAL[kind]
    hints = typing.get_type_hints(kind)
    return st.builds(
        kind, **{f.name: value_of(hints[f.name]) for f in msgspec.structs.fields(kind)}
    )


def positive(kind):
    return st.builds(lambda n, p: kind.from_raw((n + 1) * 10 ** (9 - p), p), steps, digits)


SPECIAL: dict[object, st.SearchStrategy[typing.Any]] = {
    Price: st.builds(lambda n, p: Price.from_raw((n - 10**7) * 10 ** (9 - p), p), steps, digits),
    Quantity: positive(Quantity),
    Money: money,
    Currency: st.sampled_from(sorted(currencies().values())),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    int: st.integers(min_value=0, max_value=2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: words,
    AccountBalance: st.builds(lambda a, b: AccountBalance(a + b, a, b), money, money),
    BarSpecification: st.builds(
        BarSpecification,
        st.integers(min_value=1, max_value=500),
        st.sampled_from(typing.get_type_hints(BarSpecification)["aggregation"]),
        st.sampled_from(typing.get_type_hints(BarSpecification)["price_type"]),
    ),
}


@st.composite
def order_terms(draw):
    hints = typing.get_type_hints(OrderTerms)
    kind = draw(st.sampled_from(OrderType))
    free = {
        name: draw(value_of(hints[name]))
        for name in hints
        if name
        not in {"order_type", "quantity", "price", "trigger_price", "trailing_offset",
                "limit_offset", "time_in_force", "expire_time_ns", "display_qty"}
    }  # fmt: skip
    prices = {
        name: draw(value_of(hints[name]).filter(lambda v: v is not None)) for name in NEEDS[kind]
    }
    force = draw(st.sampled_from(TimeInForce))
    ends = draw(st.integers(min_value=1)) % 2**62 + 1 if force is TimeInForce.GTD else 0
    return OrderTerms(
        **free,
        **prices,
        order_type=kind,
        quantity=draw(positive(Quantity)),
        time_in_force=force,
        expire_time_ns=ends,
    )


SPECIAL[OrderTerms] = order_terms()


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_a_fact_makes_the_round_trip_through_json(kind, data):
    fact = data.draw(struct_of(kind))
    again = decode_json(encode_json(fact), kind)
    assert again == fact
    assert type(again) is kind


def test_the_facts_are_found():
    names = {kind.__name__ for kind in STRUCTS}
    assert {"QuoteTick", "OrderFilled", "FillReport", "AccountState", "OrderTerms", "Subscription",
            "PositionClosed", "OrderBookDeltas", "HistoryRequest"} <= names  # fmt: skip
    assert len(names) > 40
