"""Repeatable random numbers with random access: functions of a key and a place, without a state."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from posei_ib_sim.market.columns import Floats, Moments

    Words = npt.NDArray[np.uint64]

__all__ = ["key_of", "lattice", "uniform"]

# The increments and multipliers of SplitMix64 (Steele, Lea, Flood 2014).
_STEP: Final = np.uint64(0x9E3779B97F4A7C15)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)


def key_of(seed: int, con_id: int) -> int:
    """Return the key of an instrument's numbers."""
    digest = hashlib.blake2b(f"{seed}/{con_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def uniform(key: int, places: Moments, count: int) -> Floats:
    """Return `count` numbers in [0, 1) for each place, of 16 bits each, one row a place.

    A smaller count gives the beginning of the same rows.
    """
    rows = _mixed(places.astype(np.uint64) * _STEP + np.uint64(key))
    words = -(-count // 4)
    steps = np.arange(1, words + 1, dtype=np.uint64) * _STEP
    mixed = _mixed(rows[:, None] + steps[None, :]).astype("<u8", copy=False)
    parts = mixed.view("<u2").reshape(len(places), words * 4)[:, :count]
    return parts * 2.0**-16


def lattice(key: int, octave: int, first: int, count: int) -> Floats:
    """Return numbers in [-1, 1) at the places `first` and following of an octave."""
    places = np.arange(first, first + count, dtype=np.int64).astype(np.uint64)
    inner = _mixed(places * _STEP + np.uint64(key))
    words = _mixed(inner + np.array([octave + 1], np.uint64) * _FIRST)
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
