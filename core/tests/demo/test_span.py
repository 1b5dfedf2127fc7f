from __future__ import annotations

import datetime as dt
import gzip

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posei_trader.demo.span import span_of
from posei_trader.errors import DataFileError

HEAD = "timestamp,open\n"
MINUTES = [f"2024-01-02T15:{m:02}:00" for m in range(10)]
EXPECTED = [dt.datetime(2024, 1, 2, 15, m, tzinfo=dt.UTC) for m in (0, 2, 9)]


@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_a_fifth_of_the_rows_is_history(tmp_path, zone):
    path = tmp_path / "x.csv"
    path.write_text(HEAD + "".join(f"{m}{zone},1\n" for m in MINUTES))
    assert list(span_of(path)) == EXPECTED


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_times_may_be_epoch_numbers_of_any_unit(tmp_path, unit):
    path = tmp_path / "x.csv.gz"
    rows = "".join(f"{1_704_207_600 * unit + 60 * m * unit},1\n" for m in range(10))
    path.write_bytes(gzip.compress((HEAD + rows).encode()))
    assert list(span_of(path)) == EXPECTED


def test_a_day_begins_at_midnight_utc_and_parquet_is_read_too(tmp_path):
    path = tmp_path / "x.parquet"
    days = [dt.date(2024, 1, d) for d in range(1, 11)]
    pq.write_table(pa.table({"Date": days}), path)
    assert span_of(path).split == dt.datetime(2024, 1, 3, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "cannot be read"), ("a,b\n1,2\n", "no column of times"), (HEAD, "no rows"),
     (HEAD + "soon,1\n", "'soon' is no time")],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_with_its_own_remedy(tmp_path, text, said):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(DataFileError, match=said) as caught:
        span_of(path)
    assert caught.value.value == str(path)
    assert caught.value.remedy
