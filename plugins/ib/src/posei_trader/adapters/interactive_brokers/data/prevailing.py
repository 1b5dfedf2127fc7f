"""The best bid and ask of an instrument now, shared by its streams."""

from __future__ import annotations

from typing import final

__all__ = ["Prevailing"]


@final
class Prevailing:
    """The best bid and ask of an instrument now, to infer the aggressor of its trades."""

    __slots__ = ("ask_raw", "bid_raw")

    def __init__(self) -> None:
        self.bid_raw: int | None = None
        self.ask_raw: int | None = None
