"""What can be set about the Interactive Brokers adapter.

`DockerizedIBGatewayConfig` can be imported from here too; it comes from its own plugin, which is
loaded when it is asked for.
"""

# Annotations here are read at run time, by pydantic: no postponed evaluation.

import os
from collections.abc import Mapping
from enum import Enum, IntEnum, unique
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BeforeValidator,
    Field,
    InstanceOf,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    model_validator,
)

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.maintenance import (
    NORTH_AMERICA,
    IBMaintenanceWindow,
)
from posei_trader.config import (
    FrozenMapping,
    GatewayConfig,
    InstrumentProviderConfig,
    LiveDataClientConfig,
    LiveExecClientConfig,
    PoseiConfig,
)
from posei_trader.errors import ConfigError, InvalidRequest

if TYPE_CHECKING:
    from posei_trader.adapters.ib_docker.config import (
        DockerizedIBGatewayConfig as DockerizedIBGatewayConfig,  # noqa: PLC0414 - a re-export
    )

__all__ = [
    "DEFAULT_PORTS",
    "IBConnectionConfig",
    "IBMaintenanceWindow",
    "IBMarketDataTypeEnum",
    "InteractiveBrokersDataClientConfig",
    "InteractiveBrokersExecClientConfig",
    "InteractiveBrokersInstrumentProviderConfig",
    "SymbologyMethod",
    "max_connection_attempts",
]

MAX_CONNECTION_ATTEMPTS: Final = "IB_MAX_CONNECTION_ATTEMPTS"
"""Environment variable: give up connecting after so many failures; 0 or unset for never."""

ACCOUNT: Final = "TWS_ACCOUNT"
"""Environment variable: the account of an execution client that names none."""

DEFAULT_PORTS: Final[Mapping[str, int]] = {
    "TWS paper": 7497,
    "TWS live": 7496,
    "IB Gateway paper": 4002,
    "IB Gateway live": 4001,
}
"""Where IB's programs listen unless told otherwise."""


@unique
class SymbologyMethod(Enum):
    """How instrument ids are made of IB's contracts."""

    IB_SIMPLIFIED = "IB_SIMPLIFIED"
    """What a person would write: ``SPY.ARCA``, ``EUR/USD.IDEALPRO``, ``ESM4.CME``."""

    IB_RAW = "IB_RAW"
    """IB's own fields: ``AAPL=STK.SMART``."""


@unique
class IBMarketDataTypeEnum(IntEnum):
    """Which kind of market data IB sends; the numbers are IB's."""

    REALTIME = 1
    """Live data; needs subscriptions."""

    FROZEN = 2
    """The last live data when the market is closed."""

    DELAYED = 3
    """15 to 20 minutes late; free for most markets."""

    DELAYED_FROZEN = 4
    """The last delayed data."""


def _bare_host(host: str) -> str:
    if "://" in host or ":" in host.replace("::", "") or "/" in host:
        raise InvalidRequest(
            "ibg_host is a host name or an address, without scheme and port",
            remedy="write ibg_host='127.0.0.1' and ibg_port=7497",
        )
    return host


def _named_type(value: object) -> object:
    """Let files say ``"DELAYED_FROZEN"``."""
    if isinstance(value, str) and value.upper() in IBMarketDataTypeEnum.__members__:
        return IBMarketDataTypeEnum[value.upper()]
    return value


MarketDataType = Annotated[IBMarketDataTypeEnum, BeforeValidator(_named_type)]
Host = Annotated[
    str, StringConstraints(min_length=1, strip_whitespace=True), AfterValidator(_bare_host)
]
Port = Annotated[int, Field(ge=1, le=65535)]
ClientNumber = Annotated[int, Field(ge=0, le=2**31 - 1)]
SecType = Annotated[str, StringConstraints(pattern=r"^[A-Z]+$")]

_SECONDS_ALIAS: Final = AliasChoices("request_timeout", "request_timeout_secs")


class IBConnectionConfig(PoseiConfig):
    """Say how a connection is watched and how patiently it is opened again. Times are seconds.

    A half-open connection is noticed after ``probe_interval`` plus ``probe_timeout``.
    """

    first_pause: PositiveFloat = 1.0
    """Pause after the first failed attempt; doubles with each further one, with a jitter."""
    longest_pause: PositiveFloat = 60.0
    ready_timeout: PositiveFloat = 15.0
    """Limit for the gateway to name its accounts and the next order id, once it has accepted."""
    probe_interval: PositiveFloat = 10.0
    """How long nothing may come before the gateway is asked for a sign of life."""
    probe_timeout: PositiveFloat = 10.0
    """How long it may take to give one; then the connection is opened anew."""
    alarm_after: PositiveFloat = 60.0
    """An absence longer than this is an alarm: a critical line in the log, and in the health."""
    farm_grace: PositiveFloat = 15.0
    """How long a stream may be silent after its data farm came back before it is opened anew."""
    longest_lag: PositiveFloat = 1.0
    """The event loop may be so late before that is a warning."""
    maintenance_windows: tuple[IBMaintenanceWindow, ...] = NORTH_AMERICA
    """When an absence is expected: it is no alarm, and failed attempts to come back do not count
    towards ``IB_MAX_CONNECTION_ATTEMPTS``. Add the gateway's own nightly restart."""


class InteractiveBrokersInstrumentProviderConfig(InstrumentProviderConfig):
    """Say which instruments are loaded and how they are named.

    The chain flags and the expiry window apply to every contract of ``load_contracts`` that does
    not say otherwise itself.
    """

    symbology_method: SymbologyMethod = SymbologyMethod.IB_SIMPLIFIED
    load_contracts: frozenset[IBContract] = frozenset()
    """Contracts to load, with their chains where they ask for them."""
    build_options_chain: bool = False
    build_futures_chain: bool = False
    min_expiry_days: NonNegativeInt = 0
    """First expiry to load, in days from today; 0 includes today's."""
    max_expiry_days: NonNegativeInt | None = None
    """Last expiry to load, in days from today; None loads all there are."""
    convert_exchange_to_mic_venue: bool = False
    """Name venues by market identifier codes: ``SPY.ARCX`` instead of ``SPY.ARCA``."""
    symbol_to_mic_venue: FrozenMapping[str, str] = Field(default_factory=dict)
    """IB symbol to venue; wins over the conversion, and works without it."""
    cache_validity_days: NonNegativeInt | None = None
    """How long loaded definitions are kept on disk; None keeps none."""
    cache_path: Path | None = Field(
        default=None, validation_alias=AliasChoices("cache_path", "pickle_path")
    )
    """Where they are kept; the user's cache directory when not set. Never a pickle."""
    filter_sec_types: frozenset[SecType] = frozenset()
    """IB security types to skip, for example ``{"WAR", "IOPT"}``."""

    @model_validator(mode="after")
    def _window(self) -> Self:
        if self.max_expiry_days is not None and self.min_expiry_days > self.max_expiry_days:
            raise InvalidRequest(
                "the expiry window is empty: min_expiry_days is greater than max_expiry_days",
                remedy=f"raise max_expiry_days to at least {self.min_expiry_days}",
            )
        return self


class InteractiveBrokersDataClientConfig(LiveDataClientConfig):
    """Configure market data from TWS or IB Gateway.

    Either ``ibg_port`` or ``dockerized_gateway`` is needed by the time the client is built.
    Timeouts are seconds.
    """

    provider: str | None = "ib"
    instrument_provider: InteractiveBrokersInstrumentProviderConfig = (
        InteractiveBrokersInstrumentProviderConfig()
    )
    ibg_host: Host = "127.0.0.1"
    ibg_port: Port | None = None
    """TWS 7497 (paper) or 7496 (live), IB Gateway 4002 (paper) or 4001 (live)."""
    ibg_client_id: ClientNumber = 1
    """Clients with the same host, port and id share one connection."""
    dockerized_gateway: InstanceOf[GatewayConfig] | None = None
    """A gateway to start first, of any gateway plugin; host and port are then its own."""
    connection_timeout: PositiveFloat = 300.0
    """Limit for the connection to become ready."""
    connection: IBConnectionConfig = IBConnectionConfig()
    """How the connection is watched; of clients that share one, the first that is built decides."""
    request_timeout: PositiveFloat = Field(default=60.0, validation_alias=_SECONDS_ALIAS)
    """Limit for one answer of IB, counted from the moment the request is sent."""
    market_data_lines: PositiveInt = 100
    """Market data lines of the IB account; decides the message rate too."""
    market_data_type: MarketDataType = IBMarketDataTypeEnum.REALTIME
    use_regular_trading_hours: bool = True
    """Ask for bars of regular trading hours only; matters for stocks."""
    ignore_quote_tick_size_updates: bool = False
    """Drop quotes that change only a size."""
    batch_quotes: bool = True
    """Take quotes from level-one market data; False: tick by tick, of which IB grants few."""
    fallback_to_level_one: bool = True
    """When tick-by-tick streams run out, take level-one market data and say so; False: fail."""
    backfill: bool = True
    """Fetch what interruptions took (bars, and ticks of tick-by-tick streams) and deliver it in
    order, marked as back-filled; False: announce the gap instead."""
    backfill_bars_limit: PositiveFloat = 604_800.0
    """The longest span of bars that is fetched, in seconds; what is longer ago is announced."""
    backfill_ticks_limit: PositiveFloat = 900.0
    """The longest span of ticks that is fetched, in seconds; IB sends a thousand for a request."""
    stale_after: PositiveFloat | None = 300.0
    """A stream that says nothing for so many seconds of trading hours is opened anew, and an alarm
    follows if it stays silent; None never does. The parameter ``stale_after`` of a subscription
    wins, where 0 is never."""


class InteractiveBrokersExecClientConfig(LiveExecClientConfig):
    """Configure execution at TWS or IB Gateway.

    Either ``ibg_port`` or ``dockerized_gateway`` is needed by the time the client is built.
    Timeouts are seconds.
    """

    provider: str | None = "ib"
    instrument_provider: InteractiveBrokersInstrumentProviderConfig = (
        InteractiveBrokersInstrumentProviderConfig()
    )
    ibg_host: Host = "127.0.0.1"
    ibg_port: Port | None = None
    """TWS 7497 (paper) or 7496 (live), IB Gateway 4002 (paper) or 4001 (live)."""
    ibg_client_id: ClientNumber = 1
    """Clients with the same host, port and id share one connection."""
    account_id: str | None = None
    """The account to trade; ``TWS_ACCOUNT`` when not set. The gateway has to manage it."""
    dockerized_gateway: InstanceOf[GatewayConfig] | None = None
    """A gateway to start first, of any gateway plugin; host and port are then its own."""
    connection_timeout: PositiveFloat = 300.0
    """Limit for the connection to become ready."""
    connection: IBConnectionConfig = IBConnectionConfig()
    """How the connection is watched; of clients that share one, the first that is built decides."""
    request_timeout: PositiveFloat = Field(default=60.0, validation_alias=_SECONDS_ALIAS)
    """Limit for one answer of IB, counted from the moment the request is sent."""
    market_data_lines: PositiveInt = 100
    """Market data lines of the IB account; decides the message rate."""
    fetch_all_open_orders: bool = False
    """Reconcile the orders of every client id and of TWS, not only those of this one."""
    track_option_exercise_from_position_update: bool = False
    """Book exercises and assignments, which have no execution, from changes of positions."""
    order_answer_timeout: PositiveFloat = 5.0
    """How long IB may leave an order, a change or a cancel unanswered before it is asked."""
    order_audit_interval: PositiveFloat | None = 300.0
    """How often all working orders are compared with IB's list; None for never."""
    allow_live_trading: bool = False
    """Without this a live account (one whose id does not begin with D) is refused."""

    @model_validator(mode="before")
    @classmethod
    def _account_from_environment(cls, settings: object) -> object:
        if not isinstance(settings, Mapping) or settings.get("account_id"):
            return settings
        return {**settings, "account_id": os.environ.get(ACCOUNT) or None}


def max_connection_attempts(environ: Mapping[str, str] | None = None) -> int:
    """Return what ``IB_MAX_CONNECTION_ATTEMPTS`` says; 0, or unset, means for ever.

    Raises:
        ConfigError: it is no whole number from 0 on.
    """
    text = (os.environ if environ is None else environ).get(MAX_CONNECTION_ATTEMPTS, "").strip()
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        raise ConfigError(
            f"the environment variable {MAX_CONNECTION_ATTEMPTS} is no whole number",
            field=MAX_CONNECTION_ATTEMPTS,
            value=text,
            remedy="set it to the number of attempts, or to 0 to try for ever",
        )
    return int(text)


def __getattr__(name: str) -> Any:
    if name == "DockerizedIBGatewayConfig":
        from posei_trader.plugins import default_registry  # noqa: PLC0415 - only when asked for

        return default_registry().load("ib_docker", "config")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
