"""Where a catalog may be: any file system that pyarrow or fsspec knows."""

from __future__ import annotations

import sys
import uuid

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
import pytest

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency
from posei_trader.persistence.catalog import ParquetDataCatalog

T0 = 1_704_150_000_000_000_000
MINUTE = 60 * 10**9


def use(catalog, make_bar):
    bars = [make_bar(minute) for minute in range(6)]
    assert not catalog.exists()
    catalog.write_data(bars[3:])
    catalog.write_data(bars[:4])
    key = bars[0].bar_type
    catalog.coverage.add("bars", key, 1, 2, "all")
    catalog.coverage.add("bars", key, 2, 3, "all")
    catalog.coverage.tidy("bars", key)
    assert catalog.exists()
    assert catalog.consolidate() == 2
    assert catalog.bars() == bars
    assert catalog.check() == []
    assert catalog.coverage.spans("bars", key, "all") == [(1, 3)]


def test_a_catalog_may_live_in_memory_by_an_address_of_fsspec(make_bar):
    pytest.importorskip("fsspec", reason="fsspec is optional")
    address = f"memory://{uuid.uuid4()}/catalog"
    use(ParquetDataCatalog(address), make_bar)
    assert len(ParquetDataCatalog(address).bars()) == 6


def test_a_file_system_of_fsspec_may_be_given(tmp_path, make_bar):
    local = pytest.importorskip("fsspec.implementations.local", reason="fsspec is optional")
    use(ParquetDataCatalog(tmp_path / "there", local.LocalFileSystem()), make_bar)
    assert len(ParquetDataCatalog(f"file://{tmp_path}/there").bars()) == 6


PLACES = [
    ("memory", "cat-{}"),
    ("memory", "/cat-{}/"),
    ("memory", "memory://cat-{}"),
    ("file", "relative"),
    ("file", "file://{here}/uri"),
    ("dir", "/there"),
    ("dir", ""),
    ("local", "relative"),
    ("local", "file://{here}/uri"),
    ("subtree", ""),
    ("subtree", "/there"),
    ("subtree", "there/"),
]


@pytest.mark.parametrize(("which", "root"), PLACES)
def test_a_root_may_be_spelt_in_any_way_that_its_file_system_knows(
    which, root, tmp_path, make_bar, monkeypatch
):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is optional")
    monkeypatch.chdir(tmp_path)
    local = pafs.LocalFileSystem()
    if which == "subtree":
        (tmp_path / "below").mkdir()
        filesystem = pafs.SubTreeFileSystem(str(tmp_path / "below"), local)
    elif which == "local":
        filesystem = local
    elif which == "dir":
        (tmp_path / "below").mkdir()
        below = fsspec.filesystem("file")
        filesystem = fsspec.filesystem("dir", path=str(tmp_path / "below"), fs=below)
    else:
        filesystem = fsspec.filesystem(which)
    root = root.format(uuid.uuid4(), here=tmp_path)
    catalog = ParquetDataCatalog(root, filesystem)
    bars = [make_bar(minute) for minute in range(3)]
    for bar in bars:
        catalog.write_data([bar])
    again = ParquetDataCatalog(root, filesystem)
    assert again.exists()
    assert again.bars() == bars
    assert again.consolidate() == 3
    assert again.bars() == bars
    assert again.check() == []


def test_a_root_may_be_called_as_a_kind_is(tmp_path, make_bar):
    use(ParquetDataCatalog(tmp_path / "bars" / "coverage" / "bars"), make_bar)


@pytest.mark.parametrize(
    ("root", "filesystem", "field"),
    [
        ("there", "x", "filesystem"),
        ("there", object(), "filesystem"),
        ("s3://there", pafs.LocalFileSystem(), "path"),
    ],
)
def test_what_is_no_file_system_or_another_one_is_refused(root, filesystem, field):
    with pytest.raises(InvalidRequest) as refused:
        ParquetDataCatalog(root, filesystem)
    assert refused.value.field == field


def test_an_address_that_nobody_knows_is_refused(monkeypatch):
    pytest.importorskip("fsspec", reason="fsspec is optional")
    with pytest.raises(InvalidRequest, match="nobody knows such an address"):
        ParquetDataCatalog("nosuchscheme://somewhere")
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(MissingDependency, match="pip install fsspec"):
        ParquetDataCatalog("memory://somewhere")


def test_a_query_reads_only_the_row_groups_of_its_span(tmp_path, make_bar, monkeypatch):
    catalog = ParquetDataCatalog(tmp_path)
    path = catalog.write_data([make_bar(minute) for minute in range(150_000)]).files[0]
    assert pq.ParquetFile(path).num_row_groups == 3
    read = []
    plain = pq.ParquetFile.read_row_groups

    def counted(self, groups, *args, **kwargs):
        read.extend(groups)
        return plain(self, groups, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_groups", counted)
    start = T0 + 70_000 * MINUTE
    bars = catalog.table("bars", make_bar(0).bar_type, start, start + 5 * MINUTE)
    assert read == [1]
    assert bars["ts_event"].cast(pa.int64()).to_pylist() == [
        start + number * MINUTE for number in range(5)
    ]


def test_what_a_newer_version_wrote_is_not_guessed_at(tmp_path, make_bar):
    catalog = ParquetDataCatalog(tmp_path)
    path = catalog.write_data([make_bar(1)]).files[0]
    table = pq.read_table(path, partitioning=None)
    metadata = {**table.schema.metadata, b"posei.schema_version": b"2"}
    pq.write_table(table.replace_schema_metadata(metadata), path)
    with pytest.raises(DataFileError, match=r"(?s)newer version.*'2'.*upgrade"):
        catalog.bars()
    assert "newer version" in catalog.check()[0]


def test_units_and_version_are_in_every_file(tmp_path, make_bar):
    path = ParquetDataCatalog(tmp_path).write_data([make_bar(1)]).files[0]
    metadata = pq.read_schema(path).metadata
    assert metadata[b"posei.schema_version"] == b"1"
    assert b"quote currency" in metadata[b"posei.prices"]
    assert b"UTC" in metadata[b"posei.times"]
    assert b"units" in metadata[b"posei.sizes"]
