from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from posei_trader.cli.catalog import app
from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.persistence.catalog import ParquetDataCatalog

BAR_TYPE = BarType.from_str("EUR/USD.IDEALPRO-1-MINUTE-MID-EXTERNAL")
T0 = 1_704_150_000_000_000_000
UNIT = 10**9


@pytest.fixture
def catalog(tmp_path):
    bars = [
        Bar(BAR_TYPE, (n + 2) * UNIT, (n + 5) * UNIT, (n + 1) * UNIT, (n + 1 + n % 3) * UNIT,
            UNIT, 5, 0, T0 + n * 60 * UNIT, T0 + (n + 1) * 60 * UNIT)
        for n in range(1500)
    ]  # fmt: skip
    ParquetDataCatalog(tmp_path).write_data(bars)
    return str(tmp_path)


def invoke(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def test_ls_names_each_stream_with_its_span(catalog):
    done = invoke("ls", catalog)
    assert done.exit_code == 0
    assert "2024-01-01T23:00:00Z" in done.stdout
    assert str(BAR_TYPE) in done.stdout
    listed = json.loads(invoke("ls", catalog, "--json").stdout)
    assert listed == {
        "instruments": [],
        "streams": [
            {
                "kind": "bars",
                "name": str(BAR_TYPE),
                "files": 1,
                "first": "2024-01-01T23:00:00Z",
                "last": "2024-01-02T23:59:00Z",
            }
        ],
    }


def test_show_prints_the_first_rows_of_a_span(catalog):
    done = invoke("show", catalog, "bars", BAR_TYPE, "--start", "2024-01-01T23:01", "--limit", 2)
    assert "3.000000000" in done.stdout
    assert done.stdout.endswith("2 of 1499 rows\n")
    rows = json.loads(invoke("show", catalog, "bars", BAR_TYPE, "--json").stdout)
    assert rows["rows"] == 1500
    assert rows["shown"][0]["open"] == "2.000000000"
    assert invoke("show", catalog, "quote_ticks", "X.Y").stdout == "0 of 0 rows\n"


def test_check_says_so_when_all_is_well_and_exits_with_1_when_not(catalog, tmp_path):
    assert invoke("check", catalog).stdout == "all is well\n"
    assert json.loads(invoke("check", catalog, "--json").stdout) == {"problems": []}
    path = next(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:50])
    done = invoke("check", catalog)
    assert done.exit_code == 1
    assert path.name in done.stdout


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_plot_draws_a_picture(catalog, tmp_path, suffix):
    picture = tmp_path / f"out{suffix}"
    done = invoke("plot", catalog, BAR_TYPE, "--output", picture)
    assert done.exit_code == 0, done.output
    assert "1500 bars drawn" in done.stdout
    start = picture.read_bytes()[:200]
    assert b"PNG" in start or b"<?xml" in start


def test_plot_tells_scripts_what_it_drew(catalog, tmp_path):
    picture = tmp_path / "out.svg"
    done = invoke("plot", catalog, BAR_TYPE, "--output", picture, "--json")
    assert json.loads(done.stdout) == {
        "bar_type": str(BAR_TYPE),
        "bars": 1500,
        "output": str(picture),
    }


def test_what_cannot_be_is_refused_with_a_remedy(catalog, tmp_path):
    with pytest.raises(DataFileError, match="no catalog here"):
        raise invoke("ls", tmp_path / "nowhere").exception
    with pytest.raises(InvalidRequest, match="no such bars"):
        raise invoke("plot", catalog, "A.B-1-DAY-LAST", "-o", "x.svg").exception
    with pytest.raises(InvalidRequest, match=r"\.png, \.svg or \.pdf"):
        raise invoke("plot", catalog, BAR_TYPE, "-o", "x.bmp").exception
