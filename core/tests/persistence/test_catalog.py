from __future__ import annotations

import datetime as dt
import random
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs as pafs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posei_trader.errors import DataFileError, InvalidRequest
from posei_trader.model.bars import Bar, BarType
from posei_trader.model.book import OrderBookDelta, OrderBookDeltas
from posei_trader.model.currencies import Currency
from posei_trader.model.enums import (
    AggressorSide,
    AssetClass,
    BookAction,
    BookSide,
    RecordFlag,
    TradeFlag,
)
from posei_trader.model.identifiers import InstrumentId, Symbol, TradeId
from posei_trader.model.instruments import CurrencyPair, Equity
from posei_trader.model.ticks import IndexPriceUpdate, QuoteTick, TradeTick
from posei_trader.model.values import Price
from posei_trader.persistence.catalog import ParquetDataCatalog
from posei_trader.persistence.spans import to_nanos

EURUSD = InstrumentId("EUR/USD.IDEALPRO")
SPX = InstrumentId("^SPX.CBOE")
BAR_TYPE = BarType.from_str("EUR/USD.IDEALPRO-1-MINUTE-MID-EXTERNAL")
T0 = 1_704_150_000_000_000_000

raw = st.integers(min_value=-(2**62), max_value=2**62)
size = st.integers(min_value=0, max_value=2**62)
digits = st.integers(min_value=0, max_value=9)
stamps = st.integers(min_value=0, max_value=5).map(lambda n: T0 + n)

quotes = st.builds(
    QuoteTick,
    st.sampled_from([EURUSD, SPX]),
    raw,
    raw,
    size,
    size,
    digits,
    digits,
    stamps,
    stamps,
    st.booleans(),
)
trades = st.builds(
    TradeTick, st.just(SPX), raw, size, digits, digits, st.sampled_from(AggressorSide),
    st.uuids().map(lambda u: TradeId(str(u))), stamps, stamps,
    st.sampled_from([TradeFlag.NONE, TradeFlag.UNREPORTED | TradeFlag.PAST_LIMIT]),
)  # fmt: skip
bars = st.builds(
    Bar,
    st.just(BAR_TYPE),
    raw,
    raw,
    raw,
    raw,
    size,
    digits,
    digits,
    stamps,
    stamps,
    st.booleans(),
    st.booleans(),
)


def bar(minute, price=1_100_000_000):
    return Bar(BAR_TYPE, price, price, price, price, 5 * 10**9, 5, 0,
               T0 + minute * 60 * 10**9, T0 + (minute + 1) * 60 * 10**9)  # fmt: skip


def _facts(one):
    prices = one.open_raw, one.high_raw, one.low_raw, one.close_raw
    return one.ts_event, *prices, one.volume_raw, one.is_revision


def by_time(items):
    return sorted(items, key=lambda item: item.ts_event)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(quotes, max_size=30), st.lists(trades, max_size=30), st.lists(bars, max_size=30))
def test_what_is_read_equals_what_was_written(
    tmp_path_factory, some_quotes, some_trades, some_bars
):
    catalog = ParquetDataCatalog(tmp_path_factory.mktemp("catalog"))
    mixed = [*some_quotes, *some_trades, *{_facts(one): one for one in some_bars}.values()]
    random.Random(1).shuffle(mixed)
    result = catalog.write_data(mixed)
    assert result.written == len(mixed)
    for instrument_id in (EURUSD, SPX):
        mine = [q for q in mixed if type(q) is QuoteTick and q.instrument_id == instrument_id]
        assert catalog.quote_ticks([instrument_id]) == by_time(mine)
    assert catalog.trade_ticks() == by_time([t for t in mixed if type(t) is TradeTick])
    assert catalog.bars() == by_time([b for b in mixed if type(b) is Bar])
    # Bars of any numbers contradict themselves, which the check says of them.
    assert [one for one in catalog.check() if "bars" not in one.partition(": ")[2]] == []
    again = catalog.write_data(mixed)
    assert (again.written, again.skipped, again.files) == (0, len(mixed), ())


def test_two_equal_quotes_of_one_second_are_two_facts_and_stay_two(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    quote = QuoteTick(SPX, 1, 2, 3, 4, 2, 0, T0, T0)
    assert catalog.write_data([quote, quote]).written == 2
    assert catalog.write_data([quote, quote]).written == 0
    assert catalog.write_data([quote, quote, quote]).written == 1
    assert catalog.quote_ticks() == [quote] * 3


def test_overlapping_spans_store_only_what_is_new(tmp_path):
    catalog = ParquetDataCatalog(tmp_path / "new" / "directory")
    assert catalog.write_data([bar(n) for n in range(10)]).written == 10
    result = catalog.write_data([bar(n) for n in range(5, 15)])
    assert (result.written, result.skipped) == (5, 5)
    assert catalog.bars() == [bar(n) for n in range(15)]
    assert catalog.consolidate("bars") == 2
    assert catalog.consolidate() == 0
    assert catalog.bars() == [bar(n) for n in range(15)]


def test_rows_that_two_processes_stored_at_once_are_read_once(tmp_path):
    left, right = ParquetDataCatalog(tmp_path / "a"), ParquetDataCatalog(tmp_path / "b")
    left.write_data([bar(n) for n in range(10)])
    path = Path(right.write_data([bar(n) for n in range(5, 15)]).files[0])
    folder = Path(left.write_data([bar(99)]).files[0]).parent
    path.replace(folder / path.name)
    assert left.bars() == [bar(n) for n in (*range(15), 99)]


def test_a_span_is_half_open_and_may_be_given_in_any_form(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([bar(n) for n in range(10)])
    start = dt.datetime.fromtimestamp(T0 / 1e9 + 120, dt.UTC)
    assert [b.ts_event for b in catalog.bars(start=start, end=T0 + 240 * 10**9)] == [
        T0 + 120 * 10**9,
        T0 + 180 * 10**9,
    ]
    assert catalog.bars(start="2030-01-01") == []
    assert catalog.bars(["EUR/USD.IDEALPRO-5-MINUTE-MID-EXTERNAL"]) == []
    assert len(catalog.bars([str(BAR_TYPE)], ["EUR/USD.IDEALPRO"])) == 10
    assert catalog.bars(instrument_ids=["X.Y"]) == []
    with pytest.raises(InvalidRequest, match="before the start"):
        catalog.bars(start="2024-02-01", end="2024-01-01")
    with pytest.raises(InvalidRequest, match="ISO 8601"):
        catalog.bars(start="yesterday")


def test_a_time_without_a_zone_is_utc():
    assert to_nanos("2024-01-02T00:00:00", "start") == 1_704_153_600 * 10**9
    assert to_nanos(dt.datetime(2024, 1, 2), "start") == 1_704_153_600 * 10**9  # noqa: DTZ001
    assert to_nanos("2024-01-01T19:00:00.000001-05:00", "start") == 1_704_153_600_000_001_000


def equity(symbol, **more):
    return Equity(
        id=InstrumentId(symbol), raw_symbol=Symbol("X"), asset_class=AssetClass.EQUITY,
        quote_currency=Currency.of("USD"), price_precision=2, price_increment=Price("0.01"), **more,
    )  # fmt: skip


def test_instruments_are_kept_by_their_newest_definition(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    pair = CurrencyPair(
        id=EURUSD, raw_symbol=Symbol("EUR.USD"), asset_class=AssetClass.FX,
        quote_currency=Currency.of("USD"), base_currency=Currency.of("EUR"),
        price_precision=5, price_increment=Price("0.00005"),
    )  # fmt: skip
    old = equity("AAPL.XNAS", ts_event=1)
    new = equity("AAPL.XNAS", ts_event=2, isin="US0378331005")
    assert catalog.write_data([old, pair]).written == 2
    assert catalog.write_data([new]).written == 1
    assert catalog.write_data([new, pair]).skipped == 2
    later = equity("AAPL.XNAS", ts_event=3, ts_init=3, isin="US0378331005")
    assert catalog.write_data([later]).skipped == 1  # it says nothing new
    assert catalog.instruments() == [new, pair]
    assert catalog.instruments(["AAPL.XNAS"]) == [new]
    assert catalog.instruments(kind=CurrencyPair) == [pair]


def test_book_deltas_keep_their_order_within_a_nanosecond(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    deltas = tuple(
        OrderBookDelta(SPX, BookAction.ADD, BookSide.BID, n, n, 0, 2, 0, RecordFlag.NONE, n, T0, T0)
        for n in (3, 1, 2)
    )
    catalog.write_data([OrderBookDeltas(SPX, deltas, T0, T0)])
    assert tuple(catalog.order_book_deltas([SPX])) == deltas


def test_other_readers_see_exact_numbers_and_utc_times(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([bar(n, 1_234_567_891 + n) for n in range(3)])
    where = str(tmp_path / "bars" / "**" / "*.parquet")
    rows = duckdb.sql(
        "select instrument_id, spec, close, epoch_ns(ts_event) from "
        "read_parquet($where, hive_partitioning=true) order by ts_event",
        params={"where": where},
    ).fetchall()
    assert rows[0] == ("EUR/USD.IDEALPRO", "1-MINUTE-MID", Decimal("1.234567891"), T0)
    frame = pl.read_parquet(str(tmp_path / "bars"), hive_partitioning=True).sort("ts_event")
    assert frame["close"].to_list() == [Decimal(1_234_567_891 + n) / 10**9 for n in range(3)]
    assert str(frame.schema["ts_event"]) == "Datetime(time_unit='ns', time_zone='UTC')"
    table = ds.dataset(tmp_path / "bars", partitioning="hive").to_table()
    assert table["instrument_id"].to_pylist() == ["EUR/USD.IDEALPRO"] * 3
    assert catalog.to_polars("bars", BAR_TYPE)["volume"].to_list() == [Decimal(5)] * 3
    assert catalog.to_duckdb("bars", str(BAR_TYPE)).shape == (3, 11)
    assert catalog.to_pandas("bars", BAR_TYPE).shape == (3, 11)
    assert catalog.table("bars", BAR_TYPE).schema.metadata[b"posei.schema_version"] == b"1"


def test_duckdb_hands_out_rows_with_their_times(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([bar(0)])
    (row,) = catalog.to_duckdb("bars", BAR_TYPE).project("ts_event, close").fetchall()
    assert row == (dt.datetime.fromtimestamp(T0 // 10**9, dt.UTC), Decimal("1.1"))


def test_contents_lists_what_is_there(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data([bar(0), bar(1), QuoteTick(SPX, 1, 2, 3, 4, 2, 0, T0, T0)])
    assert list(catalog.contents()) == [
        ("quote_ticks", SPX, 1, T0, T0),
        ("bars", BAR_TYPE, 1, T0, T0 + 60 * 10**9),
    ]
    assert catalog.path == str(tmp_path)


def test_a_catalog_may_live_on_any_file_system(tmp_path):
    inner = pafs.SubTreeFileSystem(str(tmp_path), pafs.LocalFileSystem())
    catalog = ParquetDataCatalog("there", inner)
    catalog.write_data([bar(1)])
    assert catalog.bars() == [bar(1)]
    assert ParquetDataCatalog(f"file://{tmp_path}/there").bars() == [bar(1)]


def test_a_place_that_cannot_be_written_is_said_and_nothing_is_left(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataFileError, match="cannot write") as caught:
        ParquetDataCatalog(tmp_path / "file").write_data([bar(1)])
    assert "can be written" in caught.value.remedy


WRITE_TO_A_FULL_DISK = """
import resource, signal, sys
from posei_trader.persistence.files import FileStore
from posei_trader.errors import DataFileError
import pyarrow as pa, random
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = FileStore(sys.argv[1])
dice = random.Random(1)
table = pa.table({"x": [dice.random() for _ in range(50_000)]})
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    store.write("bars", "instrument_id=X.Y", table, 1, 2)
except DataFileError as error:
    print("refused:", error.message)
"""


def test_a_write_that_breaks_off_leaves_no_file(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WRITE_TO_A_FULL_DISK, str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("refused: cannot write to the catalog")
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_damage_is_found_and_named(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    path = catalog.write_data([bar(1)]).files[0]
    with Path(path).open("r+b") as file:
        file.truncate(100)
    assert path in catalog.check()[0]
    with pytest.raises(DataFileError, match="cannot read"):
        catalog.bars()
    Path(path).rename(Path(path).parent / "stranger.parquet")
    with pytest.raises(DataFileError, match="not one of ours"):
        catalog.bars()


def test_what_the_catalog_does_not_store_is_refused(tmp_path):
    catalog = ParquetDataCatalog(tmp_path)
    with pytest.raises(InvalidRequest, match="does not store") as caught:
        catalog.write_data([IndexPriceUpdate(SPX, 1, 2, 3, 4)])  # type: ignore[list-item]
    assert caught.value.value == "IndexPriceUpdate"
    with pytest.raises(InvalidRequest, match="no such kind"):
        catalog.table("ticks", "X.Y")
    with pytest.raises(InvalidRequest, match="columns"):
        catalog.write_table("bars", BAR_TYPE, pa.table({"a": [1]}))
    with pytest.raises(InvalidRequest, match="before 1970"):
        catalog.write_data([QuoteTick(SPX, 1, 2, 3, 4, 2, 0, -5, 0)])
    assert catalog.write_data([]).written == 0
    assert catalog.write_table("quote_ticks", SPX, catalog.table("quote_ticks", SPX)).written == 0
    assert list(tmp_path.iterdir()) == []
