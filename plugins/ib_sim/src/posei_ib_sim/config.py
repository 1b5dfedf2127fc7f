"""Configuration of a simulated gateway."""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.market.replay import ReplayFile
from posei_ib_sim.wire import SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["SimulatedIBGatewayConfig"]

Speed = float | Literal["max", "step"]
"""Simulated seconds per real second; "max" as fast as clients read; "step" only by hand."""


@dataclass(frozen=True, kw_only=True)
class SimulatedIBGatewayConfig:
    """Configuration of a `SimulatedIBGateway`. Constructing one does no I/O.

    Attributes:
        host: Address to listen on; anything but loopback needs `allow_remote`.
        port: Port to listen on, 0 for a free one (read it from the gateway after the start).
        allow_remote: Permit a host that others can reach. Whoever reaches it can trade the
            simulated accounts and read all data: there is no login.
        replay: Files with prices to replay, as paths or `ReplayFile`s. Contracts without a file
            get seeded synthetic prices.
        symbols: Contract names for file stems or values of a symbol column.
        contracts: More contracts: a TOML or JSON file, or rows as in the seed tables, by class
            ("stock", "pair", "future", "option", "index", "crypto", "cfd", "commodity", "fund",
            "bond", "warrant"). An "option" row is a family of options.
        synthetic: Whether contracts without a replay file get synthetic prices at all.
        speed: Simulated seconds per real second; "max" runs the replay as fast as the clients
            read it; "step" moves time only by `SimulatedIBGateway.advance`.
        pace: With speed "max": "drain" waits after each moment until everything sent has left
            for the clients; "lockstep" also waits until no client has said anything for
            `lockstep_gap` real seconds, so that orders sent in reaction to one moment are in the
            book before the next.
        lockstep_gap: Real seconds of silence that end a moment in lockstep.
        start: Simulated time at the start, aware or ISO 8601 (UTC unless it says otherwise).
            Default: the first row of the replay, else now.
        start_on: When simulated time begins to pass: "immediately", or with the
            "first_subscription" to streaming data or the first order. Default: the latter with
            a replay, the former without.
        account_ids: Accounts that the gateway manages. Several with the first one beginning with
            "F" or "DF" make an advisor with sub-accounts.
        base_currency: Currency of the account totals.
        initial_cash: Opening balance of each account by currency.
        seed: Makes synthetic prices, sizes and all ids repeatable.
        server_version: Protocol version to speak whatever the client offers, `None` for the
            highest that both know.
        time_zone: IANA name of the gateway's zone, for order and execution times.
        read_only: Refuse orders with error 321, as a gateway in read-only mode does.
        master_client_id: Client that receives the orders and executions of all clients.
        max_clients: Connections at a time.
        pacing: Enforce IB's limits on messages, historical requests and subscriptions.
        market_data_lines: Simultaneous market data subscriptions over all clients.
        data_permissions: "live" data for everything; "delayed" only (error 10168 until a client
            asks for it, then 10167); "partial": SMART data is live, of options only what needs no
            subscription (10090), and a contract asked for on an exchange of its own needs another
            subscription (10089, or delayed data); or "none" (354).
        ticks_per_bar: Ticks made of each replayed bar, at least 4.
        idle_bars: Send a real-time bar also for five seconds in which nothing happened, with the
            last price and a volume of 0, as gateways do; history leaves such bars out.
        fill_on: "next_tick": an order meets only market events after its arrival, so it never
            fills on data that its sender had seen. "standing_quote": it also meets the quote that
            stands when it arrives. Once a replay has ended, the last quote stands for good.
        executions_first: Report what an order does at once before its first openOrder, as gateways
            sometimes do. Shows with `fill_on="standing_quote"` and after a replay.
        repeat_status: Send the first openOrder and orderStatus of an order twice.
        trading_permissions: Security types that may be traded, such as ("STK", "OPT"); orders for
            others get error 460. `None` permits all.
        restricted_symbols: Symbols whose orders get error 203.
        shortable_shares: Shares that can be borrowed, by symbol. An order that would sell more of
            them short is held with error 404 and whyHeld "locate". Symbols not named have enough.
        limit_percent: Reject limit orders whose price is further through the market than this, in
            percent, with error 201 and an advancedOrderReject that names the override. `None`:
            no price is too far.
        order_presets: Send warning 10349 for orders that leave the time in force out.
        send_buffer_limit: Bytes that may wait for a slow client before it is disconnected.
        scenario: Name of a built-in scenario of faults, or path of a scenario file.
        faults: Single faults with their moments, written as on the command line:
            "drop at=60 after_bytes=10", "farm_broken on=order".
        control_port: Loopback port for control by another process, 0 for a free one, `None` for
            none.
        log_wire: File to which every frame of both directions is appended as JSON lines.
    """

    provider: ClassVar[str] = "ib_sim"

    host: str = "127.0.0.1"
    port: int = 0
    allow_remote: bool = False
    replay: Sequence[str | Path | ReplayFile] = field(default=(), hash=False)
    symbols: Mapping[str, str] = field(default_factory=dict, hash=False)
    contracts: str | Path | Mapping[str, Sequence[Mapping[str, Any]]] = field(
        default_factory=dict, hash=False
    )
    synthetic: bool = True
    speed: Speed = 1.0
    pace: Literal["drain", "lockstep"] = "drain"
    lockstep_gap: float = 0.002
    start: dt.datetime | str | None = None
    start_on: Literal["immediately", "first_subscription"] | None = None
    account_ids: Sequence[str] = field(default=("DU123456",), hash=False)
    base_currency: str = "USD"
    initial_cash: Mapping[str, Decimal | int | str] = field(
        default_factory=lambda: {"USD": Decimal(1_000_000)}, hash=False
    )
    seed: int = 1
    server_version: int | None = None
    time_zone: str = "US/Eastern"
    read_only: bool = False
    master_client_id: int | None = None
    max_clients: int = 32
    pacing: bool = True
    market_data_lines: int = 100
    data_permissions: Literal["live", "delayed", "partial", "none"] = "live"
    ticks_per_bar: int = 4
    idle_bars: bool = False
    fill_on: Literal["next_tick", "standing_quote"] = "next_tick"
    executions_first: bool = False
    repeat_status: bool = True
    trading_permissions: Sequence[str] | None = field(default=None, hash=False)
    restricted_symbols: Sequence[str] = field(default=(), hash=False)
    shortable_shares: Mapping[str, Decimal | int | str] = field(default_factory=dict, hash=False)
    limit_percent: Decimal | float | None = None
    order_presets: bool = False
    send_buffer_limit: int = 64 * 1024 * 1024
    scenario: str | Path | None = None
    faults: Sequence[str] = field(default=(), hash=False)
    control_port: int | None = None
    log_wire: str | Path | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without I/O.

        Raises:
            ConfigurationError: A field cannot be used; the text names field, value and remedy.
        """
        self._check_host()
        if not 0 <= self.port <= 65_535:
            raise ConfigurationError(f"port={self.port} is no port; use 0 to 65535, 0 for any")
        if self.speed not in {"max", "step"} and not (
            isinstance(self.speed, int | float) and self.speed > 0
        ):
            raise ConfigurationError(
                f'speed={self.speed!r} is no speed; use a number above 0, "max" or "step"'
            )
        if self.speed == "max" and not self.replay:
            raise ConfigurationError(
                'speed="max" needs a replay: synthetic prices never end; name files in `replay`'
            )
        if self.server_version is not None and self.server_version not in SUPPORTED_VERSIONS:
            raise ConfigurationError(
                f"server_version={self.server_version} is not spoken; "
                "use 157 to 200 or 213 to 226, or None to negotiate"
            )
        if not self.account_ids:
            raise ConfigurationError("account_ids is empty; name at least one, such as DU123456")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ConfigurationError(
                f"time_zone={self.time_zone!r} is no IANA zone; use for example US/Eastern"
            ) from None
        self._check_choices()

    @property
    def starts_on(self) -> str:
        """When simulated time begins to pass, the default resolved."""
        if self.start_on is not None:
            return self.start_on
        return "first_subscription" if self.replay else "immediately"

    @property
    def opening_cash(self) -> dict[str, Decimal]:
        """The opening balances as exact decimals."""
        return {currency: Decimal(amount) for currency, amount in self.initial_cash.items()}

    def replay_files(self) -> list[ReplayFile]:
        """Return the replay files in their long form."""
        return [
            item if isinstance(item, ReplayFile) else ReplayFile(path=str(item))
            for item in self.replay
        ]

    def start_ns(self) -> int | None:
        """Return the configured start in UNIX nanoseconds, `None` if it is left to the data.

        Raises:
            ConfigurationError: The text is no time.
        """
        if self.start is None:
            return None
        moment = self.start
        if isinstance(moment, str):
            try:
                moment = dt.datetime.fromisoformat(moment)
            except ValueError:
                raise ConfigurationError(
                    f"start={self.start!r} is no time; write ISO 8601 such as 2024-01-02T14:30:00"
                ) from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=dt.UTC)
        return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000

    def _check_host(self) -> None:
        if self.allow_remote or self.host == "localhost":
            return
        try:
            loopback = ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ConfigurationError(
                f"host={self.host!r} can be reached by others, and the simulated gateway has no "
                "login; use 127.0.0.1, or set allow_remote if that is really wanted"
            )

    def _check_choices(self) -> None:
        choices: dict[str, tuple[object, tuple[object, ...]]] = {
            "pace": (self.pace, ("drain", "lockstep")),
            "start_on": (self.start_on, (None, "immediately", "first_subscription")),
            "data_permissions": (self.data_permissions, ("live", "delayed", "partial", "none")),
            "fill_on": (self.fill_on, ("next_tick", "standing_quote")),
        }
        for name, (value, allowed) in choices.items():
            if value not in allowed:
                listed = ", ".join(repr(choice) for choice in allowed)
                raise ConfigurationError(f"{name}={value!r} is not one of {listed}")
        if self.ticks_per_bar < 4:
            raise ConfigurationError(
                f"ticks_per_bar={self.ticks_per_bar} is too few; open, high, low, close need 4"
            )
        if self.limit_percent is not None and self.limit_percent <= 0:
            raise ConfigurationError(
                f"limit_percent={self.limit_percent} is no distance; use a number above 0, or None"
            )
        self.start_ns()
