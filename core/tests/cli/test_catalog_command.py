from __future__ import annotations

import json

import msgspec
import pytest
from typer.testing import CliRunner

from posei_trader.cli.catalog import app
from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass
from posei_trader.model.identifiers import InstrumentId, Symbol
from posei_trader.model.instruments import Equity
from posei_trader.model.values import Price
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.sessions import Session, SessionRow

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


def test_numbers_are_shown_as_people_write_them(tmp_path):
    bar = Bar(BAR_TYPE, 7, 7, 7, 7, 0, 9, 0, T0, T0)
    ParquetDataCatalog(tmp_path).write_data([bar])
    (row,) = json.loads(invoke("show", tmp_path, "bars", BAR_TYPE, "--json").stdout)["shown"]
    assert (row["open"], row["volume"]) == ("0.000000007", "0.000000000")
    assert "E-9" not in invoke("show", tmp_path, "bars", BAR_TYPE).stdout


def test_show_prints_the_definition_of_an_instrument(tmp_path):
    stock = Equity(
        id=InstrumentId("AAPL.XNAS"), raw_symbol=Symbol("AAPL"), asset_class=AssetClass.EQUITY,
        quote_currency=Currency.of("USD"), price_precision=2, price_increment=Price("0.01"),
    )  # fmt: skip
    ParquetDataCatalog(tmp_path).write_data([stock])
    done = invoke("show", tmp_path, "instruments", "AAPL.XNAS")
    assert done.exit_code == 0
    assert ["price_increment", "0.01"] in [line.split() for line in done.stdout.splitlines()]
    facts = json.loads(invoke("show", tmp_path, "instruments", "AAPL.XNAS", "--json").stdout)
    assert (facts["id"], facts["price_precision"]) == ("AAPL.XNAS", 2)
    with pytest.raises(InvalidRequest, match="no such instrument"):
        raise invoke("show", tmp_path, "instruments", "MSFT.XNAS").exception


def test_check_says_so_when_all_is_well_and_exits_with_1_when_not(catalog, tmp_path):
    assert invoke("check", catalog).stdout == "all is well\n"
    assert json.loads(invoke("check", catalog, "--json").stdout) == {"problems": []}
    path = next(tmp_path.rglob("*.parquet"))
    path.write_bytes(path.read_bytes()[:50])
    done = invoke("check", catalog)
    assert done.exit_code == 1
    assert path.name in done.stdout


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
def test_plot_draws_a_picture(catalog, tmp_path, suffix):
    picture = tmp_path / f"out{suffix}"
    done = invoke("plot", catalog, BAR_TYPE, "--output", picture)
    assert done.exit_code == 0, done.output
    assert "1500 bars drawn" in done.stdout
    start = picture.read_bytes()[:200]
    assert b"PNG" in start or b"<?xml" in start or b"<!doctype html>" in start


@pytest.mark.parametrize("symbol", ["$A_{B", "$A$_B", "日経225"])
def test_plot_draws_any_symbol_and_says_nothing_of_it(tmp_path, symbol):
    name = BarType.from_str(f"{symbol}.OSE-1-MINUTE-LAST-EXTERNAL")
    ParquetDataCatalog(tmp_path).write_data([Bar(name, 2, 5, 1, 3, 1, 9, 0, T0, T0)])
    # An error ends it, and so would a warning.
    done = invoke("plot", tmp_path, name, "-o", tmp_path / "out.PNG")
    assert (done.exit_code, done.stderr) == (0, "")
    assert (tmp_path / "out.PNG").read_bytes().startswith(b"\x89PNG")


def test_an_upper_case_page_is_a_page(catalog, tmp_path):
    page = tmp_path / "out.HTML"
    assert invoke("plot", catalog, BAR_TYPE, "--output", page).exit_code == 0
    assert page.read_text().startswith("<!doctype html>")


def test_a_page_needs_nothing_else_and_tells_the_numbers(catalog, tmp_path):
    page = tmp_path / "out.html"
    assert invoke("plot", catalog, BAR_TYPE, "--output", page).exit_code == 0
    text = page.read_text()
    assert text.count("<svg") == 1
    assert "<script" not in text
    assert "<link" not in text
    for fact in ("1,500", "2024-01-01 23:00:00 UTC", "1504.00000", "1.00000"):
        assert fact in text


def test_gaps_are_listed_by_the_hours_that_are_stored(catalog):
    done = invoke("gaps", catalog)
    assert done.exit_code == 0
    assert "not known when this instrument trades" in done.stdout
    assert done.stdout.endswith("0 gaps in 0 streams\n")
    store = ParquetDataCatalog(catalog)
    hours = Session(T0 - 600 * UNIT, T0 + 1502 * 60 * UNIT, T0 - T0 % (86_400 * UNIT))
    store.write_sessions("EUR/USD.IDEALPRO", [SessionRow(hours, False)])
    listed = json.loads(invoke("gaps", catalog, "bars", BAR_TYPE, "--json").stdout)
    assert listed == {
        "gaps": [
            {
                "kind": "bars",
                "name": str(BAR_TYPE),
                "start": "2024-01-03T00:00:00Z",
                "end": "2024-01-03T00:02:00Z",
                "missing": 2,
                "whole_session": False,
            }
        ],
        "unknown": [],
    }
    assert invoke("gaps", catalog).stdout.endswith("1 gaps in 1 streams\n")
    with pytest.raises(InvalidRequest, match="no such stream"):
        raise invoke("gaps", catalog, "bars", "A.B-1-DAY-LAST-EXTERNAL").exception


def test_gaps_of_what_was_downloaded_and_has_no_file_any_more_are_listed(catalog, tmp_path):
    store = ParquetDataCatalog(catalog)
    hours = Session(T0, T0 + 1500 * 60 * UNIT, T0 - T0 % (86_400 * UNIT))
    store.write_sessions("EUR/USD.IDEALPRO", [SessionRow(hours, False)])
    store.coverage.add("bars", BAR_TYPE, T0, T0 + 1500 * 60 * UNIT, "all")
    next(tmp_path.glob("bars/**/*.parquet")).unlink()
    for arguments in ([], ["bars", BAR_TYPE]):
        (gap,) = json.loads(invoke("gaps", catalog, *arguments, "--json").stdout)["gaps"]
        assert (gap["missing"], gap["whole_session"]) == (1500, True)


def test_consolidate_joins_files(catalog):
    bar = ParquetDataCatalog(catalog).bars()[0]
    shifted = [msgspec.structs.replace(bar, ts_event=bar.ts_event - n * 60 * UNIT) for n in (1, 2)]
    for one in shifted:
        ParquetDataCatalog(catalog).write_data([one])
    assert json.loads(invoke("consolidate", catalog, "--json").stdout) == {"removed": 3}
    assert invoke("consolidate", catalog).stdout == "0 files joined\n"
    assert json.loads(invoke("ls", catalog, "--json").stdout)["streams"][0]["files"] == 1


def test_a_catalog_is_named_by_an_address_too(catalog):
    assert invoke("check", f"file://{catalog}").stdout == "all is well\n"


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
    for asked in (("plot", catalog, "A.B-1-DAY-LAST-EXTERNAL", "-o", "x.svg"),
                  ("show", catalog, "bars", "A.B-1-DAY-LAST-EXTERNAL"),
                  ("show", catalog, "quote_ticks", "A.B")):  # fmt: skip
        with pytest.raises(InvalidRequest, match="no such stream"):
            raise invoke(*asked).exception
    with pytest.raises(InvalidRequest, match=r"\.png, \.svg, \.pdf or \.html"):
        raise invoke("plot", catalog, BAR_TYPE, "-o", "x.bmp").exception


def test_a_span_without_rows_of_a_stored_stream_is_no_unknown_stream(catalog):
    done = invoke("show", catalog, "bars", BAR_TYPE, "--start", "2030-01-01")
    assert (done.exit_code, done.stdout) == (0, "0 of 0 rows\n")
    with pytest.raises(InvalidRequest, match="no bars in this span") as refused:
        raise invoke("plot", catalog, BAR_TYPE, "-o", "x.svg", "--start", "2030-01-01").exception
    assert "2030-01-01" in str(refused.value)


@pytest.mark.parametrize("name", ["nowhere/x.html", "nowhere/x.png"])
def test_a_picture_that_cannot_be_written_is_refused_with_its_path(catalog, tmp_path, name):
    with pytest.raises(InvalidRequest, match="cannot write the picture") as refused:
        raise invoke("plot", catalog, BAR_TYPE, "-o", tmp_path / name).exception
    assert (refused.value.field, refused.value.value) == ("output", str(tmp_path / name))
