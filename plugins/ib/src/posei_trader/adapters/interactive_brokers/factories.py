"""Make the clients of a node: the ones with the same host, port and client id share a connection.

A node's clients are made before its event loop runs, so what they share is kept by node: a pool
belongs to the cache that the node gives to all its clients, and lives as long as one of them.

A gateway goes on running when its clients are gone, as a container does that took minutes to log
in; a gateway configuration with a true `stop_with_clients` is stopped with the last of them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from inspect import ismethod
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, final
from weakref import WeakValueDictionary

from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersDataClientConfig,
    InteractiveBrokersExecClientConfig,
    max_connection_attempts,
)
from posei_trader.adapters.interactive_brokers.gateway import gateway_from
from posei_trader.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Hashable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.data import InteractiveBrokersDataClient
    from posei_trader.adapters.interactive_brokers.execution import (
        InteractiveBrokersExecutionClient,
    )
    from posei_trader.adapters.interactive_brokers.pacing import HistoricalBudget
    from posei_trader.adapters.interactive_brokers.providers import (
        InteractiveBrokersInstrumentProvider,
    )
    from posei_trader.config import GatewayConfig, LiveDataClientConfig, LiveExecClientConfig
    from posei_trader.protocols import (
        Clock,
        DataClientContext,
        ExecClientContext,
        Gateway,
        InstrumentStore,
    )

__all__ = [
    "ClientPool",
    "InteractiveBrokersLiveDataClientFactory",
    "InteractiveBrokersLiveExecClientFactory",
]

_ClientConfig = InteractiveBrokersDataClientConfig | InteractiveBrokersExecClientConfig
_Own = TypeVar("_Own", bound=_ClientConfig)


@final
class _SharedGateway:
    """One gateway for the connections that were configured with it. Satisfies `Gateway`."""

    def __init__(self, gateway: Gateway, *, stops_with_clients: bool) -> None:
        self._gateway = gateway
        self._stops_with_clients = stops_with_clients
        self._lock = asyncio.Lock()
        self._users = 0

    @property
    def host(self) -> str:
        """Where to connect to."""
        return self._gateway.host

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self._gateway.port

    def is_ready(self) -> bool:
        """Whether clients can connect now."""
        return self._gateway.is_ready()

    async def start_async(self) -> None:
        """Start it, once however many ask."""
        async with self._lock:
            await self._gateway.start_async()

    async def stop_async(self) -> None:
        """Stop it."""
        async with self._lock:
            await self._gateway.stop_async()

    def take(self) -> None:
        """Count a connection that needs it."""
        self._users += 1

    async def give_back(self) -> None:
        """Count one less; with the last one it is stopped, if it is to stop with its clients."""
        self._users -= 1
        if self._users == 0 and self._stops_with_clients:
            await self.stop_async()


@final
@dataclass(slots=True, eq=False)
class _Shared:
    """One connection and who uses it."""

    client: InteractiveBrokersClient
    gateway: _SharedGateway | None
    users: int = 0
    market_data_type: int | None = None
    providers: dict[Hashable, InteractiveBrokersInstrumentProvider] = field(default_factory=dict)

    def take(self) -> None:
        """Count one more user."""
        if self.users == 0 and self.gateway is not None:
            self.gateway.take()
        self.users += 1

    async def give_back(self) -> None:
        """Count one user less; the last one closes the connection."""
        self.users -= 1
        if self.users == 0:
            await self.client.disconnect()
            if self.gateway is not None:
                await self.gateway.give_back()


@final
class _Lease:
    """One user's view of a shared client: it connects for all, and disconnects only itself.

    Everything else is the shared client's.
    """

    def __init__(self, pool: ClientPool, shared: _Shared) -> None:
        self._pool: Final = pool  # lives as long as somebody uses it
        self._shared = shared
        self._is_held = False

    async def start_gateway(self) -> None:
        """Start the gateway, if there is one; from then on this user needs it."""
        await self._held(self._shared.client.start_gateway())

    async def connect(self) -> None:
        """Connect, or join the connection that is there."""
        await self._held(self._shared.client.connect())

    async def _held(self, step: Coroutine[object, None, None]) -> None:
        if not self._is_held:
            self._is_held = True
            self._shared.take()
        try:
            await step
        except BaseException:
            await self.disconnect()
            raise

    async def disconnect(self) -> None:
        """Stop using the connection; it is closed with its last user."""
        if self._is_held:
            self._is_held = False
            await self._shared.give_back()

    @property
    def is_connected(self) -> bool:
        """Whether requests can be made now."""
        return self._shared.client.is_connected

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._shared.client, name)
        if ismethod(value):
            setattr(self, name, value)  # it stays; next time it is found at once
        return value


@final
class ClientPool:
    """The connections of one node.

    Args:
        clock: The node's time.
        store: The node's instruments.
    """

    def __init__(self, clock: Clock, store: InstrumentStore) -> None:
        self._clock = clock
        self._store = store
        self._shared: dict[Hashable, _Shared] = {}
        self._gateways: dict[GatewayConfig, _SharedGateway] = {}
        self._histories: dict[Hashable, HistoricalBudget] = {}

    def client(self, config: _ClientConfig) -> InteractiveBrokersClient:
        """Return a client whose connection is shared by all with the same host, port and id.

        Does no I/O. Its `connect` and `disconnect` are one user's: the connection is closed when
        the last user has disconnected.

        Raises:
            ConfigError: neither a port nor a gateway is configured.
            PluginError: the gateway's plugin is absent, or `ibapi` cannot be used.
        """
        return cast("InteractiveBrokersClient", _Lease(self, self._entry(config)))

    def agree_on_market_data(self, config: InteractiveBrokersDataClientConfig) -> None:
        """Refuse a second kind of market data on one connection: IB knows one for each.

        Raises:
            ConfigError: another data client of the connection wants another kind.
        """
        shared, wanted = self._entry(config), int(config.market_data_type)
        if shared.market_data_type not in {None, wanted}:
            raise ConfigError(
                "data clients of one connection want different kinds of market data",
                field="market_data_type",
                value=config.market_data_type.name,
                remedy="give them the same market_data_type, or an ibg_client_id each",
            )
        shared.market_data_type = wanted

    def provider(
        self, config: _ClientConfig, settings: InteractiveBrokersInstrumentProviderConfig
    ) -> InteractiveBrokersInstrumentProvider:
        """Return the instrument provider for these settings; one for each connection."""
        from posei_trader.adapters.interactive_brokers.providers import (  # noqa: PLC0415 - a node may need no instruments of ours
            InteractiveBrokersInstrumentProvider,
        )

        shared = self._entry(config)
        if settings not in shared.providers:
            host, port, _ = shared.client.address
            gateway = config.dockerized_gateway
            shared.providers[settings] = InteractiveBrokersInstrumentProvider(
                shared.client,
                settings,
                clock=self._clock,
                store=self._store,
                gateway=f"{host}:{port}" if gateway is None else gateway.provider,
            )
        return shared.providers[settings]

    def _entry(self, config: _ClientConfig) -> _Shared:
        key = (_where(config), config.ibg_client_id)
        if key not in self._shared:
            self._shared[key] = self._made(config)
        return self._shared[key]

    def _made(self, config: _ClientConfig) -> _Shared:
        from posei_trader.adapters.interactive_brokers.client import (  # noqa: PLC0415 - imports ibapi
            ConnectionOptions,
            InteractiveBrokersClient,
        )
        from posei_trader.adapters.interactive_brokers.pacing import (  # noqa: PLC0415 - with it
            HistoricalBudget,
            PacingLimits,
        )

        gateway = self._gateway(config)
        limits = PacingLimits(lines=config.market_data_lines)
        client = InteractiveBrokersClient(
            config.ibg_host,
            config.ibg_port or 0,
            config.ibg_client_id,
            clock=self._clock,
            request_timeout=config.request_timeout,
            gateway=gateway,
            limits=limits,
            # IB counts history by login, not by connection.
            history=self._histories.setdefault(_where(config), HistoricalBudget(limits)),
            options=ConnectionOptions.of(
                config.connection,
                connection_timeout=config.connection_timeout,
                max_attempts=max_connection_attempts(),
            ),
        )
        return _Shared(client, gateway)

    def _gateway(self, config: _ClientConfig) -> _SharedGateway | None:
        wanted = config.dockerized_gateway
        if wanted is not None:
            if wanted not in self._gateways:
                self._gateways[wanted] = _SharedGateway(
                    gateway_from(wanted),
                    stops_with_clients=bool(getattr(wanted, "stop_with_clients", False)),
                )
            return self._gateways[wanted]
        if config.ibg_port is None:
            raise ConfigError(
                "it is not said where TWS or IB Gateway is",
                field="ibg_port, dockerized_gateway",
                remedy="set ibg_port (TWS 7497 or 7496, IB Gateway 4002 or 4001), or "
                "dockerized_gateway to have one started",
            )
        return None


def _where(config: _ClientConfig) -> tuple[object, ...]:
    gateway = config.dockerized_gateway
    return (config.ibg_host, config.ibg_port) if gateway is None else (gateway,)


_POOLS: Final[WeakValueDictionary[int, ClientPool]] = WeakValueDictionary()


def _pool(context: DataClientContext | ExecClientContext) -> ClientPool:
    """Return the pool of the node that a context belongs to."""
    # A pool holds its cache, so the number is not given to another one while the pool lives.
    number = id(context.cache)
    pool = _POOLS.get(number)
    if pool is None:
        pool = _POOLS[number] = ClientPool(context.clock, context.cache)
    return pool


def _own(config: object, kind: type[_Own]) -> _Own:
    if isinstance(config, kind):
        return config
    raise ConfigError(
        f"the IB factory needs an {kind.__name__}",
        field="config",
        value=type(config).__name__,
        remedy=f"configure the client with {kind.__module__}.{kind.__name__}",
    )


@final
class InteractiveBrokersLiveDataClientFactory:
    """Make data clients: what `TradingNode.add_data_client_factory` takes."""

    @staticmethod
    def create(
        config: LiveDataClientConfig, context: DataClientContext
    ) -> InteractiveBrokersDataClient:
        """Make a data client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
            PluginError: the gateway's plugin is absent, or `ibapi` cannot be used.
        """
        from posei_trader.adapters.interactive_brokers.data import (  # noqa: PLC0415 - execution does without
            InteractiveBrokersDataClient,
        )

        settings, pool = _own(config, InteractiveBrokersDataClientConfig), _pool(context)
        pool.agree_on_market_data(settings)
        return InteractiveBrokersDataClient(
            pool.client(settings),
            pool.provider(settings, settings.instrument_provider),
            settings,
            context,
        )


@final
class InteractiveBrokersLiveExecClientFactory:
    """Make execution clients: what `TradingNode.add_exec_client_factory` takes."""

    @staticmethod
    def create(
        config: LiveExecClientConfig, context: ExecClientContext
    ) -> InteractiveBrokersExecutionClient:
        """Make an execution client. Does no I/O.

        Raises:
            ConfigError: the configuration cannot work; names the setting.
            PluginError: the gateway's plugin is absent, or `ibapi` cannot be used.
        """
        from posei_trader.adapters.interactive_brokers.execution import (  # noqa: PLC0415 - data does without
            InteractiveBrokersExecutionClient,
        )

        settings, pool = _own(config, InteractiveBrokersExecClientConfig), _pool(context)
        return InteractiveBrokersExecutionClient(
            pool.client(settings),
            pool.provider(settings, settings.instrument_provider),
            settings,
            context,
        )
