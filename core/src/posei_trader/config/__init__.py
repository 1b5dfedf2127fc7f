"""Configuration: what can be set, checked when it is made and frozen from then on.

Adapters subclass `LiveDataClientConfig`, `LiveExecClientConfig` and `InstrumentProviderConfig`;
anything else of theirs subclasses `PoseiConfig`.
"""

from posei_trader.config.base import FrozenMapping, PoseiConfig
from posei_trader.config.health import HealthConfig
from posei_trader.config.live import (
    GatewayConfig,
    ImportableConfig,
    InstrumentProviderConfig,
    LiveDataClientConfig,
    LiveDataEngineConfig,
    LiveExecClientConfig,
    LiveExecEngineConfig,
    LiveRiskEngineConfig,
    LoggingConfig,
    LogLevel,
    RiskLimits,
    RoutingConfig,
    TradingNodeConfig,
)

__all__ = [
    "FrozenMapping",
    "GatewayConfig",
    "HealthConfig",
    "ImportableConfig",
    "InstrumentProviderConfig",
    "LiveDataClientConfig",
    "LiveDataEngineConfig",
    "LiveExecClientConfig",
    "LiveExecEngineConfig",
    "LiveRiskEngineConfig",
    "LogLevel",
    "LoggingConfig",
    "PoseiConfig",
    "RiskLimits",
    "RoutingConfig",
    "TradingNodeConfig",
]
