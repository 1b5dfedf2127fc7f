"""Definitions of instruments: every version is kept, the newest counts."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import AssetClass
from posei_trader.model.identifiers import InstrumentId, Symbol
from posei_trader.model.instruments import Equity
from posei_trader.model.values import Price
from posei_trader.persistence.catalog import ParquetDataCatalog


@pytest.fixture
def catalog(tmp_path):
    return ParquetDataCatalog(tmp_path / "catalog")


def equity(isin, **more):
    return Equity(
        id=InstrumentId("AAPL.XNAS"), raw_symbol=Symbol("X"), asset_class=AssetClass.EQUITY,
        quote_currency=Currency.of("USD"), price_precision=2, price_increment=Price("0.01"),
        isin=isin, **more,
    )  # fmt: skip


def test_the_newest_of_several_versions_counts_wherever_it_stands(catalog, tmp_path):
    versions = [equity("NEW", ts_event=2), equity("OLD", ts_event=1)]
    assert catalog.write_data(versions)[:2] == (2, 0)
    assert catalog.instruments() == versions[:1]
    assert catalog.write_data(versions)[:2] == (0, 2)
    assert catalog.write_data(versions[1:])[:2] == (0, 1)
    assert len(list(tmp_path.rglob("*.parquet"))) == 2


def test_of_one_moment_the_definition_made_last_and_then_the_one_written_last_counts(catalog):
    # Eight of them, for the digest in the name of a file orders some of them rightly by chance.
    for number in range(8):
        assert catalog.write_data([equity(f"{number}")]).written == 1
        assert catalog.instruments() == [equity(f"{number}")]
    later = equity("later", ts_init=1)
    assert catalog.write_data([later, equity("8")]).written == 2
    assert catalog.instruments() == [later]
    assert catalog.write_data([equity("8"), equity("9")])[:2] == (1, 1)
    assert catalog.write_data([equity("8"), equity("9")])[:2] == (0, 2)
    assert catalog.instruments() == [later]


@pytest.mark.parametrize("text", ["{bad json", '{"type": "Klingon"}', None])
def test_a_damaged_definition_is_named_with_its_file(catalog, text):
    (path,) = catalog.write_data([equity("A")]).files
    table = pq.read_table(path, partitioning=None)
    damaged = table.slice(0, 0)
    if text is not None:
        damaged = table.set_column(2, "definition", pa.array([text]))
    pq.write_table(damaged, path)
    with pytest.raises(DataFileError) as refused:
        catalog.instruments()
    assert refused.value.value == path


@pytest.mark.parametrize("wrong", [{"info": {"a": object()}}, {"ts_event": -1}])
def test_a_definition_that_cannot_be_stored_keeps_all_others_out(catalog, make_bar, wrong):
    with pytest.raises(InvalidRequest, match="cannot be stored"):
        catalog.write_data([make_bar(1), equity("A", ts_event=1), equity("B", **wrong)])
    assert not catalog.exists()
