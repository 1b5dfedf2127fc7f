"""Several processes at once: they add, join and read, and no row is lost or seen twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

from posei_trader.errors import DataFileError
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


def racing(between):
    """Return a local file system that does something between names and what they are, once."""
    local = pytest.importorskip("fsspec.implementations.local", reason="fsspec is optional")

    class Racing(local.LocalFileSystem):
        done = False

        def find(self, path, *args, **kwargs):
            found = super().find(path, *args, **kwargs)
            if path.endswith("source=EXTERNAL") and not self.done:
                self.done = True
                between()
            return {name: info for name, info in found.items() if Path(name).exists()}

    return Racing(skip_instance_cache=True)


def test_a_listing_that_is_overtaken_by_a_consolidation_misses_nothing(tmp_path, make_bar):
    """The joined file came after the names were read, the old ones went before they were met."""
    writer = ParquetDataCatalog(tmp_path)
    bars = [make_bar(minute) for minute in range(4)]
    for look, right in (
        (ParquetDataCatalog.bars, bars),
        (lambda one: [(*rest, last) for *rest, _, last in one.contents()],
         [("bars", bars[0].bar_type, 1, bars[-1].ts_event)]),
        (lambda one: one.write_data(bars).written, 0),
    ):  # fmt: skip
        for path in tmp_path.rglob("*.parquet"):
            path.unlink()
        for bar in bars:
            writer.write_data([bar])
        overtaken = ParquetDataCatalog(tmp_path, racing(writer.consolidate))
        assert look(overtaken) == right
        assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_reader_is_never_too_slow_for_a_consolidation(tmp_path, make_bar):
    """Each of many old files goes right before it is opened; the joined one was there already."""
    local = pytest.importorskip("fsspec.implementations.local", reason="fsspec is optional")
    bars = [make_bar(minute) for minute in range(40)]
    writer = ParquetDataCatalog(tmp_path)
    old = {path: Path(path).read_bytes() for bar in bars for path in writer.write_data([bar]).files}
    assert writer.consolidate() == 40
    for path, content in old.items():
        Path(path).write_bytes(content)

    class Chasing(local.LocalFileSystem):
        def open(self, path, *args, **kwargs):
            if str(path) in old:
                Path(path).unlink(missing_ok=True)
            return super().open(path, *args, **kwargs)

    assert ParquetDataCatalog(tmp_path, Chasing(skip_instance_cache=True)).bars() == bars
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_a_file_that_is_listed_and_never_there_ends_the_reading(tmp_path, make_bar):
    """A listing that a file system remembers from before."""
    local = pytest.importorskip("fsspec.implementations.local", reason="fsspec is optional")

    class Forgetful(local.LocalFileSystem):
        listings: ClassVar = {}

        def find(self, path, *args, **kwargs):
            if path not in self.listings:
                self.listings[path] = super().find(path, *args, **kwargs)
            return self.listings[path]

    catalog = ParquetDataCatalog(tmp_path, Forgetful(skip_instance_cache=True))
    ParquetDataCatalog(tmp_path).write_data([make_bar(1)])
    assert len(catalog.bars()) == 1
    next(tmp_path.rglob("*.parquet")).unlink()
    with pytest.raises(DataFileError, match="is listed in the catalog, and is not there"):
        catalog.bars()
