"""The equity curve of the demo's picture: fills applied to a walk through the prices."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from posei_trader.demo.chart import Line, Point, Trade
from posei_trader.model.enums import OrderSide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order


def trades_of(orders: Iterable[Order]) -> list[Trade]:
    """Return the fills, oldest first."""
    return sorted(
        Trade(fill.ts_event, fill.price.as_double(), order.side is OrderSide.BUY)
        for order in orders
        for fill in order.fills
    )


def lines_of(
    prices: Mapping[str, Sequence[Point]], orders: Mapping[str, Sequence[Order]]
) -> dict[str, Line]:
    """Return one line for each instrument: its prices and the fills on it."""
    return {name: Line(points, trades_of(orders[name])) for name, points in prices.items()}


def equity_curve(
    prices: Mapping[str, Sequence[Point]],
    orders: Mapping[str, Sequence[Order]],
    instruments: Mapping[str, Instrument],
) -> list[Point]:
    """Return profit after each price, everything held marked at the last price seen.

    For the picture only: floats, all currencies counted as one.
    """
    steps = heapq.merge(*(_steps(name, prices[name], orders[name]) for name in prices))
    cash = 0.0
    held = dict.fromkeys(prices, 0.0)
    mark = dict.fromkeys(prices, 0.0)
    curve: list[Point] = []
    for ts, name, price, units, cost in steps:
        mark[name] = price
        cash -= units * price * _multiplier(instruments[name]) + cost
        held[name] += units
        worth = sum(held[n] * mark[n] * _multiplier(instruments[n]) for n in held)
        curve.append(Point(ts, cash + worth))
    return curve


def _steps(
    name: str, points: Sequence[Point], orders: Sequence[Order]
) -> list[tuple[int, str, float, float, float]]:
    steps = [(point.ts, name, point.value, 0.0, 0.0) for point in points]
    for order in orders:
        for fill in order.fills:
            units = fill.quantity.as_double() * order.side.sign
            cost = 0.0 if fill.commission is None else fill.commission.as_double()
            steps.append((fill.ts_event, name, fill.price.as_double(), units, cost))
    return sorted(steps)


def _multiplier(instrument: Instrument) -> float:
    return instrument.multiplier.as_double()
