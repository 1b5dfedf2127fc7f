"""The trader: every strategy and actor of a node."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from posei_trader.errors import ConfigError
from posei_trader.model.identifiers import ComponentId, StrategyId
from posei_trader.trading.actor import Actor
from posei_trader.trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.model.identifiers import TraderId
    from posei_trader.trading.wiring import Wiring

__all__ = ["Trader"]


@final
class Trader:
    """Hold strategies and actors, start and stop them. `node.trader` is one.

    Args:
        wiring: The parts of the node.
    """

    def __init__(self, wiring: Wiring) -> None:
        self._wiring = wiring
        self._components: dict[ComponentId, Actor] = {}
        self._tags: set[str] = set()
        self._is_running = False

    @property
    def trader_id(self) -> TraderId:
        """Return the node's name."""
        return self._wiring.trader_id

    @property
    def is_running(self) -> bool:
        """Return whether strategies and actors run."""
        return self._is_running

    def strategies(self) -> list[Strategy]:
        """Return the strategies, in the order in which they were added."""
        return [one for one in self._components.values() if isinstance(one, Strategy)]

    def actors(self) -> list[Actor]:
        """Return the actors that are no strategies, in the order in which they were added."""
        return [one for one in self._components.values() if not isinstance(one, Strategy)]

    def add_strategy(self, strategy: Strategy) -> None:
        """Add a strategy; on a running node it starts at once.

        Raises:
            ConfigError: it is none, its name or order id tag is taken, or another strategy claims
                the same external orders.
            InvalidRequest: it was added to a node before.
        """
        if not isinstance(strategy, Strategy):
            raise ConfigError(
                "this is no strategy",
                field="strategy",
                value=strategy,
                remedy="pass an object of a class derived from posei_trader.trading.strategy."
                "Strategy",
            )
        tag = strategy.config.order_id_tag or self._next_tag()
        name = strategy.config.strategy_id or StrategyId(f"{type(strategy).__name__}-{tag}")
        self._check_free(name)
        if tag in self._tags:
            raise ConfigError(
                "two strategies have one order id tag",
                field="order_id_tag",
                value=tag,
                remedy="give each strategy a tag of its own",
            )
        strategy.attach_strategy(self._wiring, name, tag)
        self._tags.add(tag)
        self._add(name, strategy)

    def add_strategies(self, strategies: Iterable[Strategy]) -> None:
        """Add several. As `add_strategy`."""
        for strategy in strategies:
            self.add_strategy(strategy)

    def add_actor(self, actor: Actor) -> None:
        """Add an actor; on a running node it starts at once.

        Raises:
            ConfigError: it is none, it is a strategy, or its name is taken.
            InvalidRequest: it was added to a node before.
        """
        if not isinstance(actor, Actor) or isinstance(actor, Strategy):
            raise ConfigError(
                "this is no actor",
                field="actor",
                value=actor,
                remedy="pass an object derived from posei_trader.trading.actor.Actor; "
                "a strategy goes to add_strategy",
            )
        kind = type(actor).__name__
        alike = sum(type(other).__name__ == kind for other in self._components.values())
        name = actor.config.component_id or ComponentId(f"{kind}-{alike + 1:03d}")
        self._check_free(name)
        actor.attach(self._wiring, name)
        self._add(name, actor)

    def start(self) -> None:
        """Start everything, actors first. Idempotent; what a callback raises is logged."""
        self._is_running = True
        for component in (*self.actors(), *self.strategies()):
            component.start()

    def stop(self) -> None:
        """Stop everything, strategies first. Idempotent; what a callback raises is logged."""
        self._is_running = False
        for component in (*self.strategies(), *self.actors()):
            component.stop()

    async def close(self) -> None:
        """Stop everything and end background work. Idempotent."""
        self.stop()
        for component in self._components.values():
            await component.close()

    def _add(self, name: ComponentId, component: Actor) -> None:
        self._components[name] = component
        if self._is_running:
            component.start()

    def _check_free(self, name: ComponentId) -> None:
        if name in self._components:
            raise ConfigError(
                "the name is taken",
                field="strategy_id or component_id",
                value=name,
                remedy="give each strategy and actor a name of its own",
            )

    def _next_tag(self) -> str:
        number = len(self.strategies()) + 1
        while f"{number:03d}" in self._tags:
            number += 1
        return f"{number:03d}"
