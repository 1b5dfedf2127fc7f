"""Every contestant side by side: medians of interleaved rounds, one server, fresh processes.

    python benchmarks/peers/run.py [--rounds 5] [--only quotes-5000 orders ...] [--without nautilus]

The peers are installed into environments of their own below ``~/.cache/posei-benchmarks``;
NautilusTrader is the newest release that this Python can install. Absolute figures are the
machine's; ratios count. What a contestant did not deliver is printed as lost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ENVIRONMENTS = Path.home() / ".cache" / "posei-benchmarks"


class Contestant(NamedTuple):
    """Who takes part."""

    script: str
    packages: tuple[str, ...]  # empty: our own environment
    version: int | None = None  # the server version it is held to, None for the highest common one


CONTESTANTS = {
    "floor": Contestant("floor.py", ()),
    "ours": Contestant("ours.py", (), 200),
    "ours (protobuf)": Contestant("ours.py", ()),
    "ib_async": Contestant("peer_ib_async.py", ("ib_async==2.1.0",)),
    "ibapi": Contestant("peer_ibapi.py", ("ibapi-stable==10.50.2",)),
    "nautilus": Contestant("peer_nautilus.py", ("nautilus_trader[ib]",)),
}


class Row(NamedTuple):
    """What is measured: a kind, how much of it, at which rate, and who can."""

    kind: str
    count: int
    rate: int = 0
    who: tuple[str, ...] = tuple(CONTESTANTS)


NOT_FLOOR = tuple(name for name in CONTESTANTS if name != "floor")
ROWS = {
    "quotes-5000": Row("quotes", 5_000),
    "quotes-100000": Row("quotes", 100_000, who=tuple(n for n in CONTESTANTS if n != "nautilus")),
    "trades-5000": Row("trades", 5_000),
    "l1-2000": Row("l1", 2_000),
    "latency-500": Row("quotes", 1_000, 500),
    "latency-2000": Row("quotes", 4_000, 2_000),
    "orders": Row("orders", 200, who=NOT_FLOOR),
    "history-100000": Row("history", 100_800, who=NOT_FLOOR),
}


def python_of(name: str) -> str:
    """Return the interpreter of a contestant, installing what it needs once."""
    contestant = CONTESTANTS[name]
    if not contestant.packages:
        return sys.executable
    python = ENVIRONMENTS / name / "bin" / "python"
    mark = ENVIRONMENTS / name / ".packages"
    if not mark.exists() or mark.read_text() != repr(contestant.packages):
        uv = str(Path(sys.executable).parent / "uv")
        subprocess.run([uv, "venv", "-q", "--clear", str(python.parent.parent)], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "--python", str(python), *contestant.packages], check=True
        )
        mark.write_text(repr(contestant.packages))
    return str(python)


def measured(name: str, row: Row) -> dict[str, object] | None:
    """Run one contestant once; None when it failed or did not end."""
    contestant = CONTESTANTS[name]
    with tempfile.TemporaryDirectory() as folder:
        sent = Path(folder) / "sent.json"
        command = [sys.executable, str(HERE / "server.py"), row.kind]
        command += ["--count", str(row.count), "--rate", str(row.rate)]
        if contestant.version is not None:
            command += ["--server-version", str(contestant.version)]
        server = subprocess.Popen(
            [*command, str(sent)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        port = server.stdout.readline().strip()
        moments = "1" if row.rate else "0"
        began = time.monotonic_ns()
        try:
            done = subprocess.run(
                [
                    python_of(name),
                    str(HERE / contestant.script),
                    row.kind,
                    port,
                    moments,
                    str(row.count),
                ],
                capture_output=True,
                text=True,
                check=False,
                timeout=180,
                cwd=folder,
            )
            lines = [line for line in done.stdout.splitlines() if line.startswith('{"count"')]
            found = json.loads(lines[-1]) if lines else None
            if found is None:
                print(f"{name} failed: {done.stderr[-400:]}", file=sys.stderr)
        except subprocess.TimeoutExpired:
            found = None
        server.stdin.close()
        server.wait(30)
        server.stdout.close()
        if found is None:
            return None
        found["sent_ns"] = json.loads(sent.read_text())
        found["began_ns"] = began
        return found


def figures(row: Row, found: dict[str, object]) -> dict[str, float]:
    """Return what a run comes to."""
    if row.kind == "history":
        names = ("objects_s", "arrow_s", "parquet_s")
        return {name: found[name] for name in names if name in found} | {"rss_mb": found["rss_mb"]}
    if row.kind == "orders":
        return {
            "ack p50 us": quantile(found["acknowledged"], 0.5),
            "ack p99 us": quantile(found["acknowledged"], 0.99),
            "fill p50 us": quantile(found["filled"], 0.5),
            "fill p99 us": quantile(found["filled"], 0.99),
            "rss_mb": found["rss_mb"],
        }
    if row.rate:
        sent = found["sent_ns"]
        late = [at - sent[number - 1] for number, at in found["moments"]]
        return {
            "p50 us": quantile(late, 0.5),
            "p99 us": quantile(late, 0.99),
            "lost": row.count - found["count"],
        }
    seconds = (found["last_ns"] - found["sent_ns"][0]) / 1e9
    return {
        "per second": row.count / seconds,
        "CPU us each": found["cpu_s"] / row.count * 1e6,
        "lost": 0 if row.kind == "l1" else row.count - found["count"],
        "start ms": (found["sent_ns"][0] - found["began_ns"]) / 1e6 - 500,
        "rss_mb": found["rss_mb"],
    }


def quantile(nanos: list[int], share: float) -> float:
    """Return a quantile in microseconds."""
    ordered = sorted(nanos)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1e3


def main() -> None:
    """Run the rounds and print a table for each row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--without", nargs="*", choices=CONTESTANTS, default=[])
    wanted = parser.parse_args()
    for title in wanted.only:
        row = ROWS[title]
        names = [name for name in row.who if name not in wanted.without]
        for name in names:
            python_of(name)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(wanted.rounds):
            for name in names:
                found = measured(name, row)
                if found is not None:
                    runs[name].append(figures(row, found))
        print(f"\n{title}: medians of {wanted.rounds} rounds")
        for name, results in runs.items():
            if not results:
                print(f"  {name:16} did not finish")
                continue
            cells = {
                key: statistics.median(one[key] for one in results if key in one)
                for key in results[0]
            }
            text = "  ".join(f"{key} {value:,.4g}" for key, value in cells.items())
            print(f"  {name:16} {text}", flush=True)


if __name__ == "__main__":
    main()
