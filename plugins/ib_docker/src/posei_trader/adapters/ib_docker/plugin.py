"""The light description of this plugin: names and import strings, nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.plugins import Capability, ProviderSpec, Support, Tier, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.plugins import CliRegister

_PACKAGE = "posei_trader.adapters.ib_docker"


@hookimpl
def posei_providers() -> Iterable[ProviderSpec]:
    """Describe the dockerized IB Gateway to the registry."""
    return (
        ProviderSpec(
            name="ib_docker",
            summary="IB Gateway in a Docker container: started, logged in and watched",
            api=1,
            config=f"{_PACKAGE}.config:DockerizedIBGatewayConfig",
            gateway=f"{_PACKAGE}.gateway:DockerizedIBGateway",
            capabilities={Capability.GATEWAY: Support.FULL},
            docs="plugins/ib_docker/README.md",
            owner="PoseiTrader",
            tier=Tier.OFFICIAL,
        ),
    )


@hookimpl
def posei_cli(register: CliRegister) -> None:
    """Add `posei gateway`."""
    register("gateway", f"{_PACKAGE}.cli.app:app", "Run, watch and stop the dockerized IB Gateway")
