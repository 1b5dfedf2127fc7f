"""Ids of spreads: the legs' symbols with their ratios, joined by three underscores.

    (1)ESH4___((1))ESM4.CME       buy one ESH4 and sell one ESM4 to buy the spread

A single pair of brackets is bought, a double one is sold. Legs are sorted by symbol, so a spread
has one name whatever the order of its legs. All legs have the venue of the id.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.errors import InvalidRequest
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_spread_symbol", "spread_id", "spread_legs"]

_JOINT: Final = "___"
_BOUGHT: Final = re.compile(r"\(([1-9][0-9]*)\)(.+)")
_SOLD: Final = re.compile(r"\(\(([1-9][0-9]*)\)\)(.+)")


def is_spread_symbol(symbol: str) -> bool:
    """Return whether a symbol is that of a spread."""
    return _JOINT in symbol and symbol.startswith("(")


def spread_id(legs: Sequence[tuple[InstrumentId, int]]) -> InstrumentId:
    """Return the id of a spread; negative ratios are sold when the spread is bought.

    Raises:
        InvalidRequest: fewer than two legs, a ratio of 0, or legs of several venues.
    """
    venues = {leg.rpartition(".")[2] for leg, _ in legs}
    if len(legs) < 2 or any(ratio == 0 for _, ratio in legs) or len(venues) != 1:
        raise InvalidRequest(
            "a spread needs two or more legs of one venue, with ratios other than 0",
            field="legs",
            value=legs,
            remedy="give (InstrumentId, ratio) pairs; a negative ratio is sold",
        )
    named = sorted((leg.rpartition(".")[0], ratio) for leg, ratio in legs)
    parts = [f"({ratio}){name}" if ratio > 0 else f"(({-ratio})){name}" for name, ratio in named]
    return InstrumentId(f"{_JOINT.join(parts)}.{venues.pop()}")


def spread_legs(instrument_id: InstrumentId) -> list[tuple[InstrumentId, int]]:
    """Return the legs of a spread's id, in its order.

    Raises:
        InvalidRequest: the id is not that of a spread.
    """
    symbol, _, venue = instrument_id.rpartition(".")
    legs = []
    for part in symbol.split(_JOINT):
        if match := _SOLD.fullmatch(part):
            sign = -1
        elif match := _BOUGHT.fullmatch(part):
            sign = 1
        else:
            raise InvalidRequest(
                "not the id of a spread",
                field="InstrumentId",
                value=str(instrument_id),
                remedy="write it as (1)ESH4___((1))ESM4.CME: double brackets are sold",
            )
        legs.append((InstrumentId(f"{match[2]}.{venue}"), sign * int(match[1])))
    return legs
