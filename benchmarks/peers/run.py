"""Every contestant side by side: one server process, fresh contestants, interleaved rounds.

    python benchmarks/peers/run.py [--rounds 3] [--only quotes-5000 orders] [--without ibapi]
                                   [--json figures.json] [--python /path/to/python3.13]

The peers are installed into environments of their own below ``~/.cache/posei-benchmarks`` (1 GB, of
which NautilusTrader takes most). Absolute figures are the machine's; ratios count. `README.md`
beside this file says who takes part, what is measured, and what to know of the peers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from environments import HERE, Contestant, contestants, installed, newest_python, version_of
from table import Results, Row, figures, table

# At about 1,000 ticks a second its Python adapter would take minutes.
SLOW = ("nautilus (python)",)
ROWS = {
    "quotes-5000": Row("quotes", 5_000),
    "quotes-100000": Row("quotes", 100_000, without=SLOW),
    "trades-5000": Row("trades", 5_000),
    "trades-100000": Row("trades", 100_000, without=SLOW),
    "l1-2000": Row("l1", 2_000),
    "latency-500": Row("quotes", 1_000, 500),
    "latency-2000": Row("quotes", 4_000, 2_000),
    "orders": Row("orders", 120, 100_000),
    "orders-2ms": Row("orders", 120, 500),
    "orders-idle": Row("orders", 100, 33),
    "start": Row("start", 100),
    "history-100000": Row("history", 100_800),
}
TIMEOUT_S = 240


class Server:
    """The server process, told what to serve."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ports = self._answer()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def begin(self, row: Row) -> None:
        """Serve a row."""
        self._ask({"kind": row.kind, "count": row.count, "rate": row.rate})

    def sent_ns(self) -> list[int]:
        """Return when the ticks were sent."""
        return self._ask(None)

    def _ask(self, what: object) -> object:
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> object:
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the server ended: its error stands above")
        return json.loads(line)


def takes_part(name: str, contestant: Contestant, row: Row) -> bool:
    """Return whether a contestant is measured in a row."""
    return name not in row.without and row.kind not in contestant.skips


def measured(
    server: Server, contestant: Contestant, python: str, row: Row
) -> dict[str, object] | str:
    """Run a contestant once; a text says why there is no result."""
    server.begin(row)
    command = [python, str(HERE / contestant.script), row.kind]
    command += [str(server.ports[contestant.port]), str(row.count), str(row.rate)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic_ns()
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S, cwd=folder
            )
        except subprocess.TimeoutExpired:
            return f"no end within {TIMEOUT_S} s"
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"count"')]
    if not lines:
        return (done.stderr or done.stdout)[-600:]
    return json.loads(lines[-1]) | {"sent_ns": server.sent_ns(), "began_ns": began}


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", choices=ROWS, default=list(ROWS))
    parser.add_argument("--without", nargs="*", default=[], metavar="CONTESTANT")
    parser.add_argument("--json", type=Path, help="where to write every round's figures")
    parser.add_argument("--python", help="the interpreter of all contestants")
    wanted = parser.parse_args()
    python = wanted.python or newest_python()
    those = {n: c for n, c in contestants(python).items() if n not in wanted.without}
    pythons = {name: installed(contestant, python) for name, contestant in those.items()}
    results: Results = {title: {} for title in wanted.only}
    began = time.monotonic()
    with Server() as server:
        for number in range(wanted.rounds):
            for title in wanted.only:
                row = ROWS[title]
                for name in [n for n in those if takes_part(n, those[n], row)]:
                    found = measured(server, those[name], pythons[name], row)
                    if isinstance(found, str):
                        print(f"{title}: {name} failed: {found}", file=sys.stderr)
                        continue
                    results[title].setdefault(name, []).append(figures(row, found))
                passed = time.monotonic() - began
                print(f"round {number + 1}, {title}, {passed:.0f} s", file=sys.stderr)
    major, minor = version_of(python)
    print(f"\nPython {major}.{minor}, {wanted.rounds} rounds\n")
    print(table(results, list(those), wanted.rounds))
    if wanted.json:
        wanted.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
