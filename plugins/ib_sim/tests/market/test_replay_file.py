"""Reading replay files: what is accepted, and how clear the refusals are."""

import gzip

import pyarrow as pa
import pytest
from pyarrow import parquet

from posei_ib_sim.errors import ReplayFileError
from posei_ib_sim.market.replay_file import read_replay_file

FIRST = 1_709_650_800_000_000_000  # 2024-03-05 15:00:00 UTC


def write(tmp_path, text, name="data.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2024-03-05 15:00:00", FIRST),
        ("2024-03-05T15:00:00Z", FIRST),
        ("2024-03-05 10:00:00-05:00", FIRST),
        ("2024-03-05 15:00:00.295000+00:00", FIRST + 295_000_000),
        ("1709650800", FIRST),
        ("1709650800000", FIRST),
        ("1709650800000000", FIRST),
        ("1709650800000000000", FIRST),
    ],
)
def test_every_usual_way_to_write_a_time_is_understood(tmp_path, written, expected):
    (table,) = read_replay_file(write(tmp_path, f"timestamp,bid,ask\n{written},1.0,1.1\n"))
    assert table.times == [expected]


def test_columns_are_found_in_any_case_and_order(tmp_path):
    (table,) = read_replay_file(
        write(tmp_path, "Close,Open,Low,High,Date,Volume\n2,1,0.5,3,2024-03-05,7\n")
    )
    assert (table.kind, table.daily) == ("bars", True)
    assert table.columns == {
        "open": [1.0],
        "high": [3.0],
        "low": [0.5],
        "close": [2.0],
        "volume": [7.0],
    }


def test_a_symbol_column_splits_the_file(tmp_path):
    text = "Ticker,timestamp,price,size\nA,1709650800,1,2\nB,1709650700,3,4\nA,1709650801,5,6\n"
    first, second = read_replay_file(write(tmp_path, text))
    assert (first.symbol, first.columns["price"]) == ("A", [1.0, 5.0])
    assert (second.symbol, second.columns["price"]) == ("B", [3.0])


def test_compressed_csv_and_parquet_read_the_same(tmp_path):
    text = "timestamp,price,size\n1709650800,1.5,2\n"
    plain = read_replay_file(write(tmp_path, text))
    zipped = tmp_path / "data.csv.gz"
    zipped.write_bytes(gzip.compress(text.encode()))
    columns = tmp_path / "data.parquet"
    parquet.write_table(
        pa.table({"timestamp": [1_709_650_800], "price": [1.5], "size": [2]}), columns
    )
    for path in (zipped, columns):
        (table,) = read_replay_file(path)
        assert table.times == plain[0].times
        assert table.columns == plain[0].columns


@pytest.mark.parametrize(
    ("text", "row", "column", "problem"),
    [
        ("timestamp,bid\n1709650800,1\n", None, "ask", "lacks ask"),
        ("bid,ask\n1,2\n", None, None, "no time column"),
        ("timestamp,bid,ask\n1709650801,1,2\n1709650800,1,2\n", 2, "timestamp", "earlier than"),
        (
            "timestamp,open,high,low,close\n1709650800,1,1,1,1\n1709650800,1,1,1,1\n",
            2,
            "timestamp",
            "the same as",
        ),
        ("timestamp,bid,ask\nyesterday,1,2\n", 1, "timestamp", "'yesterday' is no time"),
        ("timestamp,bid,ask\n1709650800,1,\n", 1, "ask", "is no number"),
        ("timestamp,price,size\n1709650800,1,-5\n", 1, "size", "negative"),
        ("timestamp,open,high,low,close\n1709650800,5,4,1,2\n", 1, "high", "contradict"),
        ("timestamp,bid,ask\n", None, None, "has no rows"),
    ],
)
def test_a_bad_file_is_refused_with_row_column_and_remedy(tmp_path, text, row, column, problem):
    path = write(tmp_path, text)
    with pytest.raises(ReplayFileError) as caught:
        read_replay_file(path)
    error = caught.value
    assert (error.row, error.column) == (row, column)
    assert problem in str(error)
    assert str(path) in str(error)
    assert error.remedy in str(error)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReplayFileError, match=r"nosuch.csv: does not exist. Check the path"):
        read_replay_file(tmp_path / "nosuch.csv")
