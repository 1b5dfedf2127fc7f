"""How a node, or research code without one, makes what a venue provides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from posei_trader.config import (
        InstrumentProviderConfig,
        LiveDataClientConfig,
        LiveExecClientConfig,
    )
    from posei_trader.protocols.clients import DataClient, ExecClient
    from posei_trader.protocols.node import (
        DataClientContext,
        ExecClientContext,
        InstrumentStore,
    )
    from posei_trader.protocols.venue import InstrumentProvider

__all__ = ["DataClientFactory", "ExecClientFactory", "InstrumentProviderFactory"]


class DataClientFactory(Protocol):
    """Makes a data client: what `TradingNode.add_data_client_factory` takes."""

    @staticmethod
    def create(config: LiveDataClientConfig, context: DataClientContext) -> DataClient:
        """Make a client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
        """


class ExecClientFactory(Protocol):
    """Makes an execution client: what `TradingNode.add_exec_client_factory` takes."""

    @staticmethod
    def create(config: LiveExecClientConfig, context: ExecClientContext) -> ExecClient:
        """Make a client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
        """


class InstrumentProviderFactory(Protocol):
    """Makes an instrument provider outside a node, for research."""

    @staticmethod
    def create(config: InstrumentProviderConfig, store: InstrumentStore) -> InstrumentProvider:
        """Make a provider. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
        """
