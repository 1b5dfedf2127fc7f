"""Several processes at once: they add, join and read, and no row is lost or seen twice."""

from __future__ import annotations

import subprocess
import sys

import pytest

from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.files import FileStore

WRITER = """
import sys
from posei_trader.model.bars import Bar, BarType
from posei_trader.persistence.catalog import ParquetDataCatalog

path, first, last, step = sys.argv[1], *map(int, sys.argv[2:])
kind = BarType.from_str("EUR/USD.IDEALPRO-1-MINUTE-MID-EXTERNAL")
T0, MINUTE = 1_704_150_000_000_000_000, 60 * 10**9
catalog = ParquetDataCatalog(path)
for begin in range(first, last, step):
    catalog.write_data(
        Bar(kind, 7, 9, 5, 7, 1, 5, 0, T0 + n * MINUTE, T0 + (n + 1) * MINUTE)
        for n in range(begin, begin + step)
    )
    catalog.coverage.add("bars", kind, begin, begin + step, "all")
"""

JOINER = """
import sys
from posei_trader.persistence.catalog import ParquetDataCatalog
catalog = ParquetDataCatalog(sys.argv[1])
for line in sys.stdin:
    catalog.consolidate("bars")
    for _, key, *_ in catalog.contents():
        catalog.coverage.tidy("bars", key)
"""


def start(code, *arguments, **pipes):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], text=True, **pipes)


@pytest.mark.slow
def test_writers_a_joiner_and_a_reader_at_once_lose_nothing(tmp_path, bar_type):
    catalog = ParquetDataCatalog(tmp_path)
    # Each minute from 200 to 400 is written by both.
    writers = [start(WRITER, tmp_path, 0, 400, 25), start(WRITER, tmp_path, 200, 600, 25)]
    joiner = start(JOINER, tmp_path, stdin=subprocess.PIPE)
    seen = 0
    while any(writer.poll() is None for writer in writers):
        joiner.stdin.write("again\n")
        joiner.stdin.flush()
        bars = catalog.bars()
        assert len({bar.ts_event for bar in bars}) == len(bars) >= seen
        seen = len(bars)
    joiner.stdin.close()
    assert [process.wait(60) for process in (*writers, joiner)] == [0, 0, 0]
    opens = [bar.ts_event for bar in catalog.bars()]
    assert opens == sorted(set(opens))
    assert len(opens) == 600
    assert catalog.check() == []
    assert catalog.coverage.spans("bars", bar_type, "all") == [(0, 600)]
    assert list(tmp_path.rglob(".tmp-*")) == []


def test_two_bars_of_one_moment_and_contradictions_are_found(tmp_path, make_bar):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([make_bar(1, 1_100_000_000), make_bar(1, 1_200_000_000), make_bar(2)])
    (problem,) = catalog.check()
    assert "1 bars begin at the moment of another one" in problem


def test_a_reader_whose_files_are_joined_meanwhile_reads_the_joined_one(
    tmp_path, make_bar, monkeypatch
):
    catalog, other = ParquetDataCatalog(tmp_path), ParquetDataCatalog(tmp_path)
    for minute in range(3):
        catalog.write_data([make_bar(minute)])
    plain, joined = FileStore.read, []

    def read(self, path, *span):
        if not joined:
            joined.append(True)
            assert other.consolidate() == 3
        return plain(self, path, *span)

    monkeypatch.setattr(FileStore, "read", read)
    assert catalog.bars() == [make_bar(minute) for minute in range(3)]
    assert joined
