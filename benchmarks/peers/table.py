"""What the runs come to: medians, and ratios to ib_async and to the floor."""

from __future__ import annotations

import statistics
from typing import NamedTuple

BASELINES = ("ib_async", "floor")

LONG = 50_000
"""Bursts from here on: what is done before the first callback no longer counts beside the rest."""


class Row(NamedTuple):
    """What is measured: a kind, how much of it, at which rate, and who stays away and why."""

    kind: str
    count: int
    rate: int = 0
    without: tuple[str, ...] = ()


def figures(row: Row, found: dict) -> dict[str, float]:
    """Return what a run comes to."""
    if row.kind == "history":
        names = {"objects_s": "objects s", "arrow_s": "Arrow s", "parquet_s": "Parquet s"}
        cells = {text: found[name] for name, text in names.items() if name in found}
        return cells | {"lost": row.count - found["bars"], "resident MB": found["rss_mb"]}
    if row.kind == "orders":
        return {
            "acknowledged p50 us": quantile(found["acknowledged"], 0.5),
            "acknowledged p99 us": quantile(found["acknowledged"], 0.99),
            "filled p50 us": quantile(found["filled"], 0.5),
            "filled p99 us": quantile(found["filled"], 0.99),
            "lost": row.count - len(found["filled"]),
        }
    lost = {"lost": row.count - found["count"]}
    if row.kind == "start":
        first = (found["first_ns"] - found["began_ns"]) / 1e6
        cpu = found["start_cpu_s"] * 1e3
        return {"first tick ms": first, "CPU ms": cpu, "resident MB": found["rss_mb"]} | lost
    if row.rate:
        sent = found["sent_ns"]
        late = [at - sent[number - 1] for number, at in found["moments"]]
        return {"p50 us": quantile(late, 0.5), "p99 us": quantile(late, 0.99)} | lost
    if not found["is_done"]:
        return lost
    seconds = (found["last_ns"] - found["sent_ns"][0]) / 1e9
    cells = {"per second": found["count"] / seconds}
    if row.count >= LONG:
        cells["CPU us each"] = found["cpu_s"] / found["count"] * 1e6
    return cells | lost


def quantile(nanos: list[int], share: float) -> float:
    """Return a quantile in microseconds."""
    ordered = sorted(nanos)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e3


Results = dict[str, dict[str, list[dict[str, float]]]]
"""By row and contestant: the figures of each run that ended."""


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure, and the worst loss of all runs."""
    names = {name: None for run in runs for name in run}
    found = {
        name: statistics.median(run[name] for run in runs if name in run)
        for name in names
        if name != "lost"
    }
    return found | {"lost": max((run["lost"] for run in runs), default=0)}


def table(results: Results, names: list[str], rounds: int) -> str:
    """Return a Markdown table: a line for each figure, a column for each contestant.

    Beside a median stand its ratios to ib_async and to the floor; beside a figure of which not
    every round gave one, how many did. A loss is shown where there was one: the worst of all.
    """
    lines = [
        f"| median (/ {', / '.join(BASELINES)}) | " + " | ".join(names) + " |",
        "| --- |" + " ---: |" * len(names),
    ]
    for title, by_name in results.items():
        found = {name: medians(by_name.get(name, [])) for name in names}
        counts = {name: len(by_name.get(name, [])) for name in names}
        figure_names = {figure: None for cells in found.values() for figure in cells}
        for figure in figure_names:
            if figure == "lost" and not any(cells["lost"] for cells in found.values()):
                continue
            cells = [_cell(figure, name, found, counts, rounds) for name in names]
            lines.append(f"| {title}: {figure} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(
    figure: str,
    name: str,
    found: dict[str, dict[str, float]],
    counts: dict[str, int],
    rounds: int,
) -> str:
    if not counts[name]:
        return "-"
    value = found[name].get(figure)
    if value is None:
        return "-"
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    if figure == "lost":
        return text
    ratios = [
        f"{value / found[base][figure]:.2g}" if found.get(base, {}).get(figure) else "-"
        for base in BASELINES
    ]
    text += f" ({', '.join(ratios)})"
    return text if counts[name] == rounds else f"{text} [{counts[name]} of {rounds} runs]"
