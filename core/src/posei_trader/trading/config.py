"""The settings that every actor and every strategy has."""

# Annotations here are read at run time, by pydantic: no postponed evaluation.

from typing import Literal

from posei_trader.config import PoseiConfig
from posei_trader.model.enums import OmsType
from posei_trader.model.identifiers import ComponentId, InstrumentId, StrategyId

__all__ = ["ActorConfig", "StrategyConfig"]


class ActorConfig(PoseiConfig):
    """Configure an actor; subclass it for settings of your own."""

    component_id: ComponentId | None = None
    """Its name in the node; None makes one of the class name."""
    on_error: Literal["stop", "log"] = "stop"
    """When a callback raises: stop this actor, or log and go on. The node always goes on."""


class StrategyConfig(ActorConfig):
    """Configure a strategy; subclass it for settings of your own."""

    strategy_id: StrategyId | None = None
    """Its name in the node; None makes ``ClassName-TAG``. Keep it over restarts: it owns orders."""
    order_id_tag: str | None = None
    """Part of its order ids, unique in the node; None numbers the strategies: 001, 002..."""
    oms_type: OmsType = OmsType.NETTING
    """How its fills become positions."""
    external_order_claims: frozenset[InstrumentId] = frozenset()
    """Instruments whose orders and positions that nobody asked for are this strategy's own."""
