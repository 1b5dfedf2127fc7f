"""What is stored: each fact once, all of a call or nothing, and nothing that cannot be read."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pandas as pd
import pyarrow as pa
import pytest

from posei_trader.errors import InvalidRequest
from posei_trader.model.book import OrderBookDelta
from posei_trader.model.enums import AggressorSide, BookAction, BookSide, RecordFlag
from posei_trader.model.identifiers import InstrumentId, TradeId
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.schemas import BARS, CatalogTable

AAPL = InstrumentId("AAPL.NASDAQ")
T0 = 1_704_150_000_000_000_000
LATEST = 2**63 - 1


@pytest.fixture
def catalog(tmp_path):
    return ParquetDataCatalog(tmp_path / "catalog")


def quote(price=1, *, ts=T0, precision=2):
    return QuoteTick(AAPL, price, 2, 3, 4, precision, 0, ts, ts)


def trade(name, *, ts=T0):
    return TradeTick(AAPL, 7, 5, 2, 0, AggressorSide.BUYER, TradeId(name), ts, ts)


def delta(number, *, order_id=0):
    return OrderBookDelta(AAPL, BookAction.UPDATE, BookSide.BID, 5, number, order_id, 2, 0,
                          RecordFlag.NONE, number, T0, T0)  # fmt: skip


def test_a_trade_or_bar_that_comes_twice_in_one_call_is_stored_once(catalog, make_bar):
    first, second = ([trade(f"{T0}-{n}") for n in range(a, b)] for a, b in ((0, 60), (24, 72)))
    result = catalog.write_data([*first, *second, make_bar(1), make_bar(1)])
    assert (result.written, result.skipped) == (73, 37)
    assert [one.trade_id for one in catalog.trade_ticks()] == [f"{T0}-{n}" for n in range(72)]
    assert catalog.bars() == [make_bar(1)]
    assert catalog.write_data([*second, *first]).written == 0


def test_a_bar_that_became_final_is_another_fact_than_its_last_revision(catalog, make_bar):
    revision = msgspec.structs.replace(make_bar(1), is_revision=True)
    assert [catalog.write_data([one]).written for one in (revision, make_bar(1))] == [1, 1]
    assert catalog.bars() == [revision, make_bar(1)]


def test_equal_changes_of_a_book_within_one_moment_are_all_kept(catalog):
    there_and_back = [delta(1), delta(2), delta(1)]
    catalog.write_data(there_and_back)
    assert catalog.order_book_deltas() == there_and_back
    assert catalog.write_data(there_and_back).written == 0


@pytest.mark.parametrize("number", range(8))
def test_rows_of_one_moment_stay_in_the_order_in_which_they_were_written(catalog, number):
    # Eight prices, for the digest in the name of a file orders some of them rightly by chance.
    written = [quote(100 * number + one) for one in (5, 3, 4, 1, 9, 2)]
    catalog.write_data(written[:2])
    catalog.write_data([quote(1, ts=T0 - 5), *written[2:4]])
    catalog.write_data(written[4:])
    assert catalog.quote_ticks(start=T0) == written
    catalog.consolidate()
    assert catalog.quote_ticks(start=T0) == written
    catalog.write_data([quote(50)])
    assert catalog.quote_ticks(start=T0) == [*written, quote(50)]


def test_a_bad_record_of_any_kind_keeps_all_others_out(catalog, make_bar, tmp_path):
    with pytest.raises(InvalidRequest, match="64 bits"):
        catalog.write_data([make_bar(1), trade("a"), quote(2**63)])
    with pytest.raises(InvalidRequest, match="columns"):
        catalog.write_data([make_bar(1), CatalogTable("quote_ticks", AAPL, pa.table({"a": [1]}))])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (delta(1, order_id=-1), "order_id"),
        (quote(precision=300), "price_precision"),
        (quote(precision=10), "price_precision"),
        (quote(ts=2**63), "ts_event"),
        (quote(ts=LATEST), "ts_event"),
        (quote(ts=-1), "ts_event"),
        (quote(1.5), "bid_raw"),
    ],
)
def test_a_record_whose_number_no_column_holds_is_refused(catalog, record, field):
    with pytest.raises(InvalidRequest) as refused:
        catalog.write_data([record])
    assert refused.value.field == field
    assert not catalog.exists()


def test_more_equal_quotes_than_can_be_numbered_are_refused(catalog):
    with pytest.raises(InvalidRequest, match="equal records") as refused:
        catalog.write_data([quote()] * 65_537)
    assert refused.value.value == 65_537


@pytest.fixture
def rows(make_bar):
    return BARS.encode([make_bar(1), make_bar(2)])


def replaced(rows, name, values):
    return rows.set_column(rows.schema.get_field_index(name), name, values)


@pytest.mark.parametrize(
    ("name", "values", "value"),
    [
        ("open", pa.array(["1.5", "x"]), "string"),
        ("open", pa.array([Decimal("1.123456789123")] * 2), "decimal128(13, 12)"),
        ("volume", pa.array([Decimal("9500000000.000000000")] * 2, pa.decimal128(19, 9)),
         "decimal128(19, 9)"),
        ("open", pa.array([1.5, 1.1234567891234]), 1.1234567891234),
        ("open", pa.array([1.5, 1.1], pa.float32()), pa.scalar(1.1, pa.float32()).as_py()),
        ("open", pa.array([1.5, float("nan")]), "double"),
        ("open", pa.array([None, Decimal(1)]), "1 of 2 rows"),
        ("price_precision", pa.array([-1, 5]), "int64"),
        ("price_precision", pa.array([10, 5]), 10),
        ("ts_event", pa.array([1.5, 2.5]), "double"),
    ],
)  # fmt: skip
def test_a_column_that_would_have_to_be_changed_is_refused(
    catalog, bar_type, rows, name, values, value
):
    with pytest.raises(InvalidRequest) as refused:
        catalog.write_table("bars", bar_type, replaced(rows, name, values))
    assert (refused.value.field, refused.value.value) == (name, value)
    assert refused.value.remedy
    assert not catalog.exists()


def test_an_unknown_side_of_a_trade_is_refused(catalog):
    catalog.write_data([trade("a")])
    rows = catalog.table("trade_ticks", AAPL)
    with pytest.raises(InvalidRequest, match="none of those") as refused:
        catalog.write_table("trade_ticks", AAPL, replaced(rows, "aggressor_side", pa.array([9])))
    assert refused.value.field == "aggressor_side"


def test_floats_that_stand_for_decimals_and_whole_numbers_are_stored_as_those(
    catalog, bar_type, rows
):
    # A sum of floats is as far from its decimal as arithmetic takes it.
    prices = pd.Series([1.1, 0.1 + 0.2])
    table = replaced(rows, "open", pa.Array.from_pandas(prices))
    table = replaced(table, "volume", pa.array([5, 7]))
    catalog.write_table("bars", bar_type, table)
    assert [str(bar.open) for bar in catalog.bars()] == ["1.10000", "0.30000"]
    assert [bar.open_raw for bar in catalog.bars()] == [1_100_000_000, 300_000_000]
    assert [bar.volume_raw for bar in catalog.bars()] == [5 * 10**9, 7 * 10**9]


def test_rows_come_in_a_table_or_a_batch_and_in_nothing_else(catalog, bar_type, rows):
    (batch,) = rows.to_batches()
    assert catalog.write_table("bars", bar_type, batch).written == 2
    with pytest.raises(InvalidRequest, match="Arrow table") as refused:
        catalog.write_table("bars", bar_type, rows.to_pandas())
    assert refused.value.value == "DataFrame"


def test_a_key_is_of_its_kind_or_refused(catalog, bar_type, rows):
    assert catalog.write_table("bars", str(bar_type), rows).written == 2
    assert [bar.bar_type for bar in catalog.bars([bar_type])] == [bar_type] * 2
    with pytest.raises(InvalidRequest, match="bar type has the form"):
        catalog.write_data([CatalogTable("bars", AAPL, rows)])
    with pytest.raises(InvalidRequest, match="by instrument, not by bar type"):
        catalog.write_table("quote_ticks", bar_type, rows)
    with pytest.raises(InvalidRequest, match="names no stream"):
        catalog.table("bars", 5)
    assert catalog.check() == []


def test_one_name_or_record_stands_for_a_list_of_one(catalog, make_bar, bar_type, rows):
    assert catalog.write_data(quote()).written == 1
    assert catalog.write_data(CatalogTable("bars", bar_type, rows)).written == 2
    assert catalog.quote_ticks("AAPL.NASDAQ") == [quote()]
    for name in (bar_type, str(bar_type)):
        assert catalog.bars(name) == [make_bar(1), make_bar(2)]
    assert catalog.bars(instrument_ids="AAPL.NASDAQ") == []
    assert catalog.instruments("AAPL.NASDAQ") == []
    for nothing in (None, 5):
        with pytest.raises(InvalidRequest, match="does not store"):
            catalog.write_data(nothing)
    for wrong in (5, [5]):
        with pytest.raises(InvalidRequest, match="names no stream"):
            catalog.bars(wrong)


def test_the_largest_and_the_smallest_number_are_stored_and_none_beyond_them(
    catalog, bar_type, rows
):
    def volumes(*values):
        # A slice, which begins within the memory of its column.
        found = pa.array([Decimal(0), *map(Decimal, values)], pa.decimal128(19, 9))
        return replaced(rows, "volume", found[1:])

    edges = volumes("-9223372036.854775808", "9223372036.854775807")
    assert catalog.write_table("bars", bar_type, edges).written == 2
    assert [bar.volume_raw for bar in catalog.bars()] == [-(2**63), 2**63 - 1]
    for beyond in ("-9223372036.854775809", "9223372036.854775808"):
        with pytest.raises(InvalidRequest) as refused:
            catalog.write_table("bars", bar_type, volumes("1", beyond))
        assert refused.value.field == "volume"
