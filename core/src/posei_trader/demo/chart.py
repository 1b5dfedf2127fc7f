"""The picture at the end of the demo: equity, prices and where the strategy traded."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final, NamedTuple

from posei_trader.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_BUY: Final = "#2e8b57"
_SELL: Final = "#c0392b"
_LINE: Final = "#1f4e79"
_MOST: Final = 1_200
"""More points than this cannot be told apart in one picture."""


class Point(NamedTuple):
    """A value at a moment (UNIX ns UTC)."""

    ts: int
    value: float


class Trade(NamedTuple):
    """A fill at a moment (UNIX ns UTC)."""

    ts: int
    price: float
    is_buy: bool


class Line(NamedTuple):
    """The prices of one instrument and the fills on it."""

    prices: Sequence[Point]
    trades: Sequence[Trade]


def draw(equity: Sequence[Point], lines: Mapping[str, Line], currency: str, output: Path) -> None:
    """Draw equity over one panel for each instrument.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional and slow
    except ImportError as error:
        raise MissingDependency(
            "the picture needs matplotlib",
            field="package",
            value="matplotlib",
            remedy="pip install 'posei_trader[demo]'",
        ) from error
    rows = 1 + len(lines)
    figure = Figure(figsize=(11, 2.4 + 1.9 * len(lines)), layout="constrained")
    panels = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    times, values = _columns(equity)
    panels[0].step(times, values, where="post", color=_LINE, linewidth=1.2)
    panels[0].fill_between(times, values, step="post", alpha=0.12, color=_LINE)
    panels[0].set_title(f"profit and loss, {currency}", loc="left", fontsize=10)
    for panel, (name, line) in zip(panels[1:], lines.items(), strict=True):
        times, values = _columns(line.prices)
        panel.plot(times, values, color="#888888", linewidth=0.8)
        for is_buy, marker, color in ((True, "^", _BUY), (False, "v", _SELL)):
            times, values = _columns(
                [Point(t.ts, t.price) for t in line.trades if t.is_buy is is_buy]
            )
            panel.scatter(times, values, marker=marker, color=color, s=22, zorder=3)
        panel.set_title(name, loc="left", fontsize=10)
    for panel in panels:
        panel.grid(alpha=0.25)
        panel.tick_params(labelsize=8)
    figure.savefig(output)


def _columns(points: Sequence[Point]) -> tuple[list[dt.datetime], list[float]]:
    every = max(1, len(points) // _MOST)
    kept = points[::every]
    return [dt.datetime.fromtimestamp(p.ts / 1e9, dt.UTC) for p in kept], [p.value for p in kept]
