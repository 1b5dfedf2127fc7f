"""The best bid and ask of an instrument now, shared by its streams."""

from __future__ import annotations

from typing import final

__all__ = ["Prevailing"]


@final
class Prevailing:
    """The best bid and ask of an instrument now, to infer the aggressor of its trades.

    It is known as long as a stream of quotes is open: afterwards the last quote is history.
    """

    __slots__ = ("_sources", "ask_raw", "bid_raw")

    def __init__(self) -> None:
        self.bid_raw: int | None = None
        self.ask_raw: int | None = None
        self._sources = 0

    def join(self) -> None:
        """Take note that a stream of quotes is opened."""
        self._sources += 1

    def leave(self) -> None:
        """Take note that a stream of quotes has ended; with the last one the quote is gone."""
        self._sources -= 1
        if not self._sources:
            self.forget()

    def forget(self) -> None:
        """Take note that the quote is not known."""
        self.bid_raw = self.ask_raw = None
