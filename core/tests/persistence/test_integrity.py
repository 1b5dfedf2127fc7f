"""What is wrong in a catalog is found, told in words, and never read as if it were right."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posei_trader.errors import DataFileError
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AggressorSide, AssetClass
from posei_trader.model.identifiers import InstrumentId, Symbol, TradeId
from posei_trader.model.instruments import Equity
from posei_trader.model.ticks import TradeTick
from posei_trader.model.values import Price
from posei_trader.persistence.catalog import ParquetDataCatalog

T0 = 1_704_150_000_000_000_000
MINUTE = 60 * 10**9
HOUR = 60 * MINUTE
SPY = InstrumentId("SPY.ARCA")
FLIPS = 60


@pytest.fixture
def catalog(tmp_path):
    return ParquetDataCatalog(tmp_path / "catalog")


@pytest.fixture
def bars(make_bar):
    return [make_bar(minute, 1_100_000_000 + minute * 7_919) for minute in range(500)]


@pytest.fixture
def path(catalog, bars):
    return Path(catalog.write_data(bars).files[0])


def trades():
    return [
        TradeTick(SPY, 37_000_000_000 + n * n, 1_000 + n, 2, 0, AggressorSide.BUYER,
                  TradeId(f"t{n}"), T0 + n, T0 + n)
        for n in range(500)
    ]  # fmt: skip


def rewritten(path, table, **options):
    """Write a file anew by another program, which knows no sums over pages."""
    pq.write_table(table, path, **options)


def test_no_flipped_bit_is_read_as_a_price_and_the_check_finds_each(catalog):
    right = trades()
    path = Path(catalog.write_data(right).files[0])
    content = path.read_bytes()
    dice = random.Random(1)
    for _ in range(FLIPS):
        damaged = bytearray(content)
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        assert str(path) in catalog.check()[0]
        with contextlib.suppress(DataFileError):
            assert catalog.trade_ticks() == right  # a byte that means nothing
    path.write_bytes(content)
    assert catalog.check() == []


def test_a_file_without_sums_is_read_and_one_whose_content_is_not_that_of_its_name_is_told(
    catalog, path, bars
):
    rewritten(path, pq.read_table(path, partitioning=None))
    assert catalog.bars() == bars
    (problem,) = catalog.check()
    assert "changed after it was written" in problem


def test_what_cannot_be_turned_into_the_columns_names_the_file(catalog, path):
    table = pq.read_table(path, partitioning=None)
    number = table.schema.get_field_index("open")
    rewritten(path, table.set_column(number, "open", pa.nulls(table.num_rows, pa.float64())))
    with pytest.raises(DataFileError, match="cannot read") as caught:
        catalog.bars()
    assert caught.value.value == str(path)
    assert any("column open is double instead of decimal128(19, 9)" in p for p in catalog.check())
    rewritten(path, pa.table({"x": [1]}))
    with pytest.raises(DataFileError, match="cannot read"):
        catalog.bars()
    assert any("columns ['x'] instead of" in problem for problem in catalog.check())


def test_other_codings_of_the_same_values_are_no_other_types(catalog, path, bars):
    table = pq.read_table(path, partitioning=None)
    for name in ("price_precision", "repeat"):
        number = table.schema.get_field_index(name)
        table = table.set_column(number, name, table[name].cast(pa.int64()))
    rewritten(path, table)
    assert catalog.bars() == bars
    (problem,) = catalog.check()  # that it was changed, and nothing else
    assert "changed after it was written" in problem


def test_the_definitions_of_instruments_are_checked(catalog):
    stock = Equity(
        id=SPY, raw_symbol=Symbol("SPY"), asset_class=AssetClass.EQUITY,
        quote_currency=Currency.of("USD"), price_precision=2, price_increment=Price("0.01"),
    )  # fmt: skip
    path = Path(catalog.write_data([stock]).files[0])
    assert catalog.check() == []
    content = path.read_bytes()
    path.write_bytes(content[:100])
    assert str(path) in catalog.check()[0]
    table = pq.read_table(pa.BufferReader(content))
    rewritten(path, table.set_column(2, "definition", pa.array(["{"])))
    assert "changed after it was written" in catalog.check()[0]
    # A file that was written as it is, and still is no definition.
    path.unlink()
    catalog._files.write("instruments", "instrument_id=SPY.ARCA", table.slice(0, 0), 0, 0)
    (problem,) = catalog.check()
    assert "definition of an instrument cannot be read" in problem


def test_strange_files_are_told_and_harm_no_stream_beside_them(catalog, path, bars):
    strange = pa.table({"x": [1]})
    places = [
        catalog.path + "/bars/foreign.parquet",
        catalog.path + "/bars/year=2024/x.parquet",
        catalog.path + "/bars/instrument_id=EUR%2FUSD.IDEALPRO/x.parquet",
        catalog.path + "/bars/instrument_id=EUR%2FUSD.IDEALPRO (copy)/spec=1-MINUTE-MID/"
        "source=EXTERNAL/x.parquet",
        catalog.path + "/instruments/SPY.parquet",
    ]
    for place in places:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        rewritten(place, strange)
    for hidden in (path.with_name(f"._{path.name}"), path.with_name(f"_{path.name}")):
        hidden.write_bytes(b"notes of another program")
    assert catalog.bars() == bars
    assert catalog.instruments() == []
    assert [key for _, key, *_ in catalog.contents()] == [bars[0].bar_type]
    assert catalog.write_data(bars).written == 0
    told = catalog.check()
    assert sorted(place for place in places for line in told if line.startswith(place)) == sorted(
        places
    )
    assert len(told) == len(places)
    assert all("move it out" in line for line in told)


def test_a_stranger_among_the_files_of_a_stream_is_told_and_the_rest_is_checked(catalog, path):
    stranger = path.with_name("foreign.parquet")
    rewritten(stranger, pa.table({"x": [1]}))
    path.write_bytes(path.read_bytes()[:100])
    told = catalog.check()
    assert [line.partition(": ")[0] for line in told] == [str(stranger), str(path)]


def test_a_copy_of_a_file_is_told_and_its_rows_are_read_once(catalog, path, bars):
    shutil.copy(path, path.with_name(f"{path.stem} (1).parquet"))
    assert catalog.bars() == bars
    assert "(1).parquet" in catalog.check()[0]


def test_what_a_killed_process_left_is_told_when_it_is_old(catalog, path):
    left = path.with_name(".tmp-1-abcd")
    left.write_bytes(b"half of a file")
    assert catalog.check() == []  # somebody may be writing it
    then = time.time() - 2 * 3_600
    os.utime(left, (then, then))
    (problem,) = catalog.check()
    assert problem.startswith(str(left))
    assert "can be deleted" in problem


def test_a_directory_that_cannot_be_looked_into_is_told(tmp_path, make_bar):
    """A file where a directory should be, and (unless we may do everything) a forbidden one."""
    (tmp_path / "bars").write_text("in the way")
    catalog = ParquetDataCatalog(tmp_path)
    for read in (catalog.bars, lambda: list(catalog.contents())):
        with pytest.raises(DataFileError, match="cannot look into the catalog"):
            read()
    assert "cannot look into the catalog" in catalog.check()[0]


@pytest.fixture
def _forbidden(path):
    """Forbid the directory of a stream, also when we are who may do everything."""
    me = os.geteuid()
    path.parent.chmod(0)
    if me == 0:
        os.seteuid(65_534)
    yield
    os.seteuid(me)
    path.parent.chmod(0o755)


@pytest.mark.usefixtures("_forbidden")
def test_a_forbidden_directory_is_told(catalog, bars):
    assert any("cannot look into the catalog" in problem for problem in catalog.check())
    for use in (
        catalog.bars,
        lambda: list(catalog.contents()),
        lambda: catalog.write_data(bars),
        lambda: catalog.coverage.add("bars", bars[0].bar_type, 1, 2, "all"),
    ):
        with pytest.raises(DataFileError, match="cannot look into the catalog"):
            use()


def test_rows_that_were_noted_and_are_gone_are_told(catalog, path, bars):
    key = bars[0].bar_type
    catalog.coverage.add("bars", key, T0, T0 + 10 * HOUR, "all")
    assert catalog.check() == []
    path.unlink()
    (problem,) = catalog.check()
    assert problem == (
        f"bars {key}: 500 rows were stored from 2024-01-01T23:00:00Z to 2024-01-02T09:00:00Z, "
        "and 0 are there: download this span again"
    )
    assert list(catalog.contents()) == []
    catalog.write_data(bars)
    assert catalog.check() == []
