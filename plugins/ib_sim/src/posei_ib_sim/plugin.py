"""The light description of the simulated gateway for PoseiTrader's registry.

The one module here that knows PoseiTrader; everything else stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.plugins import Capability, ProviderSpec, Support, Tier, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.plugins import CliRegister

__all__ = ["posei_cli", "posei_providers"]


@hookimpl
def posei_providers() -> Iterable[ProviderSpec]:
    """Describe the simulated IB Gateway."""
    return (
        ProviderSpec(
            name="ib_sim",
            summary="Simulated IB Gateway: the TWS protocol on a local port, no account needed",
            api=1,
            config="posei_ib_sim.gateway:SimulatedIBGatewayConfig",
            gateway="posei_ib_sim.gateway:SimulatedIBGateway",
            capabilities={Capability.GATEWAY: Support.FULL},
            docs="docs/simulator.md",
            owner="PoseiTrader",
            tier=Tier.OFFICIAL,
        ),
    )


@hookimpl
def posei_cli(register: CliRegister) -> None:
    """Mount the command as `posei ib-sim`."""
    register("ib-sim", "posei_ib_sim.cli:app", "Run a simulated IB Gateway on a local port.")
