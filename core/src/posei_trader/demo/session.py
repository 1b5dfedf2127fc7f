"""The demo from gateway to verdict."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from posei_trader.config import (
    InstrumentProviderConfig,
    LiveDataClientConfig,
    LiveExecClientConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from posei_trader.demo.chart import draw
from posei_trader.demo.equity import equity_curve, lines_of
from posei_trader.demo.ledger import (
    agree_to_the_cent,
    change_of_cash,
    flows_of_fills,
    profit_of_positions,
)
from posei_trader.demo.strategy import EmaCross, EmaCrossConfig
from posei_trader.demo.tables import books_table, fills_table, orders_table, positions_table
from posei_trader.errors import (
    ConfigError,
    DataFileError,
    InstrumentNotFound,
    InvalidRequest,
    PoseiError,
    ReconciliationFailed,
    RequestRejected,
    RequestTimeout,
)
from posei_trader.live.node import TradingNode
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.plugins import default_registry
from posei_trader.protocols import Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from rich.console import Console

    from posei_trader.demo.prices import Prices
    from posei_trader.model.bars import Bar
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.plugins import Provider

_ACCOUNT: Final = "DU123456"
_CLIENT: Final = "IB"
_YEAR: Final = dt.timedelta(days=365)
_PATIENCE: Final = 20.0
"""Seconds to wait for what should take a fraction of one."""


class _Books(Protocol):
    def cash(self) -> Mapping[str, Decimal]:
        """Return the balances by currency."""


class ReplayingGateway(Gateway, Protocol):
    """A simulated gateway that replays files and can be looked into."""

    @property
    def replay_finished(self) -> asyncio.Event:
        """Set when every price has been sent."""

    @property
    def truth(self) -> _Books:
        """Its own books."""


class Plan(NamedTuple):
    """What to trade.

    Attributes:
        prices: The files to replay.
        live_from: Where history ends and trading begins, UTC.
        history_from: Where history begins, UTC.
        bar: The specification of the history, ``1-DAY-LAST`` for example.
        trade_size: Units held, long or short.
        fast: Ticks in the fast average.
        slow: Ticks in the slow average.
        output: Where the catalog and the picture go.
        regular_hours: Whether history holds regular trading hours only.
    """

    prices: Sequence[Prices]
    live_from: dt.datetime
    history_from: dt.datetime
    bar: str
    trade_size: Decimal
    fast: int
    slow: int
    output: Path
    regular_hours: bool


class Verdict(NamedTuple):
    """What came out.

    Attributes:
        books: Profit and loss by currency: of the node, of the account, of the fills.
        orders: Every order.
        bars: How many bars the catalog holds.
        picture: The chart.
        agree: Whether the books are equal to the cent.
    """

    books: Mapping[str, Mapping[str, Decimal]]
    orders: Sequence[Order]
    bars: int
    picture: Path
    agree: bool


async def run_demo(plan: Plan, console: Console) -> Verdict:
    """Run the whole path and return the verdict.

    Raises:
        PoseiError: something on the way failed; nothing is left running.
    """
    registry = default_registry()
    async with _gateway(registry.provider("ib_sim"), plan) as gateway:
        console.print(f"[bold]gateway[/] simulated, on {gateway.host}:{gateway.port}")
        opening = dict(gateway.truth.cash())
        node = _node(registry.provider("ib"), gateway, plan)
        strategies = [_strategy(plan, prices) for prices in plan.prices]
        for strategy in strategies:
            node.trader.add_strategy(strategy)
        running = asyncio.create_task(node.run_async(), name="node")
        try:
            await _started(strategies, running)
            instruments = _instruments(node, plan)
            console.print(f"[bold]instruments[/] {', '.join(map(str, instruments.values()))}")
            bars = await _download(strategies, instruments, plan, console)
            await _trade(strategies, gateway, running, console)
            earned = change_of_cash(opening, gateway.truth.cash())
        finally:
            await node.stop_async()
            await asyncio.wait({running})
            node.dispose()
        return _verdict(node, strategies, instruments, earned, bars, plan, console)


@asynccontextmanager
async def _gateway(provider: Provider, plan: Plan) -> AsyncIterator[ReplayingGateway]:
    make_config = cast("Callable[..., object]", provider.load("config"))
    make = cast("Callable[[object], ReplayingGateway]", provider.load("gateway"))
    gateway = make(
        make_config(
            replay=tuple(str(prices.path) for prices in plan.prices),
            symbols={
                prices.path.name.split(".", 1)[0]: prices.contract
                for prices in plan.prices
                if prices.contract
            },
            speed="max",
            start=plan.live_from,
            pacing=False,
            account_ids=(_ACCOUNT,),
        )
    )
    try:
        await gateway.start_async()
    except PoseiError:
        raise
    except ValueError as error:
        raise _translated(error) from error
    try:
        yield gateway
    finally:
        await gateway.stop_async()


def _translated(error: ValueError) -> PoseiError:
    """Return the gateway's refusal as one of ours: it stands alone, with errors of its own."""
    remedy = getattr(error, "remedy", None)
    if not isinstance(remedy, str):
        return ConfigError(
            f"the simulated gateway cannot replay this: {error}",
            field="data",
            remedy="correct the file, or give another one with --data",
        )
    row, column = getattr(error, "row", None), getattr(error, "column", None)
    places = [f"row {row}"] * (row is not None) + [f"column {column!r}"] * (column is not None)
    return DataFileError(
        f"the data file cannot be replayed: {getattr(error, 'problem', error)}",
        field=", ".join(["data", *places]),
        value=getattr(error, "path", None),
        remedy=remedy,
    )


def _node(provider: Provider, gateway: ReplayingGateway, plan: Plan) -> TradingNode:
    instruments = provider.load_class("instruments_config", InstrumentProviderConfig)
    address = {
        "provider": provider.spec.name,
        "ibg_host": gateway.host,
        "ibg_port": gateway.port,
        "ibg_client_id": 1,
        "instrument_provider": instruments.model_validate(
            {"load_ids": frozenset(prices.instrument_id for prices in plan.prices)}
        ),
        "routing": {"default": True},
    }
    data = provider.load_class("data_config", LiveDataClientConfig)
    execution = provider.load_class("exec_config", LiveExecClientConfig)
    node = TradingNode(
        TradingNodeConfig(
            trader_id="DEMO-001",
            logging=LoggingConfig(log_level="WARNING"),
            data_clients={
                _CLIENT: data.model_validate(
                    {**address, "use_regular_trading_hours": plan.regular_hours}
                )
            },
            exec_clients={_CLIENT: execution.model_validate({**address, "account_id": _ACCOUNT})},
        )
    )
    node.build()
    return node


def _strategy(plan: Plan, prices: Prices) -> EmaCross:
    instrument_id = InstrumentId(prices.instrument_id)
    return EmaCross(
        EmaCrossConfig(
            instrument_id=instrument_id,
            trade_size=plan.trade_size,
            fast=plan.fast,
            slow=plan.slow,
            from_quotes=plan.bar.endswith("MID"),
        )
    )


async def _started(strategies: Sequence[EmaCross], running: asyncio.Task[None]) -> None:
    for strategy in strategies:
        await _event(strategy.started, running, "the node to start")


async def _event(event: asyncio.Event, running: asyncio.Task[None], what: str) -> None:
    """Wait for an event, but not for a node that has ended or for ever."""
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait(
            {waiting, running}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED
        )
        if running.done():
            running.result()
    finally:
        waiting.cancel()
    if not event.is_set():
        raise RequestTimeout(
            f"waited in vain for {what}",
            field="seconds",
            value=_PATIENCE,
            remedy="run again with --debug",
        )


def _instruments(node: TradingNode, plan: Plan) -> dict[InstrumentId, Instrument]:
    wanted = {InstrumentId(prices.instrument_id) for prices in plan.prices}
    loaded = {i.id: i for i in node.cache.instruments() if i.id in wanted}
    for missing in sorted(wanted - set(loaded)):
        raise InstrumentNotFound(
            "the gateway knows no such instrument",
            field="instrument",
            value=str(missing),
            remedy="name another one with --instrument, for example AAPL.NASDAQ",
        )
    return loaded


async def _download(
    strategies: Sequence[EmaCross],
    instruments: Mapping[InstrumentId, Instrument],
    plan: Plan,
    console: Console,
) -> int:
    catalog = ParquetDataCatalog(plan.output / "catalog")
    spans = list(_spans(plan.history_from, plan.live_from))
    total = 0
    columns = (
        TextColumn("[bold]history[/] {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        shown = progress.add_task("", total=len(spans) * len(strategies))
        for strategy in strategies:
            bar_type = BarType.from_str(f"{strategy.instrument_id}-{plan.bar}-EXTERNAL")
            progress.update(shown, description=str(bar_type))
            bars: list[Bar] = []
            for start, end in spans:
                bars += await strategy.request_bars(bar_type, start, end)
                progress.advance(shown)
            catalog.write_data([instruments[strategy.instrument_id], *bars])
            strategy.warm_up(bars)
            total += len(bars)
    console.print(f"[bold]catalog[/] {total:,} bars in {catalog.path}")
    return total


def _spans(start: dt.datetime, end: dt.datetime) -> list[tuple[dt.datetime, dt.datetime]]:
    edges = [start]
    while edges[-1] < end:
        edges.append(min(edges[-1] + _YEAR, end))
    return list(itertools.pairwise(edges))


async def _trade(
    strategies: Sequence[EmaCross],
    gateway: ReplayingGateway,
    running: asyncio.Task[None],
    console: Console,
) -> None:
    for strategy in strategies:
        strategy.begin()
    with console.status("[bold]trading[/] an EMA cross on the replayed ticks"):
        ends = {
            asyncio.create_task(event.wait())
            for event in (gateway.replay_finished, *(one.gave_up for one in strategies))
        }
        try:
            await asyncio.wait({*ends, running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        if running.done():
            running.result()
        for strategy in strategies:
            strategy.finish()
        for strategy in strategies:
            await _event(strategy.settled, running, f"{strategy.instrument_id} to be closed")
    for strategy in strategies:
        if strategy.refused:
            raise RequestRejected(
                f"an order was refused: {strategy.refused[0]}",
                field="instrument_id",
                value=str(strategy.instrument_id),
                remedy="choose another --size, or another instrument",
            )
    if not any(strategy.has_traded for strategy in strategies):
        raise InvalidRequest(
            "the strategy never traded, so there is nothing to compare",
            field="slow",
            value=strategies[0].ticks_to_warm_up,
            remedy="choose shorter averages with --fast and --slow, or more data",
        )
    ticks = sum(len(strategy.prices) for strategy in strategies)
    console.print(f"[bold]traded[/] {ticks:,} ticks reached the strategies")


def _verdict(
    node: TradingNode,
    strategies: Sequence[EmaCross],
    instruments: Mapping[InstrumentId, Instrument],
    earned: Mapping[str, Decimal],
    bars: int,
    plan: Plan,
    console: Console,
) -> Verdict:
    orders = node.cache.orders()
    positions = node.cache.positions()
    books = {
        "the node": profit_of_positions(positions),
        "the gateway's account": earned,
        "from the fills": flows_of_fills(orders, instruments),
    }
    for table in (
        orders_table(orders),
        fills_table(orders),
        positions_table(positions),
        books_table(books),
    ):
        console.print(table)
    prices = {str(s.instrument_id): s.prices for s in strategies}
    by_name = {name: node.cache.orders(InstrumentId(name)) for name in prices}
    kinds: dict[str, Instrument] = {str(key): value for key, value in instruments.items()}
    picture = plan.output / "demo.svg"
    currency = next(iter(instruments.values())).settlement_currency.code
    draw(equity_curve(prices, by_name, kinds), lines_of(prices, by_name), currency, picture)
    agree = agree_to_the_cent(*books.values())
    if not agree:
        raise ReconciliationFailed(
            "the three books disagree",
            field="profit and loss",
            value={name: {c: str(a) for c, a in book.items()} for name, book in books.items()},
            remedy="this is a fault: please report it with the output above",
        )
    console.print("[bold green]the node, the account and the fills agree to the cent[/]")
    console.print(f"[bold]chart[/] {picture}")
    return Verdict(books, orders, bars, picture, agree)
