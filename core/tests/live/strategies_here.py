"""Strategies and actors that a configuration can name."""

from __future__ import annotations

from posei_trader.trading.actor import Actor
from posei_trader.trading.config import StrategyConfig
from posei_trader.trading.strategy import Strategy


class QuietConfig(StrategyConfig):
    """Settings of a strategy."""

    size: int = 1


class Quiet(Strategy):
    """Does nothing."""

    config: QuietConfig

    def __init__(self, config: QuietConfig) -> None:
        super().__init__(config)


class Declared(Strategy):
    """Declares its settings, but has no constructor of its own."""

    config: QuietConfig


class Ender(Actor):
    """Ends the node that it is given."""

    node = None

    def __init__(self) -> None:
        super().__init__()

    def on_start(self) -> None:
        self.node.stop()


class Hidden(Strategy):
    """Annotates with a name that does not exist when it runs."""

    def __init__(self, config: NoSuchName) -> None:  # noqa: F821  that is the point
        super().__init__()


NOT_A_CLASS = 5
