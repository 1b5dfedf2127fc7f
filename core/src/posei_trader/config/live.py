"""The settings of a live trading node and of the clients that it runs."""

# Annotations here are read at run time, by pydantic: no postponed evaluation.

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self, runtime_checkable

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
)

from posei_trader.config.base import FrozenMapping, PoseiConfig
from posei_trader.config.health import HealthConfig
from posei_trader.errors import PoseiError
from posei_trader.model.identifiers import InstrumentId, TraderId
from posei_trader.plugins.spec import is_reference

__all__ = [
    "GatewayConfig",
    "ImportableConfig",
    "InstrumentProviderConfig",
    "LiveDataClientConfig",
    "LiveDataEngineConfig",
    "LiveExecClientConfig",
    "LiveExecEngineConfig",
    "LiveRiskEngineConfig",
    "LogLevel",
    "LoggingConfig",
    "RiskLimits",
    "RoutingConfig",
    "TradingNodeConfig",
]


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "OFF"],
    BeforeValidator(_upper),
]
"""A log level, in any case of letters; OFF silences."""


def _reference(value: str) -> str:
    if not is_reference(value):
        raise ValueError("write 'package.module:Name'")
    return value


Reference = Annotated[str, AfterValidator(_reference)]
"""Where something is found in Python: ``"package.module:Name"``."""


InstrumentName = Annotated[str, AfterValidator(InstrumentId)]
"""Written as a text or an `InstrumentId`; always an `InstrumentId` once it is checked."""

PositiveDecimal = Annotated[Decimal, Field(gt=0)]
NonNegativeDecimal = Annotated[Decimal, Field(ge=0)]

TraderName = Annotated[str, AfterValidator(TraderId)]
"""Written as a text or a `TraderId`; always a `TraderId` once it is checked."""


@runtime_checkable
class GatewayConfig(Protocol):
    """Mark a gateway's configuration, so that a client can start the gateway it is given."""

    @property
    def provider(self) -> str:
        """Name the provider in the plugin registry whose ``gateway`` part this configures."""


class LoggingConfig(PoseiConfig):
    """Say what is logged, where and how.

    The console always gets ``log_level``. A file is written if ``log_level_file`` is set. A
    component level replaces both thresholds for that component, whose name is its class name.
    """

    log_level: LogLevel = "INFO"
    log_level_file: LogLevel | None = None
    log_file_format: Literal["text", "json"] = "text"
    log_component_levels: FrozenMapping[str, LogLevel] = Field(default_factory=dict)
    log_directory: Path = Path("logs")
    log_file_name: str | None = None
    """Defaults to ``<trader id>_<UTC date and time of the start>.log`` (``.jsonl`` for json)."""
    log_file_max_bytes: PositiveInt | None = None
    """Start a new file at this size; None never does."""
    log_file_backups: PositiveInt = 5
    log_colors: bool | None = None
    """None: colours if the console is a terminal."""


class RoutingConfig(PoseiConfig):
    """Say which instruments a client serves.

    ``venues`` win over ``default``; a client named after the venue needs neither.
    """

    default: bool = False
    venues: frozenset[str] = frozenset()


class InstrumentProviderConfig(PoseiConfig):
    """Say which instruments a provider loads when its client connects."""

    load_all: bool = False
    load_ids: frozenset[InstrumentName] = frozenset()
    filters: FrozenMapping[str, JsonValue] = Field(default_factory=dict)


class _LiveClientConfig(PoseiConfig):
    provider: str | None = None
    """The provider in the plugin registry; needed where no factory is added by hand."""
    instrument_provider: SerializeAsAny[InstrumentProviderConfig] = InstrumentProviderConfig()
    routing: RoutingConfig = RoutingConfig()


class LiveDataClientConfig(_LiveClientConfig):
    """Configure a data client; adapters subclass it."""

    handle_revised_bars: bool = False
    """Publish the venue's corrections of bars that were already published."""


class LiveExecClientConfig(_LiveClientConfig):
    """Configure an execution client; adapters subclass it."""


class LiveDataEngineConfig(PoseiConfig):
    """Configure the data engine.

    Defaults follow the common convention of bars that are stamped when they close. IB stamps the
    open: set ``time_bars_timestamp_on_close=False`` to see its bars as it sends them.
    """

    time_bars_timestamp_on_close: bool = True
    time_bars_build_with_no_updates: bool = True
    """Emit a bar for an interval without ticks, at the last close."""
    validate_data_sequence: bool = False
    """Drop, count and log bars that are older than the last one of their kind."""
    queue_size: PositiveInt = 100_000
    """Most items that wait for listeners that are slower than the streams. See ``conflation``."""
    conflation: Literal["when_full", "when_waiting", "never"] = "when_full"
    """When a newer quote, book change, status or greek takes the place of an older one that waits.

    "when_full" keeps everything until ``queue_size`` items wait, "when_waiting" lets a listener
    that is behind see the newest at once, "never" drops the oldest and announces the gap. Trades
    and bars are never conflated: what has no room is dropped and announced. Order events never wait
    here.
    """
    turn_ms: PositiveInt = 50
    """How long listeners may work before the sockets are read again."""


class LiveExecEngineConfig(PoseiConfig):
    """Configure the execution engine."""

    reconciliation: bool = True
    """Compare orders and positions with the venue before strategies may trade."""
    reconciliation_lookback_mins: PositiveInt | None = None
    """How far back executions are asked for; None asks for all that the venue still has."""
    external_orders: Literal["adopt", "ignore"] = "adopt"
    """What becomes of orders, fills and positions at the venue that this node did not make.

    "adopt" takes them into the cache, as those of the strategy that claims the instrument or else
    of the strategy ``EXTERNAL``; they count in positions and profit. "ignore" leaves them alone:
    they are counted and logged, and the node's view of the account stays that of its own orders.
    """
    store_path: Path | None = None
    """Where orders and events survive a crash; None keeps them in memory."""
    queue_size: PositiveInt = 100_000


class RiskLimits(PoseiConfig):
    """Limit what orders may do; None does not limit.

    A limit that needs a price denies while none is known.
    """

    max_order_quantity: PositiveDecimal | None = None
    """Most units of one order."""
    max_order_notional: PositiveDecimal | None = None
    """Most money of one order, in the instrument's quote currency."""
    max_position: NonNegativeDecimal | None = None
    """Most units held long or short, if everything that works on the side filled."""
    max_position_notional: NonNegativeDecimal | None = None
    """The same as money, in the instrument's quote currency, at the present price."""
    price_collar: PositiveDecimal | None = None
    """How far a limit may cross the market, as a share of its price: 0.05 is five per cent.

    A buy may stand at most so far above the ask, a sell so far below the bid; for a stop-limit
    order it is measured from the trigger price.
    """
    max_orders_per_second: PositiveInt | None = None
    """Most orders and changes within any second."""


class LiveRiskEngineConfig(PoseiConfig):
    """Configure the checks before an order leaves.

    ``limits`` hold for every instrument by itself, ``instrument_limits`` for one instrument,
    ``account_limits`` for every instrument within one account, keyed by its id. All that apply are
    checked.
    """

    bypass: bool = False
    """Check nothing but the trading state."""
    trading_state: Literal["ACTIVE", "REDUCING", "HALTED"] = "ACTIVE"
    """What is let through from the start: everything, what only reduces positions, or nothing."""
    obey_halt: bool = True
    """Obey `posei halt`, which another process may give at any time."""
    max_orders_per_second: PositiveInt = 100
    """Most orders and changes of the whole node within any second."""
    limits: RiskLimits = RiskLimits()
    instrument_limits: FrozenMapping[InstrumentName, RiskLimits] = Field(default_factory=dict)
    account_limits: FrozenMapping[str, RiskLimits] = Field(default_factory=dict)
    max_notional_per_order: FrozenMapping[InstrumentName, Decimal] = Field(default_factory=dict)
    """In the instrument's quote currency."""


class ImportableConfig(PoseiConfig):
    """Name a strategy or an actor and its settings, so that a file can ask for it."""

    path: Reference
    config: FrozenMapping[str, JsonValue] = Field(default_factory=dict)


class TradingNodeConfig(PoseiConfig):
    """Configure a live trading node.

    Clients are keyed by client id, such as ``"IB"``. Timeouts are seconds.
    """

    trader_id: TraderName = "TRADER-001"
    logging: LoggingConfig = LoggingConfig()
    health: HealthConfig | None = None
    """Tell others how the node is; None tells nobody."""
    data_clients: FrozenMapping[str, SerializeAsAny[LiveDataClientConfig]] = Field(
        default_factory=dict
    )
    exec_clients: FrozenMapping[str, SerializeAsAny[LiveExecClientConfig]] = Field(
        default_factory=dict
    )
    data_engine: LiveDataEngineConfig = LiveDataEngineConfig()
    exec_engine: LiveExecEngineConfig = LiveExecEngineConfig()
    risk_engine: LiveRiskEngineConfig = LiveRiskEngineConfig()
    strategies: tuple[ImportableConfig, ...] = ()
    actors: tuple[ImportableConfig, ...] = ()
    timeout_connection: PositiveFloat = 90.0
    timeout_reconciliation: PositiveFloat = 30.0
    timeout_portfolio: PositiveFloat = 10.0
    timeout_disconnection: PositiveFloat = 10.0
    timeout_post_stop: NonNegativeFloat = 2.0
    plugin_pins: FrozenMapping[str, str] = Field(default_factory=dict)
    """Provider name to the only distribution that may serve it: ``ib = "posei-trader-ib"``."""

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read the configuration from a TOML file.

        A client's table names its provider (``provider = "ib"``; the lower-cased client id if
        absent) and is checked by that provider's own config class. ``{env = "NAME"}`` stands for
        the value of an environment variable, ``{env = "NAME", default = "..."}`` if it may be
        unset; plugins may add sources beside ``env``. Relative paths in the file are relative to
        the working directory.

        Raises:
            ConfigError: the file cannot be read, is not TOML, or a setting in it is wrong.
            PluginError: a provider that it names is not installed, is broken or is claimed twice.
        """
        from posei_trader.config.loading import load_node  # noqa: PLC0415 - only files need it

        try:
            return load_node(Path(path), cls.from_mapping)
        except PoseiError as error:
            error.source = str(path)
            raise
