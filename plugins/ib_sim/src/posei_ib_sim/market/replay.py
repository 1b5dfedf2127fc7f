"""From replay files to tapes: which contract a file is about, and what its rows mean."""

from __future__ import annotations

import datetime as dt
import re
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, final

import msgspec

from posei_ib_sim.errors import ConfigurationError, ReplayFileError, UnknownContract
from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
from posei_ib_sim.market.events import MarketEvent, Quote, Trade
from posei_ib_sim.market.replay_file import ReplayTable
from posei_ib_sim.market.tape import BarTape, MergedTape, Tape, TickTape

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from posei_ib_sim.contracts.database import ContractDatabase
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.contracts.seeds import ContractFactory

__all__ = ["ReplayFile", "ReplayLoader"]

Side = Literal["auto", "TRADES", "MIDPOINT", "BID", "ASK"]

_SECOND_NS: Final = 1_000_000_000
_TICKER: Final = re.compile(r"[A-Z][A-Z0-9. ]{0,11}")


class ReplayFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data file to replay and how to read it.

    Attributes:
        path: CSV (plain or .gz) or Parquet.
        contract: Name of the contract ("AAPL", "EUR.USD", "6EH4"); empty takes the symbol column,
            else the first word of the file's name.
        stamp: Whether bars carry the time of their open or of their close.
        bar_seconds: Length of a bar; 0 takes the smallest step between rows.
        side: What bar prices are; "auto" means trades, or midpoints where the venue prints no
            trades, or the side that stands in the file's name as "bid" or "ask".
        only: Symbols to take from a file with a symbol column; empty takes all.
        start: Leave out what lies before this moment (ISO 8601, UTC unless it says otherwise).
        end: Leave out what lies at or after this moment.
    """

    path: str
    contract: str = ""
    stamp: Literal["open", "close"] = "open"
    bar_seconds: int = 0
    side: Side = "auto"
    only: tuple[str, ...] = ()
    start: str = ""
    end: str = ""


class _Sides(msgspec.Struct):
    bid: tuple[ReplayFile, ReplayTable] | None = None
    ask: tuple[ReplayFile, ReplayTable] | None = None


@final
class ReplayLoader:
    """Makes one tape per contract of what replay files hold.

    Args:
        database: Names contracts; unknown tickers are added to it as US stocks.
        factory: Makes those stocks.
        seed: The simulation's seed, for the ticks inside bars.
        symbols: Translates file stems and symbol columns into contract names.
    """

    def __init__(
        self,
        database: ContractDatabase,
        factory: ContractFactory,
        *,
        seed: int,
        symbols: Mapping[str, str],
        points: int,
    ) -> None:
        self._database = database
        self._factory = factory
        self._seed = seed
        self._points = points
        self._symbols = {key.upper(): value for key, value in symbols.items()}
        self._tapes: dict[int, list[Tape]] = {}
        self._sides: dict[int, _Sides] = {}

    def load(self, files: Sequence[tuple[ReplayFile, Sequence[ReplayTable]]]) -> dict[int, Tape]:
        """Return the tapes of what was read from files, by conId.

        Raises:
            ReplayFileError: A file cannot be used.
        """
        for file, tables in files:
            wanted = [t for t in tables if not file.only or t.symbol in file.only]
            if not wanted:
                found = ", ".join(t.symbol for t in tables)
                raise ReplayFileError(
                    file.path,
                    f"has none of the symbols {', '.join(file.only)} (found: {found})",
                    remedy="Correct `only`",
                )
            for table in wanted:
                self._take(file, _cut(file, table))
        for con_id, sides in self._sides.items():
            self._join(con_id, sides)
        return {
            con_id: tapes[0] if len(tapes) == 1 else MergedTape(tapes)
            for con_id, tapes in self._tapes.items()
        }

    def _take(self, file: ReplayFile, table: ReplayTable) -> None:
        contract = self._contract(file, table)
        if table.kind != "bars":
            events = _quotes(table, contract) if table.kind == "quotes" else _trades(table)
            self._add(contract, TickTape(events))
            return
        side = _side(file, contract)
        if side == "BID":
            self._sides.setdefault(contract.con_id, _Sides()).bid = (file, table)
        elif side == "ASK":
            self._sides.setdefault(contract.con_id, _Sides()).ask = (file, table)
        else:
            bars = self._bars(file, table, contract)
            expander = self._expander(contract, trades=side == "TRADES")
            self._add(contract, BarTape(bars, expander))

    def _join(self, con_id: int, sides: _Sides) -> None:
        if sides.bid is None or sides.ask is None:
            lacking = "ask" if sides.bid else "bid"
            raise ReplayFileError(
                "".join(side[1].path for side in (sides.bid, sides.ask) if side is not None),
                f"holds one side of the quotes, and no file holds the {lacking} side",
                remedy=f"Add the {lacking} file, or set side='MIDPOINT' or side='TRADES'",
            )
        contract = self._database.get(con_id)
        asks = {bar.start_ns: bar for bar in self._bars(*sides.ask, contract)}
        joined = []
        for bar in self._bars(*sides.bid, contract):
            ask = asks.get(bar.start_ns)
            if ask is not None:
                joined.append(
                    msgspec.structs.replace(
                        bar,
                        ask_open=ask.open,
                        ask_high=ask.high,
                        ask_low=ask.low,
                        ask_close=ask.close,
                    )
                )
        if not joined:
            raise ReplayFileError(
                sides.bid[1].path,
                f"has no bar at the time of any bar in {sides.ask[1].path}",
                remedy="Give bid and ask files of the same period and bar length",
            )
        self._add(contract, BarTape(joined, self._expander(contract, trades=False)))

    def _add(self, contract: SimContract, tape: Tape) -> None:
        self._tapes.setdefault(contract.con_id, []).append(tape)

    def _expander(self, contract: SimContract, *, trades: bool) -> BarExpander:
        return BarExpander(
            seed=self._seed,
            con_id=contract.con_id,
            tick=float(contract.min_tick),
            trades=trades,
            lot=display_lot(contract),
            points=self._points,
        )

    def _contract(self, file: ReplayFile, table: ReplayTable) -> SimContract:
        stem = Path(table.path).name.split(".")[0]
        first_word = re.split(r"[._\- ]", Path(table.path).name)[0]
        name = file.contract or table.symbol or self._symbols.get(stem.upper(), "") or first_word
        name = self._symbols.get(name.upper(), name)
        try:
            return self._database.named(name)
        except UnknownContract:
            ticker = name.upper()
            if not _TICKER.fullmatch(ticker):
                raise ReplayFileError(
                    table.path,
                    f"is about {name!r}, which names no contract",
                    remedy="Name the contract with `symbols` or `contract`, for example AAPL, "
                    "EUR.USD or 6EH4",
                ) from None
            price = table.columns.get("close") or table.columns.get("price") or table.columns["bid"]
            contract = self._factory.stock({"symbol": ticker, "price": price[0]})
            self._database.add(contract)
            return contract

    def _bars(self, file: ReplayFile, table: ReplayTable, contract: SimContract) -> list[BaseBar]:
        spans = (
            self._daily_spans(table, contract)
            if table.daily
            else _spans(table.times, file.stamp, file.bar_seconds)
        )
        columns = table.columns
        volumes = columns.get("volume") or [0.0] * len(spans)
        rows = zip(
            spans,
            columns["open"],
            columns["high"],
            columns["low"],
            columns["close"],
            volumes,
            strict=True,
        )
        return [BaseBar(*span, *numbers) for span, *numbers in rows]

    def _daily_spans(self, table: ReplayTable, contract: SimContract) -> list[tuple[int, int]]:
        dates = [dt.datetime.fromtimestamp(ts // _SECOND_NS, dt.UTC).date() for ts in table.times]
        hours = self._database.hours
        known = {
            session.date: session.liquid or session.trading
            for session in hours.between(contract.hours, dates[0], dates[-1])
        }
        spans = []
        for row, date in enumerate(dates, 1):
            segments = known.get(date)
            if not segments:
                raise ReplayFileError(
                    table.path,
                    f"{date} is no trading day of {contract.local_symbol} ({contract.hours})",
                    row=row,
                    column="date",
                    remedy="Drop the row, or name the contract whose data this is",
                )
            spans.append((segments[0][0], segments[-1][1]))
        return spans


def display_lot(contract: SimContract) -> float:
    """Return the unit in which synthetic quotes of a contract show size."""
    lots = {"STK": 100.0, "CASH": 500_000.0, "CRYPTO": 0.1, "CMDTY": 50.0, "CFD": 10.0}
    return lots.get(contract.sec_type, 5.0)


def _side(file: ReplayFile, contract: SimContract) -> Side:
    if file.side != "auto":
        return file.side
    words = set(re.split(r"[._\- ]", Path(file.path).name.lower()))
    if "bid" in words:
        return "BID"
    if "ask" in words:
        return "ASK"
    return "TRADES" if contract.has_trades else "MIDPOINT"


def _quotes(table: ReplayTable, contract: SimContract) -> list[MarketEvent]:
    usual = [display_lot(contract) * 10] * len(table.times)
    bid_sizes = table.columns.get("bid_size") or usual
    ask_sizes = table.columns.get("ask_size") or usual
    rows = zip(
        table.times,
        table.columns["bid"],
        table.columns["ask"],
        bid_sizes,
        ask_sizes,
        strict=True,
    )
    return [Quote(*row) for row in rows]


def _trades(table: ReplayTable) -> list[MarketEvent]:
    rows = zip(table.times, table.columns["price"], table.columns["size"], strict=True)
    return [Trade(*row) for row in rows]


def _spans(
    times: list[int], stamp: Literal["open", "close"], bar_seconds: int
) -> list[tuple[int, int]]:
    steps = [after - before for before, after in pairwise(times)]
    length = bar_seconds * _SECOND_NS or min(steps, default=60 * _SECOND_NS)
    if stamp == "close":
        return [(ts - length, ts) for ts in times]
    return [(ts, ts + length) for ts in times]


def _cut(file: ReplayFile, table: ReplayTable) -> ReplayTable:
    if not (file.start or file.end):
        return table
    low = _moment_ns("start", file.start) if file.start else table.times[0]
    high = _moment_ns("end", file.end) if file.end else table.times[-1] + 1
    rows = [row for row, ts in enumerate(table.times) if low <= ts < high]
    if not rows:
        raise ReplayFileError(
            file.path,
            f"has no rows from {file.start or 'its beginning'} to {file.end or 'its end'}",
            remedy="Widen `start` and `end`",
        )
    return ReplayTable(
        table.path,
        table.symbol,
        table.kind,
        [table.times[row] for row in rows],
        {name: [values[row] for row in rows] for name, values in table.columns.items()},
        table.daily,
    )


def _moment_ns(field: str, text: str) -> int:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{field}={text!r} is no time; write ISO 8601 such as 2024-01-02T14:30:00"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp()) * _SECOND_NS
