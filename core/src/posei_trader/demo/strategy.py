"""An EMA cross on streamed ticks: simple enough to check by hand, real enough to trade."""

# Annotations of the settings are read at run time, by pydantic: no postponed evaluation.

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, final

from pydantic import PositiveInt

from posei_trader.demo.chart import Point
from posei_trader.model.enums import OrderSide
from posei_trader.model.events import OrderDenied, OrderEvent, OrderRejected
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.trading.config import StrategyConfig
from posei_trader.trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.model.bars import Bar


class EmaCrossConfig(StrategyConfig):
    """Configure an EMA cross."""

    instrument_id: InstrumentId
    """What to trade."""
    trade_size: Decimal = Decimal(100)
    """Units held, long or short."""
    fast: PositiveInt = 40
    """Ticks in the fast average."""
    slow: PositiveInt = 160
    """Ticks in the slow average."""
    from_quotes: bool = False
    """Follow the midpoint of quotes: for what has no trades, such as spot currencies."""


@final
class EmaCross(Strategy):
    """Hold `trade_size` in the direction of the fast average against the slow one.

    Args:
        config: Settings.
    """

    def __init__(self, config: EmaCrossConfig) -> None:
        super().__init__(config)
        self._settings = config
        self._fast = _Ema(config.fast)
        self._slow = _Ema(config.slow)
        self._trading = False
        self.prices: list[Point] = []
        self.refused: list[str] = []
        self.started = asyncio.Event()
        self.settled = asyncio.Event()
        self.gave_up = asyncio.Event()

    @property
    def instrument_id(self) -> InstrumentId:
        """Return what it trades."""
        return self._settings.instrument_id

    @property
    def has_traded(self) -> bool:
        """Return whether anything was filled."""
        return bool(self.cache.positions(instrument_id=self.instrument_id))

    @property
    def ticks_to_warm_up(self) -> int:
        """Return how many ticks the slow average needs before a signal counts."""
        return self._settings.slow

    def on_start(self) -> None:
        """Say that orders may be sent; data is asked for by :meth:`begin`."""
        self.started.set()

    def warm_up(self, bars: "Iterable[Bar]") -> None:
        """Feed history to the averages, four prices a bar."""
        for bar in bars:
            for raw in (bar.open_raw, bar.high_raw, bar.low_raw, bar.close_raw):
                self._fast.add(raw)
                self._slow.add(raw)

    def begin(self) -> None:
        """Follow the market and trade."""
        self._trading = True
        if self._settings.from_quotes:
            self.subscribe_quote_ticks(self._settings.instrument_id)
        else:
            self.subscribe_trade_ticks(self._settings.instrument_id)

    def finish(self) -> None:
        """Follow no further signal, and close what is held; `settled` tells when that is done."""
        self._trading = False
        self._settle()

    def on_trade_tick(self, tick: TradeTick) -> None:
        """Follow a trade."""
        self._follow(tick.price_raw, tick.ts_event)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Follow a midpoint."""
        self._follow(tick.mid_raw, tick.ts_event)

    def on_order_event(self, event: OrderEvent) -> None:
        """Go on closing once the venue has answered."""
        if isinstance(event, OrderDenied | OrderRejected):
            # A market order that is refused once is refused again at the next tick.
            self._trading = False
            self.refused.append(event.reason)
            self.gave_up.set()
        if not self._trading:
            self._settle()

    def _follow(self, raw: int, ts_event: int) -> None:
        self.prices.append(Point(ts_event, raw / 1e9))
        fast, slow = self._fast.add(raw), self._slow.add(raw)
        if self._trading and self._slow.is_warm and not self._is_waiting():
            self._hold(self._settings.trade_size if fast > slow else -self._settings.trade_size)

    def _is_waiting(self) -> bool:
        wanted = self._settings.instrument_id
        return bool(self.cache.orders_in_flight(wanted) or self.cache.orders_open(wanted))

    def _hold(self, target: Decimal) -> None:
        units = target - self.portfolio.net_position(self._settings.instrument_id)
        instrument = self.cache.instrument(self._settings.instrument_id)
        if units == 0 or instrument is None:
            return
        self.submit_order(
            self.order_factory.market(
                instrument_id=instrument.id,
                order_side=OrderSide.BUY if units > 0 else OrderSide.SELL,
                quantity=instrument.make_qty(abs(units)),
            )
        )

    def _settle(self) -> None:
        if self._is_waiting():
            return
        orders = self.cache.orders(instrument_id=self._settings.instrument_id)
        if self.portfolio.net_position(self._settings.instrument_id) and not self.refused:
            self._hold(Decimal(0))
        elif all(fill.commission is not None for order in orders for fill in order.fills):
            self.settled.set()


class _Ema:
    """An exponential moving average that begins with its first value."""

    __slots__ = ("_count", "_span", "_value")

    def __init__(self, span: int) -> None:
        self._span = span
        self._count = 0
        self._value = 0.0

    def add(self, value: float) -> float:
        self._count += 1
        weight = 2.0 / (self._span + 1.0)
        self._value = value if self._count == 1 else self._value + weight * (value - self._value)
        return self._value

    @property
    def is_warm(self) -> bool:
        return self._count >= self._span
