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


def uniform(key: int, places: Moments, first: int, count: int) -> Floats:
    """Return the numbers `first` up to `first + count` of each place, one column a place.

    They lie in [0, 1) and have 16 bits each; every place has as many as are asked for.
    """
    before = first // 4
    words = -(-(first + count) // 4) - before
    steps = np.arange(before + 1, before + words + 1, dtype=np.uint64) * _STEP
    mixed = _mixed(_rows(key, places)[None, :] + steps[:, None]).astype("<u8", copy=False)
    parts = mixed.view("<u2").reshape(words, len(places), 4).transpose(0, 2, 1)
    numbers = parts.reshape(words * 4, len(places))[first - before * 4 :][:count]
    return numbers * 2.0**-16


def lattice(key: int, octaves: tuple[int, ...], places: Moments) -> list[Floats]:
    """Return numbers in [-1, 1) at places of octaves, one array an octave."""
    rows = _rows(key, places)
    shifts = (np.array(octaves, np.uint64) + np.uint64(1)) * _FIRST
    words = (_mixed(rows + shift) for shift in shifts)
    return [(word >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0 for word in words]


def _rows(key: int, places: Moments) -> Words:
    return _mixed(places.astype(np.uint64) * _STEP + np.uint64(key))


def _mixed(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))
