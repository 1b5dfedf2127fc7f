"""The whole simulated venue and broker, without any socket: what the server serves."""

from __future__ import annotations

import datetime as dt
import json
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final
from zoneinfo import ZoneInfo

from posei_ib_sim.accounts import Account, AccountBook, price_decimal
from posei_ib_sim.clock import SimulatedClock
from posei_ib_sim.contracts import (
    ContractDatabase,
    ContractFactory,
    ContractQuery,
    FuturesShelf,
    HoursBook,
    OptionChain,
    OptionShelf,
    SimContract,
    load_seeds,
)
from posei_ib_sim.contracts.combos import combo_of
from posei_ib_sim.contracts.described import query_of
from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.history import HistoryService
from posei_ib_sim.market import (
    BarExpander,
    MarketFeed,
    ReplayLoader,
    SyntheticBars,
    SyntheticTape,
    Tape,
    display_lot,
)
from posei_ib_sim.market.combo_tape import ComboTape
from posei_ib_sim.market.option_tape import OptionTape
from posei_ib_sim.market.replay_file import ReplayTable, read_replay_file
from posei_ib_sim.market.tape import EmptyTape
from posei_ib_sim.orders import OrderDesk, OrderSink, TradingRules

if TYPE_CHECKING:
    from posei_ib_sim.config import SimulatedIBGatewayConfig
    from posei_ib_sim.market.replay import ReplayFile
    from posei_ib_sim.wire import Contract

__all__ = ["Simulation"]

_SYNTHETIC_TICKS_PER_MINUTE: Final = 12
DAYS_KEPT: Final = 7
"""For so many days before today executions can be asked for, as in TWS."""


@final
class Simulation:
    """Clock, contracts, market, history, accounts and orders of one simulated gateway.

    Construction reads the replay files, checks them, and loads the calendars of all contracts; it
    may take seconds and must not run inside an event loop that others depend on.

    Args:
        config: The configuration.
        sink: Receives order reports.

    Raises:
        ConfigurationError: A setting or a data file cannot be used.
    """

    def __init__(self, config: SimulatedIBGatewayConfig, sink: OrderSink) -> None:
        self.config: Final = config
        self.zone: Final = ZoneInfo(config.time_zone)
        self.hours: Final = HoursBook()
        configured = config.start_ns()
        tables = [(file, read_replay_file(file.path)) for file in config.replay_files()]
        firsts = [table.times[0] for _, found in tables for table in found]
        rough = configured if configured is not None else min(firsts, default=time.time_ns())
        self.contracts: Final = ContractDatabase(self.hours, lambda: self._now(rough))
        self._tapes: dict[int, Tape] = {}
        first_day = dt.datetime.fromtimestamp(rough // 1_000_000_000, dt.UTC).date()
        self._make_contracts(first_day)
        self._replay = self._load_replay(tables)
        self.hours.prepare({one.hours for one in self.contracts.contracts}, first_day.year)
        self._start_ns = start = configured if configured is not None else self._first_ns(rough)
        rate = float(config.speed) if isinstance(config.speed, int | float) else None
        self.clock: Final = SimulatedClock(start, rate=rate)
        self.feed: Final = MarketFeed(self.clock, self.hours, self.tape_for)
        self.history: Final = HistoryService(self.hours, lambda: self.clock.now_ns, self.tape_for)
        accounts = [
            Account(account_id, config.base_currency, config.opening_cash)
            for account_id in config.account_ids
        ]
        self.accounts: Final = AccountBook(accounts, self._price_of, self._rate)
        self.desk: Final = OrderDesk(
            self.clock,
            self.feed,
            self.accounts,
            self.contracts,
            sink,
            seed=config.seed,
            zone=self.zone,
            fill_on=config.fill_on,
            repeat_status=config.repeat_status,
            executions_first=config.executions_first,
            rules=_rules(config),
        )
        self.on_replay_end: Callable[[], None] | None = None
        self._left = set(self._replay)
        self.feed.on_end = self._tape_ended
        for con_id in self._replay:
            self.feed.board(self.contracts.get(con_id))
        self._schedule_midnight()

    @property
    def replayed(self) -> list[SimContract]:
        """The contracts that have a replay file."""
        return [self.contracts.get(con_id) for con_id in self._replay]

    @property
    def replay_range(self) -> tuple[int, int] | None:
        """First and last event of the replay, `None` without one."""
        tapes = self._replay.values()
        firsts = [tape.first_ns for tape in tapes if tape.first_ns is not None]
        lasts = [tape.last_ns for tape in tapes if tape.last_ns is not None]
        return (min(firsts), max(lasts)) if firsts and lasts else None

    @property
    def replay_ended(self) -> bool:
        """Whether there is a replay and all of it has been played."""
        return bool(self._replay) and not self._left

    def tape_for(self, contract: SimContract) -> Tape:
        """Return the tape of a contract: replayed, synthetic, or empty."""
        tape = self._tapes.get(contract.con_id)
        if tape is None:
            tape = self._tapes[contract.con_id] = self._synthetic(contract)
        return tape

    def contract_of(self, described: Contract) -> SimContract:
        """Return the contract that a client describes, a combo when it has legs.

        Raises:
            UnknownContract: Nothing fits.
            AmbiguousContract: Several contracts fit.
            RequestRefused: A combo's legs cannot be, or something contradicts the conId.
        """
        if described.secType != "BAG":
            return self.contracts.agreed(query_of(described))
        legs = [(leg.conId or 0, leg.ratio or 0, leg.action) for leg in described.comboLegs]
        return combo_of(
            self.contracts, described.symbol, described.currency, described.exchange, legs
        )

    def option_chains(self, con_id: int, exchange: str) -> list[OptionChain]:
        """Return the option chains on an underlying, on one exchange or on all."""
        return self._options.chains(self.contracts.get(con_id), exchange)

    def _now(self, before_start: int) -> int:
        # The contracts are made before the clock, whose start the replay decides.
        clock = getattr(self, "clock", None)
        return clock.now_ns if isinstance(clock, SimulatedClock) else before_start

    def _make_contracts(self, start: dt.date) -> None:
        self._factory = ContractFactory(self.hours, start)
        for contract in load_seeds(self._factory):
            self.contracts.add(contract)
        shelf = FuturesShelf(self._factory, self.contracts.add)
        self.contracts.add_expander(shelf.expand, shelf.kinds)
        self._options = OptionShelf(self.contracts, self._factory, self._reference_price)
        self.contracts.add_expander(self._options.expand, self._options.kinds)
        builders: dict[str, Callable[[Mapping[str, Any]], SimContract]] = {
            "stock": self._factory.stock,
            "pair": self._factory.pair,
            "index": self._factory.index,
            "crypto": self._factory.crypto,
            "cfd": self._factory.cfd,
            "commodity": self._factory.commodity,
            "fund": self._factory.fund,
            "bond": self._factory.bond,
            "warrant": self._factory.warrant,
        }
        adders: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "future": shelf.add_product,
            "option": self._options.add_family,
            **{kind: _adder(self.contracts, build) for kind, build in builders.items()},
        }
        for kind, rows in _user_contracts(self.config.contracts).items():
            if kind not in adders:
                known = ", ".join(adders)
                raise ConfigurationError(f"contracts has the class {kind!r}; known are {known}")
            for row in rows:
                try:
                    adders[kind](row)
                except KeyError as error:
                    raise ConfigurationError(
                        f"contracts: a {kind} lacks the field {error.args[0]!r} in {dict(row)}"
                    ) from None

    def _load_replay(self, tables: list[tuple[ReplayFile, list[ReplayTable]]]) -> dict[int, Tape]:
        loader = ReplayLoader(
            self.contracts,
            self._factory,
            seed=self.config.seed,
            symbols=self.config.symbols,
            points=self.config.ticks_per_bar,
        )
        tapes = loader.load(tables)
        self._tapes.update(tapes)
        return tapes

    def _first_ns(self, otherwise: int) -> int:
        replay_range = self.replay_range
        # One nanosecond before, so that the first row is streamed, not already past.
        return replay_range[0] - 1 if replay_range is not None else otherwise

    def _synthetic(self, contract: SimContract) -> Tape:
        if contract.sec_type in {"OPT", "FOP"}:
            underlying = self.tape_for(self.contracts.get(contract.under_con_id))
            return OptionTape(contract, underlying, self.hours)
        if contract.legs:
            return ComboTape([(self.tape_for(leg.contract), leg.ratio) for leg in contract.legs])
        if not self.config.synthetic:
            return EmptyTape()
        expander = BarExpander(
            seed=self.config.seed,
            con_id=contract.con_id,
            tick=float(contract.min_tick),
            trades=contract.has_trades,
            lot=display_lot(contract),
            points=_SYNTHETIC_TICKS_PER_MINUTE,
        )
        return SyntheticTape(SyntheticBars(contract, self.hours, seed=self.config.seed), expander)

    def _price_of(self, contract: SimContract) -> Decimal:
        return price_decimal(self.feed.board(contract).mark)

    def _reference_price(self, contract: SimContract) -> float:
        # That of the start: when a chain is asked for first must not decide which strikes it has.
        return self.feed.board_at(contract, self._start_ns).mark

    def _rate(self, from_currency: str, to_currency: str) -> Decimal:
        direct = self._pair_price(from_currency, to_currency)
        if direct is not None:
            return direct
        inverse = self._pair_price(to_currency, from_currency)
        if inverse is not None:
            return 1 / inverse
        if "USD" in {from_currency, to_currency}:
            raise ConfigurationError(
                f"no exchange rate from {from_currency} to {to_currency}; add the pair to "
                "`contracts`"
            )
        return self._rate(from_currency, "USD") * self._rate("USD", to_currency)

    def _pair_price(self, base: str, quote: str) -> Decimal | None:
        found = self.contracts.find(
            ContractQuery(symbol=base, sec_type="CASH", currency=quote, exchange="IDEALPRO")
        )
        if not found:
            return None
        board = self.feed.peek(found[0].con_id)
        price = board.mark if board is not None else found[0].reference_price
        return price_decimal(price)

    def _tape_ended(self, con_id: int) -> None:
        self._left.discard(con_id)
        if con_id in self._replay and not self._left and self.on_replay_end is not None:
            self.on_replay_end()

    def midnight_ns(self, days: int = 0) -> int:
        """Return when today began at the gateway, or the day so many days later."""
        today = dt.datetime.fromtimestamp(self.clock.now_ns // 1_000_000_000, self.zone).date()
        begin = dt.datetime.combine(today + dt.timedelta(days=days), dt.time(), tzinfo=self.zone)
        return int(begin.timestamp()) * 1_000_000_000

    def _schedule_midnight(self) -> None:
        self.clock.call_at(self.midnight_ns(1), self._new_day)

    def _new_day(self) -> None:
        self.accounts.begin_day()
        self.desk.registry.forget(self.midnight_ns(-DAYS_KEPT))
        self._schedule_midnight()


def _adder(
    database: ContractDatabase, build: Callable[[Mapping[str, Any]], SimContract]
) -> Callable[[Mapping[str, Any]], None]:
    return lambda row: database.add(build(row))


def _user_contracts(
    source: str | Path | Mapping[str, Sequence[Mapping[str, Any]]],
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    if isinstance(source, Mapping):
        return source
    path = Path(source)
    try:
        text = path.read_text(encoding="utf-8")
        rows: Mapping[str, Sequence[Mapping[str, Any]]] = (
            json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
        )
    except OSError as error:
        raise ConfigurationError(f"contracts={str(source)!r} cannot be read: {error}") from error
    except ValueError as error:
        raise ConfigurationError(
            f"contracts={str(source)!r} is neither TOML nor JSON: {error}"
        ) from error
    return rows


def _rules(config: SimulatedIBGatewayConfig) -> TradingRules:
    permitted = config.trading_permissions
    return TradingRules(
        permitted=None if permitted is None else frozenset(permitted),
        restricted=frozenset(config.restricted_symbols),
        order_presets=config.order_presets,
        shortable={symbol: Decimal(n) for symbol, n in config.shortable_shares.items()},
        price_percent=None if config.limit_percent is None else Decimal(str(config.limit_percent)),
    )
