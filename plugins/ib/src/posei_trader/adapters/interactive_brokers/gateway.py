"""Gateways that run before a client can connect, found through the plugin registry by name.

`DockerizedIBGateway` is imported from here; it comes from its own plugin, which is loaded when it
is asked for. Any other plugin's gateway, such as the simulated one, works the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from posei_trader.errors import ConfigError, PluginBroken
from posei_trader.plugins import default_registry
from posei_trader.protocols import Gateway

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.gateway import DockerizedIBGateway
    from posei_trader.config import GatewayConfig
    from posei_trader.plugins import Registry

__all__ = ["DockerizedIBGateway", "gateway_from"]

_DOCKER: Final = "ib_docker"


def gateway_from(config: GatewayConfig, registry: Registry | None = None) -> Gateway:
    """Make the gateway that a configuration describes; starts nothing.

    Raises:
        ConfigError: the configuration names no provider.
        ProviderNotInstalled: its plugin is absent; the error says what to install.
        PluginBroken: its plugin does not bring a gateway.
    """
    if not config.provider:
        raise ConfigError(
            "a gateway's configuration does not say which provider runs it",
            field="dockerized_gateway.provider",
            value=config.provider,
            remedy="`posei plugins list` shows the providers that have a gateway",
        )
    make: Any = (registry or default_registry()).load(config.provider, "gateway")
    gateway = make(config=config)
    if not isinstance(gateway, Gateway):
        raise PluginBroken(
            f"the gateway of provider {config.provider!r} does not do what a Gateway does",
            field="gateway",
            value=type(gateway).__name__,
            remedy="report it to the plugin's owner",
        )
    return gateway


def __getattr__(name: str) -> Any:
    if name == "DockerizedIBGateway":
        return default_registry().load(_DOCKER, "gateway")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
