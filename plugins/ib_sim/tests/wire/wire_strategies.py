"""Any message that could travel: values of every field of every struct."""

import math
import random
from decimal import Decimal
from functools import cache

import msgspec.inspect as mi
from hypothesis import strategies as st

from posei_ib_sim.wire import messages as m

UNSET_DOUBLE = 1.7976931348623157e308
LONGS = {
    "permId",
    "parentPermId",
    "time",
    "timestamp",
    "errorTime",
    "currentTime",
    "currentTimeInMillis",
    "aboveVolume",
    "averageOptionVolumeAbove",
}
TAG_LISTS = {"secIdList", "algoParams", "smartComboRoutingParams"}
CHOICES = {
    ("Contract", "secType"): ["STK", "BAG", "FUND", "OPT", ""],
    ("Contract", "exchange"): ["SMART", "IBKRATS", "", "IDEALPRO"],
    ("Order", "orderType"): [
        "LMT", "PEG BENCH", "PEGBENCH", "PEG BEST", "PEGBEST", "PEG MID", "PEGMID", "",
    ],
    ("OrderCondition", "type"): [1, 3, 4, 5, 6, 7],
    ("TickByTickData", "tickType"): [1, 2, 3, 4],
}  # fmt: skip

NEEDED = {"OrderCondition": ["type"]}

# A backslash could spell an escape, which text clients are meant to undo.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\\"), max_size=12)
words = st.text("abcXYZ019_.", min_size=1, max_size=8)
ints = st.integers(-(2**31), 2**31 - 2)
longs = st.integers(-(2**63), 2**63 - 2).filter(lambda value: value != 2**31 - 1)
doubles = st.floats(allow_nan=False).filter(lambda value: value != UNSET_DOUBLE)
decimals = st.decimals(
    min_value=Decimal("-1e15"), max_value=Decimal("1e15"), allow_nan=False, places=None
).filter(lambda value: abs(value.adjusted()) < 40 and len(str(value)) < 40)
options = st.dictionaries(words, words, max_size=3)
tags = st.dictionaries(texts, texts, max_size=3)
PLAIN = {
    mi.NoneType: st.none(),
    mi.StrType: texts,
    mi.FloatType: doubles,
    mi.DecimalType: decimals,
    mi.BoolType: st.booleans(),
}


@cache
def records(record_type: type[m.Record]) -> st.SearchStrategy[m.Record]:
    """Draw a struct with some of its fields set."""
    info = mi.type_info(record_type)
    assert isinstance(info, mi.StructType)
    drawn = {
        field.name: _values(record_type.__name__, field.name, field.type) for field in info.fields
    }
    if not drawn:
        return st.just(record_type())
    needed = {name: drawn.pop(name) for name in NEEDED.get(record_type.__name__, ())}
    return st.fixed_dictionaries(needed, optional=drawn).map(lambda given: record_type(**given))


def _values(owner: str, name: str, kind: mi.Type) -> st.SearchStrategy[object]:
    if (owner, name) in CHOICES:
        return st.sampled_from(CHOICES[owner, name])
    match kind:
        case mi.UnionType(types=members):
            return st.one_of(*(_values(owner, name, member) for member in members))
        case mi.IntType():
            return longs if name in LONGS else ints
        case mi.DictType():
            return tags if name in TAG_LISTS else options
        case mi.VarTupleType(item_type=element):
            return st.lists(_values(owner, name, element), max_size=3).map(tuple)
        case mi.StructType(cls=nested):
            return records(nested)
    return PLAIN[type(kind)]


def saturated(record_type: type[m.Record], chance: random.Random) -> m.Record:
    """Return a struct with every field set, to values that differ."""
    info = mi.type_info(record_type)
    assert isinstance(info, mi.StructType)
    owner = record_type.__name__
    return record_type(
        **{field.name: _some(owner, field.name, field.type, chance) for field in info.fields}
    )


def _some(owner: str, name: str, kind: mi.Type, chance: random.Random) -> object:
    if (owner, name) in CHOICES:
        return chance.choice(CHOICES[owner, name])
    match kind:
        case mi.UnionType(types=members):
            (member,) = (member for member in members if not isinstance(member, mi.NoneType))
            return _some(owner, name, member, chance)
        case mi.VarTupleType(item_type=element):
            return tuple(_some(owner, name, element, chance) for _ in range(chance.randrange(1, 4)))
        case mi.StructType(cls=nested):
            return saturated(nested, chance)
        case mi.FloatType():
            return _some_double(name, chance)
        case mi.DecimalType():
            return Decimal(chance.randrange(1, 10**9)) / 1000
        case mi.DictType():
            return {f"tag{chance.randrange(99)}": "one", "last": str(chance.randrange(99))}
    if isinstance(kind, mi.StrType):
        if name == "yieldRedemptionDate":
            return "20301231"  # clients take it for a number
        return f"{name[:8]}{chance.randrange(1000)}"
    return True if isinstance(kind, mi.BoolType) else chance.randrange(1, 10**6)


def _some_double(name: str, chance: random.Random) -> float:
    if name == "evMultiplier":
        return float(chance.randrange(1, 100))  # clients take it for an integer
    if name == "competeAgainstBestOffset" and chance.random() < 0.5:
        return math.inf  # up to the midpoint
    return chance.randrange(1, 10**6) / 64
