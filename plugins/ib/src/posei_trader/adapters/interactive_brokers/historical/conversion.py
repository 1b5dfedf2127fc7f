"""IB's history as our structs: pure functions over columns."""

from __future__ import annotations

from itertools import chain, pairwise, repeat
from operator import le
from typing import TYPE_CHECKING, Final

import msgspec

from posei_trader.adapters.interactive_brokers.client.messages import (
    SizeColumn,
    TradeMask,
    date_text,
)
from posei_trader.adapters.interactive_brokers.historical.bar_times import times_of
from posei_trader.adapters.interactive_brokers.historical.scales import (
    RawPrices,
    are_shown,
    digits_of,
)
from posei_trader.model.bars import NANOS_PER_SECOND, Bar
from posei_trader.model.enums import AggressorSide, TradeFlag
from posei_trader.model.identifiers import TradeId
from posei_trader.model.ticks import QuoteTick, TradeTick

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.adapters.interactive_brokers.client.messages import (
        HistoricalQuote,
        HistoricalTrade,
    )
    from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
    from posei_trader.adapters.interactive_brokers.historical.scales import Scale
    from posei_trader.model.bars import BarType
    from posei_trader.model.identifiers import InstrumentId

TRADE_FLAGS: Final = tuple(
    (TradeFlag.PAST_LIMIT if mask & TradeMask.PAST_LIMIT else TradeFlag.NONE)
    | (TradeFlag.UNREPORTED if mask & TradeMask.UNREPORTED else TradeFlag.NONE)
    for mask in range(4)
)
"""Our marks of a trade by IB's two bits."""


class Discarded(msgspec.Struct):
    """Records that IB sent and that cannot be: counted, and named by the first of each kind.

    Attributes:
        bars: Bars whose prices contradict each other.
        quotes: Quotes without a price.
        trades: Trades without a price or size.
        example: The first of them.
    """

    bars: int = 0
    quotes: int = 0
    trades: int = 0
    example: str = ""

    def __bool__(self) -> bool:
        return bool(self.bars or self.quotes or self.trades)

    def note(self, record: object) -> None:
        """Keep the first record as an example."""
        if not self.example:
            self.example = str(record)


def convert_bars(
    columns: BarColumns,
    bar_type: BarType,
    scale: Scale,
    discarded: Discarded,
    raw: RawPrices | None = None,
) -> list[Bar]:
    """Return the bars of an answer, in its order.

    A volume of -1 (data without trades) becomes 0. Bars that contradict themselves are left out,
    and counted in `discarded`. Several answers may share their `raw` prices.

    Raises:
        InvalidRequest: IB's text for a time is none.
    """
    raw = RawPrices(scale) if raw is None else raw
    prices = [
        list(map(raw.__getitem__, values))
        for values in (columns.opens, columns.highs, columns.lows, columns.closes)
    ]
    if not _agree(*prices):
        right = [row for row, of_bar in enumerate(zip(*prices, strict=True)) if _agrees(*of_bar)]
        note_bars(discarded, columns, right)
        columns = columns.rows(right)
        prices = [[values[row] for row in right] for values in prices]
    volumes = volumes_of(columns.volumes)
    least, whole = scale.precision, scale.size_precision
    return list(
        map(
            Bar,
            repeat(bar_type),
            *prices,
            volumes,
            repeat(least) if raw.are_shown else digits_of(prices, least),
            repeat(whole) if are_shown(volumes, whole) else digits_of([volumes], whole),
            *times_of(columns.opened, columns.dates, bar_type.spec),
        )
    )


def joined_bars(parts: Sequence[list[Bar]]) -> list[Bar]:
    """Return the bars of several answers; of the same bar the one of the last part stays.

    Args:
        parts: Bars ascending, each once in its part.
    """
    parts = [part for part in parts if part]
    bars = list(chain.from_iterable(parts))
    if all(older[-1].ts_event < newer[0].ts_event for older, newer in pairwise(parts)):
        return bars
    by_time = {bar.ts_event: bar for bar in bars}
    return [by_time[moment] for moment in sorted(by_time)]


def volumes_of(volumes: Sequence[int | None]) -> list[int]:
    """Return volumes in units of 10^-9; where IB says that there is none, 0."""
    if isinstance(volumes, SizeColumn) and min(volumes.numbers, default=0) >= 0:
        return list(volumes)
    return [volume if volume is not None and volume > 0 else 0 for volume in volumes]


def note_bars(discarded: Discarded, columns: BarColumns, right: Sequence[int]) -> None:
    """Note the bars of an answer whose prices contradict each other.

    Args:
        discarded: Where.
        columns: The answer.
        right: The numbers of the other bars, ascending; one at least is missing.
    """
    first = next((row for row, other in enumerate(right) if row != other), len(right))
    discarded.bars += len(columns.opened) - len(right)
    discarded.note(
        (
            date_text(columns.dates[first]),
            columns.opens[first],
            columns.highs[first],
            columns.lows[first],
            columns.closes[first],
        )
    )


def _agree(opens: list[int], highs: list[int], lows: list[int], closes: list[int]) -> bool:
    return (
        all(map(le, lows, opens))
        and all(map(le, opens, highs))
        and all(map(le, lows, closes))
        and all(map(le, closes, highs))
    )


def _agrees(open_: int, high: int, low: int, close: int) -> bool:
    return low <= open_ <= high and low <= close <= high


def convert_quotes(
    quotes: Iterable[HistoricalQuote],
    instrument_id: InstrumentId,
    scale: Scale,
    discarded: Discarded,
) -> list[QuoteTick]:
    """Return quotes of the past; those without a price on a side are counted in `discarded`."""
    ticks: list[QuoteTick] = []
    factor, unit = scale.factor, scale.unit
    for quote in quotes:
        bid_size, ask_size = quote.bid_size or 0, quote.ask_size or 0
        if is_absent(quote.bid, bid_size) or is_absent(quote.ask, ask_size):
            discarded.quotes += 1
            discarded.note(quote)
            continue
        bid, ask = round(quote.bid * factor), round(quote.ask * factor)
        digits = scale.precision
        if bid % unit or ask % unit:
            digits = scale.price_precision(bid, ask)
        ts = quote.time_s * NANOS_PER_SECOND
        ticks.append(
            QuoteTick(
                instrument_id, bid, ask, bid_size, ask_size, digits, scale.size_precision, ts, ts
            )
        )
    return ticks


def convert_trades(
    trades: Sequence[HistoricalTrade],
    instrument_id: InstrumentId,
    scale: Scale,
    discarded: Discarded,
) -> list[TradeTick]:
    """Return trades of the past.

    A trade's id is its second and its number in that second: unique, and the same whenever the
    whole second is fetched. Prints without a price are counted in `discarded`.
    """
    ticks: list[TradeTick] = []
    factor, unit = scale.factor, scale.unit
    second = number = 0
    for trade in trades:
        number = number + 1 if trade.time_s == second else 0
        second = trade.time_s
        size = trade.size or 0
        if size <= 0:
            discarded.trades += 1
            discarded.note(trade)
            continue
        price = round(trade.price * factor)
        digits = scale.price_precision(price) if price % unit else scale.precision
        ts = second * NANOS_PER_SECOND
        ticks.append(
            TradeTick(
                instrument_id,
                price,
                size,
                digits,
                scale.size_precision,
                AggressorSide.NO_AGGRESSOR,
                TradeId(f"{second}-{number}"),
                ts,
                ts,
                TRADE_FLAGS[trade.mask & 3],
            )
        )
    return ticks


def is_absent(price: float, size: int) -> bool:
    """Return whether IB says that a side has no quote: a price of -1 (or 0) and no size.

    A spread may well be quoted at -1, with a size.
    """
    return size == 0 and price in {-1.0, 0.0}
