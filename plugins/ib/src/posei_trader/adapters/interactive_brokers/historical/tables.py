"""IB's history as Arrow tables with the columns of the catalog, without an object a row.

The numbers are those of `conversion`: the same rounding, the same rows left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.adapters.interactive_brokers.client.messages import GaplessSeconds, SizeColumn
from posei_trader.adapters.interactive_brokers.historical.bar_specs import CALENDAR_BARS
from posei_trader.adapters.interactive_brokers.historical.bar_times import close_times
from posei_trader.adapters.interactive_brokers.historical.conversion import (
    TRADE_FLAGS,
    is_absent,
    note_bars,
    volumes_of,
)
from posei_trader.model.bars import NANOS_PER_SECOND
from posei_trader.model.enums import AggressorSide
from posei_trader.model.fixed_point import FIXED_SCALAR
from posei_trader.persistence import arrow_values, schemas

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.adapters.interactive_brokers.client.messages import (
        HistoricalQuote,
        HistoricalTrade,
    )
    from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
    from posei_trader.adapters.interactive_brokers.historical.conversion import Discarded
    from posei_trader.adapters.interactive_brokers.historical.scales import Scale
    from posei_trader.model.bars import BarSpecification

__all__ = ["bars_table", "quotes_table", "trades_table"]


def bars_table(
    columns: BarColumns, spec: BarSpecification, scale: Scale, discarded: Discarded
) -> pa.Table:
    """Return bars as a table; see :func:`convert_bars`."""
    opens, highs, lows, closes = (
        _raw(values, scale)
        for values in (columns.opens, columns.highs, columns.lows, columns.closes)
    )
    volumes = _volumes(columns.volumes)
    seconds = columns.opened
    if isinstance(seconds, GaplessSeconds):
        seconds = seconds.numbers
    opened = pc.multiply(
        arrow_values.float64_array(seconds).cast(pa.int64()), arrow_values.int64(NANOS_PER_SECOND)
    )
    if spec.aggregation in CALENDAR_BARS:
        known = arrow_values.int64_array(close_times(columns.dates, opened.to_pylist(), spec))
    else:
        known = pc.add(opened, arrow_values.int64(spec.nanos or 0))
    arrays = [
        opened.cast(arrow_values.TIME),
        known.cast(arrow_values.TIME),
        *(arrow_values.int64_to_arrow(values) for values in (opens, highs, lows, closes, volumes)),
        _precisions((opens, highs, lows, closes), scale.precision),
        _precisions((volumes,), scale.size_precision),
        _false(len(opened)),
        _false(len(opened)),
    ]
    table = pa.Table.from_arrays(arrays, schema=schemas.BARS.schema)
    inside = pc.and_(
        pc.and_(pc.less_equal(lows, opens), pc.less_equal(opens, highs)),
        pc.and_(pc.less_equal(lows, closes), pc.less_equal(closes, highs)),
    )
    if pc.all(inside, min_count=0).as_py():
        return table
    note_bars(discarded, columns, pc.indices_nonzero(inside).to_pylist())
    return table.filter(inside)


def quotes_table(rows: Iterable[HistoricalQuote], scale: Scale, discarded: Discarded) -> pa.Table:
    """Return quotes as a table; see :func:`convert_quotes`."""
    kept: list[HistoricalQuote] = []
    for row in rows:
        if is_absent(row.bid, row.bid_size or 0) or is_absent(row.ask, row.ask_size or 0):
            discarded.quotes += 1
            discarded.note(row)
        else:
            kept.append(row)
    bids, asks = _raw([row.bid for row in kept], scale), _raw([row.ask for row in kept], scale)
    times = _times([row.time_s for row in kept])
    arrays = [
        times,
        times,
        arrow_values.int64_to_arrow(bids),
        arrow_values.int64_to_arrow(asks),
        arrow_values.raw_to_arrow([row.bid_size or 0 for row in kept]),
        arrow_values.raw_to_arrow([row.ask_size or 0 for row in kept]),
        _precisions((bids, asks), scale.precision),
        _constant(scale.size_precision, len(kept)),
        _false(len(kept)),
    ]
    return pa.Table.from_arrays(arrays, schema=schemas.QUOTE_TICKS.schema)


def trades_table(rows: Sequence[HistoricalTrade], scale: Scale, discarded: Discarded) -> pa.Table:
    """Return trades as a table; see :func:`convert_trades`."""
    kept: list[HistoricalTrade] = []
    ids: list[str] = []
    second = number = 0
    for row in rows:
        number = number + 1 if row.time_s == second else 0
        second = row.time_s
        if (row.size or 0) <= 0:
            discarded.trades += 1
            discarded.note(row)
            continue
        kept.append(row)
        ids.append(f"{second}-{number}")
    prices = _raw([row.price for row in kept], scale)
    times = _times([row.time_s for row in kept])
    arrays = [
        times,
        times,
        arrow_values.int64_to_arrow(prices),
        arrow_values.raw_to_arrow([row.size or 0 for row in kept]),
        _precisions((prices,), scale.precision),
        _constant(scale.size_precision, len(kept)),
        _constant(int(AggressorSide.NO_AGGRESSOR), len(kept)),
        arrow_values.string_array(ids),
        arrow_values.uint8_array([int(TRADE_FLAGS[row.mask & 3]) for row in kept]),
    ]
    return pa.Table.from_arrays(arrays, schema=schemas.TRADE_TICKS.schema)


def _volumes(volumes: Sequence[int | None]) -> pa.Array:
    """Return volumes in units of 10^-9, see :func:`volumes_of`."""
    if isinstance(volumes, SizeColumn):
        raws = _product(volumes.numbers, FIXED_SCALAR)
        return pc.max_element_wise(raws, arrow_values.int64(0))
    return arrow_values.raw_array(volumes_of(volumes))


def _raw(prices: Sequence[float], scale: Scale) -> pa.Array:
    """Return prices in units of 10^-9, rounded as Python rounds."""
    return _product(prices, scale.factor)


def _product(numbers: Sequence[float], factor: float) -> pa.Array:
    """Return whole numbers."""
    exact = pc.multiply(
        arrow_values.float64_array(numbers), arrow_values.float64_array([factor])[0]
    )
    return pc.round(exact).cast(pa.int64())


def _precisions(columns: tuple[pa.Array, ...], least: int) -> pa.Array:
    """Return how many decimals show the values of each row without loss, at least `least`."""
    digits = None
    for more in range(least, 9):
        unit = arrow_values.int64(10 ** (9 - more))
        needs = None
        for column in columns:
            some = pc.not_equal(column, pc.multiply(pc.divide(column, unit), unit))
            needs = some if needs is None else pc.or_(needs, some)
        if not pc.any(needs, min_count=0).as_py():
            break
        deeper = pc.if_else(needs, arrow_values.int64(more + 1), arrow_values.int64(least))
        digits = deeper if digits is None else pc.max_element_wise(digits, deeper)
    return _constant(least, len(columns[0])) if digits is None else digits.cast(pa.uint8())


def _constant(value: int, rows: int) -> pa.Array:
    return arrow_values.uint8_array(bytes([value]) * rows)


def _false(rows: int) -> pa.Array:
    return arrow_values.bool_array(bytes(rows))


def _times(seconds: list[int]) -> pa.Array:
    return pc.multiply(
        arrow_values.int64_array(seconds), arrow_values.int64(NANOS_PER_SECOND)
    ).cast(arrow_values.TIME)
