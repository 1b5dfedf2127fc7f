"""The whole path, on the bundled stocks and on the real data that lies beside the project."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from posei_trader.model.values import Quantity
from posei_trader.persistence.catalog import ParquetDataCatalog

pytestmark = pytest.mark.slow

POSEI = str(Path(sys.executable).parent / "posei")


def posei(*arguments, cwd):
    return subprocess.run(
        [POSEI, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


def demo(*arguments, cwd):
    done = posei("demo", "--json", "--output", "out", *arguments, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error" not in done.stderr
    return json.loads(done.stdout)


def to_the_cent(book):
    return {code: Decimal(amount).quantize(Decimal("0.01")) for code, amount in book.items()}


def check(verdict, cwd):
    assert verdict["agree"] is True
    node, account, fills = (to_the_cent(book) for book in verdict["books"].values())
    assert node == account == fills
    assert verdict["orders"] >= 2
    assert (cwd / verdict["chart"]).stat().st_size > 10_000
    catalog = ParquetDataCatalog(cwd / "out" / "catalog")
    assert len(catalog.bars()) == verdict["bars"] > 0
    assert catalog.check() == []
    return catalog


def test_the_demo_trades_real_stock_prices_and_the_books_agree(tmp_path):
    catalog = check(demo(cwd=tmp_path), tmp_path)
    assert [i.id for i in catalog.instruments()] == ["GOOG.NASDAQ", "IBM.NYSE", "MSFT.NASDAQ"]
    bars = catalog.bars(["IBM.NYSE-1-DAY-LAST-EXTERNAL"], start="2011-12-30", end="2011-12-31")
    # The last trading day of 2011, as the exchange published it.
    assert [str(bar.close) for bar in bars] == ["183.88"]
    assert [bar.volume for bar in bars] == [Quantity("3530900")]


@pytest.mark.real_data
def test_a_month_of_euro_futures_trades_and_the_history_equals_the_file(tmp_path, data):
    path = data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"
    verdict = demo(
        "--data", path, "--from", "2024-01-29", "--size", "2", "--fast", "400", "--slow", "2000",
        cwd=tmp_path,
    )  # fmt: skip
    catalog = check(verdict, tmp_path)
    assert [i.id for i in catalog.instruments()] == ["6EH4.CME"]
    first = catalog.bars()[0]
    assert [str(p) for p in (first.open, first.high, first.low, first.close)] == [
        "1.10760",
        "1.10785",
        "1.10760",
        "1.10780",
    ]
    assert str(first.volume) == "205"


@pytest.mark.real_data
def test_quote_ticks_of_a_currency_pair_trade_too(tmp_path, data):
    path = data / "fx" / "usdjpy-ticks.csv"
    verdict = demo(
        "--data", path, "--from", "2013-01-01T22:24:00Z", "--size", "100000", "--fast", "20",
        "--slow", "60", cwd=tmp_path,
    )  # fmt: skip
    check(verdict, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", "nowhere.csv"], ["no such data file", "nowhere.csv"]),
        (["--size", "-1"], ["positive number", "-1"]),
        (["--from", "soon"], ["ISO 8601", "soon"]),
        (["--from", "2050-01-01"], ["within the data", "2050-01-01", "before 2013-03-01"]),
        (["--fast", "50", "--slow", "10"], ["shorter", "(50, 10)"]),
        (["--output", "taken"], ["must be a directory", "taken"]),
        (["--data", "taken", "--instrument", "AAPL"], ["SYMBOL.VENUE", "AAPL"]),
        (["--data", "AAPL.csv", "--instrument", "NOPE.NOWHERE"], ["no such instrument"]),
        (["--data", "empty.csv", "--instrument", "AAPL.NASDAQ"], ["cannot be read", "header"]),
        (["--data", "AAPL.csv", "--instrument", "AAPL.NASDAQ"], ["never traded", "--slow"]),
    ],
)
def test_bad_input_gets_one_readable_error(tmp_path, arguments, said):
    (tmp_path / "taken").write_text("x")
    (tmp_path / "empty.csv").touch()
    rows = "".join(f"2024-01-02T15:{m:02}:00Z,100,101,99,100.5,10\n" for m in range(30))
    (tmp_path / "AAPL.csv").write_text("timestamp,open,high,low,close,volume\n" + rows)
    done = posei("demo", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    for words in said:
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "remedy" in done.stderr
    assert "field" in done.stderr
    assert "value" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "timestamp,open,high,low\n"
            + "".join(f"2024-01-0{d}T00:00:00Z,1,2,1\n" for d in range(1, 8)),
            "lacks close",
        ),
        (
            "timestamp,open,high,low,close,volume\n"
            + "".join(f"2024-01-0{d}T00:00:00Z,1,2,1,1.5,10\n" for d in (2, 3, 4, 6, 5, 7)),
            "row 5",
        ),
    ],
)
def test_a_bad_data_file_is_refused_before_anything_starts(tmp_path, text, said):
    (tmp_path / "AAPL.csv").write_text(text)
    arguments = ["--data", "AAPL.csv", "--instrument", "AAPL.NASDAQ"]
    done = posei("demo", *arguments, "--output", "out", cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_demo_and_leaves_nothing_behind(tmp_path, number):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [POSEI, "demo"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        while line and not line.startswith("catalog"):
            line = process.stdout.readline()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert list(scratch.iterdir()) == []
