"""How plugins describe themselves, and the registry that finds them.

A plugin is a light module that is named by an entry point of the group ``posei_trader.plugins``;
it imports this package and nothing heavy:

    from posei_trader.plugins import ProviderSpec, hookimpl

    @hookimpl
    def posei_providers():
        yield ProviderSpec(
            name="kraken", summary="Kraken spot", api=1, data="posei_kraken.data:KrakenDataClient"
        )
"""

from posei_trader.plugins.hooks import (
    CliRegister,
    LifecycleEvent,
    LifecycleStage,
    hookimpl,
    hookspec,
)
from posei_trader.plugins.records import Conflict, Failure, Origin, Plugin, Stage
from posei_trader.plugins.registry import Provider, Registry, default_registry
from posei_trader.plugins.spec import (
    API_VERSION,
    SUPPORTED_API,
    Capability,
    ProviderSpec,
    Support,
    SupportLevel,
    Tier,
)

__all__ = [
    "API_VERSION",
    "SUPPORTED_API",
    "Capability",
    "CliRegister",
    "Conflict",
    "Failure",
    "LifecycleEvent",
    "LifecycleStage",
    "Origin",
    "Plugin",
    "Provider",
    "ProviderSpec",
    "Registry",
    "Stage",
    "Support",
    "SupportLevel",
    "Tier",
    "default_registry",
    "hookimpl",
    "hookspec",
]
