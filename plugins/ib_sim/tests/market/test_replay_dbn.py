"""Databento's files as replays."""

import importlib.util
from pathlib import Path

import pytest

from posei_ib_sim.errors import ReplayFileError
from posei_ib_sim.market.replay_file import read_replay_file

_HAS_DBN = importlib.util.find_spec("databento_dbn") is not None
needs_dbn = pytest.mark.skipif(not _HAS_DBN, reason="needs the extra dbn (databento-dbn)")
TRADES = "futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst"


@needs_dbn
@pytest.mark.real_data
@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        (TRADES, {("ESU4", "trades")}),
        (
            "futures_bbo-1m_2024-05-09T09-55_2024-05-09T10-05.dbn.zst",
            {("ESM4", "quotes"), ("NQM4", "quotes")},
        ),
        (
            "futures_ohlcv-1m_2024-05-09T09-55_2024-05-09T10-05.dbn.zst",
            {("ESM4", "bars"), ("NQM4", "bars")},
        ),
        (
            "futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst",
            {("ESU4", "quotes"), ("ESU4", "trades")},
        ),
    ],
)
def test_each_schema_becomes_tables_in_time_order(shared_data, name, kinds):
    tables = read_replay_file(shared_data / "databento" / name)
    assert {(table.symbol, table.kind) for table in tables} == kinds
    for table in tables:
        assert table.times == sorted(table.times)
        assert all(len(column) == len(table.times) for column in table.columns.values())
        prices = table.columns.get("close") or table.columns.get("price") or table.columns["bid"]
        assert all(3000 < price < 30_000 for price in prices)


@needs_dbn
def test_a_file_of_another_kind_is_refused(tmp_path: Path):
    path = tmp_path / "x.dbn"
    path.write_bytes(b"not a DBN file at all")
    with pytest.raises(ReplayFileError, match="cannot be read"):
        read_replay_file(path)


@pytest.mark.skipif(_HAS_DBN, reason="the extra dbn is installed")
def test_without_the_package_the_remedy_is_named(tmp_path: Path):
    path = tmp_path / "x.dbn"
    path.write_bytes(b"DBN")
    with pytest.raises(ReplayFileError, match=r"posei-ib-sim\[dbn\]"):
        read_replay_file(path)
