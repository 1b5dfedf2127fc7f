"""Candlesticks as a picture."""

from __future__ import annotations

import datetime as dt
import html
import io
import warnings
from typing import TYPE_CHECKING, Final

from posei_trader.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posei_trader.model.bars import Bar

_UP: Final = "#2e8b57"
_DOWN: Final = "#c0392b"
_MOST: Final = 600
"""More candles than this cannot be told apart in one picture; they are joined."""


def draw_candles(bars: Sequence[Bar], output: Path) -> None:
    """Draw bars as candlesticks over their volume.

    Args:
        bars: What to draw; not empty.
        output: A .png, .svg or .pdf; an .html is a page that needs nothing else.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - optional and slow
    except ImportError as error:
        raise MissingDependency(
            "pictures need matplotlib",
            field="package",
            value="matplotlib",
            remedy="pip install 'posei_trader[demo]'",
        ) from error
    candles = _joined(bars)
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    prices, volumes = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [4, 1], "hspace": 0.02}
    )
    places = range(len(candles))
    colors = [_UP if close >= opened else _DOWN for _, opened, _, _, close, _ in candles]
    prices.vlines(places, [c[3] for c in candles], [c[2] for c in candles], colors, linewidth=0.8)
    prices.bar(
        places,
        [max(abs(c[4] - c[1]), 1e-12) for c in candles],
        bottom=[min(c[1], c[4]) for c in candles],
        color=colors,
        width=0.7,
    )
    volumes.bar(places, [c[5] for c in candles], color=colors, width=0.7)
    # A $ in a symbol is no formula.
    title = f"{bars[0].bar_type}  ({len(bars)} bars)"
    prices.set_title(title, loc="left", fontsize=11, parse_math=False)
    prices.grid(alpha=0.25)
    volumes.set_ylabel("volume", fontsize=8)
    step = max(1, len(candles) // 8)
    volumes.set_xticks(list(places)[::step], [_label(c[0]) for c in candles[::step]], fontsize=8)
    with warnings.catch_warnings():
        # A symbol whose letters no font has is drawn as boxes; there is nothing to do about it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        if output.suffix.lower() == ".html":
            drawing = io.StringIO()
            figure.savefig(drawing, format="svg")
            output.write_text(_page(bars, drawing.getvalue()), encoding="utf-8")
        else:
            figure.savefig(output)


_PAGE: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}}
svg{{width:100%;height:auto}} td,th{{padding:.1rem 1.2rem .1rem 0;text-align:left}}</style></head>
<body><h1>{title}</h1>
<table>{rows}</table>
{drawing}
</body></html>
"""


def _page(bars: Sequence[Bar], drawing: str) -> str:
    facts = {
        "bars": f"{len(bars):,}",
        "from": _moment(bars[0].ts_event),
        "to": _moment(bars[-1].ts_event),
        "open": str(bars[0].open),
        "high": str(max(bars, key=lambda bar: bar.high_raw).high),
        "low": str(min(bars, key=lambda bar: bar.low_raw).low),
        "close": str(bars[-1].close),
    }
    cells = (
        f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in facts.items()
    )
    return _PAGE.format(
        title=html.escape(str(bars[0].bar_type)),
        rows="".join(cells),
        drawing=drawing[drawing.index("<svg") :],
    )


def _moment(nanos: int) -> str:
    return f"{dt.datetime.fromtimestamp(nanos // 10**9, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"


Candle = tuple[int, float, float, float, float, float]


def _joined(bars: Sequence[Bar]) -> list[Candle]:
    size = -(-len(bars) // _MOST)
    candles: list[Candle] = []
    for start in range(0, len(bars), size):
        group = bars[start : start + size]
        candles.append(
            (
                group[0].ts_event,
                group[0].open.as_double(),
                max(bar.high.as_double() for bar in group),
                min(bar.low.as_double() for bar in group),
                group[-1].close.as_double(),
                sum(bar.volume.as_double() for bar in group),
            )
        )
    return candles


def _label(nanos: int) -> str:
    moment = dt.datetime.fromtimestamp(nanos / 1e9, dt.UTC)
    return moment.strftime("%Y-%m-%d" if not (moment.hour or moment.minute) else "%m-%d %H:%M")
