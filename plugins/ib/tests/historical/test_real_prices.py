"""Real prices through the simulator and the whole stack, compared row by row with their source."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import importlib.util
import json
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from posei_ib_sim.market.replay import ReplayFile
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.model.ticks import QuoteTick, TradeTick
from posei_trader.persistence.catalog import ParquetDataCatalog

pytestmark = pytest.mark.real_data

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
NS = 10**9
needs_dbn = pytest.mark.skipif(
    importlib.util.find_spec("databento_dbn") is None, reason="needs databento-dbn"
)


def at(text):
    return dt.datetime.fromisoformat(text)


def seconds(moment):
    return int(moment.timestamp())


@pytest.mark.slow
async def test_a_month_of_futures_minutes_arrives_in_a_catalog_row_by_row(
    start_gateway, connect, shared_data, tmp_path
):
    path = shared_data / "cme" / "6EH4.XCME_1min_bars_20240101_20240131.csv.gz"
    with gzip.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 29_996
    gateway = await start_gateway(
        replay=[ReplayFile(path=str(path), contract="6EH4", stamp="close")],
        start="2024-02-01T00:00:00Z",
    )
    client = await connect(gateway)
    catalog = ParquetDataCatalog(tmp_path)
    report = await client.download(
        catalog,
        bar_specifications=["1-MINUTE-LAST"],
        start_date_time=at("2024-01-01T00:00:00+00:00"),
        end_date_time=at("2024-02-01T00:00:00+00:00"),
        instrument_ids=["6EH4.CME"],
        use_rth=False,
    )
    assert report.is_whole
    # The source stamps a bar at its close.
    wanted = [
        (
            seconds(at(f"{row['timestamp_utc']}+00:00")) - 60,
            *(Decimal(row[name]) for name in ("open", "high", "low", "close")),
            Decimal(row["volume"]),
        )
        for row in rows
    ]
    files = str(tmp_path / "bars" / "**" / "*.parquet")
    stored = duckdb.sql(
        "select epoch_ns(ts_event) // 1000000000, open, high, low, close, volume "
        "from read_parquet($files) order by ts_event",
        params={"files": files},
    ).fetchall()
    assert stored == wanted
    frame = pl.read_parquet(tmp_path / "bars").sort("ts_event")
    assert frame["close"].to_list() == [row[4] for row in wanted]
    # Every minute that is not there lies in a gap, and nothing else does.
    there = {row[0] for row in wanted}
    missing = {
        second
        for gap in report.streams[0].gaps
        for second in range(gap.start_ns // NS, gap.end_ns // NS, 60)
    }
    assert not missing & there
    assert sum(gap.missing for gap in report.streams[0].gaps) == len(missing)
    assert catalog.gaps("bars", "6EH4.CME-1-MINUTE-LAST-EXTERNAL") == [
        (gap.start_ns, gap.end_ns, gap.missing, gap.is_whole_session)
        for gap in report.streams[0].gaps
    ]


async def test_quotes_of_a_currency_pair_arrive_in_order_row_by_row(
    start_gateway, connect, shared_data
):
    path = shared_data / "fx" / "usdjpy-ticks.csv"
    with path.open() as file:
        rows = list(csv.DictReader(file))
    gateway = await start_gateway(
        replay=[ReplayFile(path=str(path), contract="USD.JPY")], start="2013-01-03T00:00:00Z"
    )
    client = await connect(gateway)
    ticks = await client.request_ticks(
        "BID_ASK",
        start_date_time=at("2013-01-01T00:00:00+00:00"),
        end_date_time=at("2013-01-03T00:00:00+00:00"),
        instrument_ids=["USD/JPY.IDEALPRO"],
        use_rth=False,
    )
    # IB stamps ticks to the second.
    assert [
        (tick.ts_event // NS, tick.bid_price.as_decimal(), tick.ask_price.as_decimal())
        for tick in ticks
    ] == [(seconds(at(row["timestamp"])), Decimal(row["bid"]), Decimal(row["ask"])) for row in rows]


def read_dbn(path):
    """Read Databento's records with Databento's own decoder."""
    import databento_dbn

    decoder = databento_dbn.DBNDecoder()
    with pa.input_stream(path, compression="zstd") as file:
        decoder.write(file.read())
    return [one for one in decoder.decode() if hasattr(one, "price")]


def quotes_of(source):
    """Return the top of book after each event."""
    return [
        (one.ts_recv // NS, level.bid_px, level.ask_px, level.bid_sz * NS, level.ask_sz * NS)
        for one in source
        for level in one.levels[:1]
    ]


@needs_dbn
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("futures_trades_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", "TRADES"),
        ("futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst", "BID_ASK"),
    ],
)
async def test_databento_ticks_arrive_row_by_row(
    start_gateway, connect, shared_data, tmp_path, name, kind
):
    path = shared_data / "databento" / name
    source = read_dbn(path)
    gateway = await start_gateway(replay=[str(path)], start="2024-07-02T01:00:00Z")
    client = await connect(gateway)
    tables = await client.request_ticks(
        kind,
        start_date_time=at("2024-07-01T23:00:00+00:00"),
        end_date_time=at("2024-07-02T01:00:00+00:00"),
        instrument_ids=["ESU4.CME"],
        use_rth=False,
        to="arrow",
    )
    catalog = ParquetDataCatalog(tmp_path)
    catalog.write_data(tables)
    if kind == "TRADES":
        wanted = [(one.ts_recv // NS, one.price, one.size * NS) for one in source]
        stored = [
            (tick.ts_event // NS, tick.price_raw, tick.size_raw) for tick in catalog.trade_ticks()
        ]
        assert all(type(tick) is TradeTick for tick in catalog.trade_ticks())
    else:
        wanted = quotes_of(source)
        stored = [
            (tick.ts_event // NS, tick.bid_raw, tick.ask_raw, tick.bid_size_raw, tick.ask_size_raw)
            for tick in catalog.quote_ticks()
        ]
        assert all(type(tick) is QuoteTick for tick in catalog.quote_ticks())
    assert len(wanted) > 100
    assert stored == wanted


def lines(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]


async def test_real_bars_of_ib_arrive_row_by_row(intercepted, shared_data):
    rows = lines(shared_data / "ib" / "bars.json.gz")
    zone = ZoneInfo("America/New_York")
    stamps = [seconds(at(row["date"]).replace(tzinfo=zone)) for row in rows]
    gateway, client = intercepted
    await client.request_instruments(contracts=[AAPL])

    def serve(fields):
        if fields[0] != "20" or "SCHEDULE" in fields:
            return None
        start, end = stamps[0], stamps[-1] + 60
        body = [
            field
            for stamp, row in zip(stamps, rows, strict=True)
            for field in (
                stamp, row["open"], row["high"], row["low"], row["close"], row["volume"],
                row["average"], row["barCount"],
            )
        ]  # fmt: skip
        form = "%Y%m%d-%H:%M:%S"
        first, last = (
            dt.datetime.fromtimestamp(one, dt.UTC).strftime(form) for one in (start, end)
        )
        return [17, fields[1], first, last, len(rows), *body]

    gateway.serve = serve
    bars = await client.request_bars(
        ["1-MINUTE-LAST"],
        start_date_time=dt.datetime.fromtimestamp(stamps[0], dt.UTC),
        end_date_time=dt.datetime.fromtimestamp(stamps[-1] + 60, dt.UTC),
        contracts=[AAPL],
        use_rth=False,
    )
    assert [
        (bar.ts_event // NS, *map(float, (bar.open, bar.high, bar.low, bar.close, bar.volume)))
        for bar in bars
    ] == [
        (stamp, row["open"], row["high"], row["low"], row["close"], row["volume"])
        for stamp, row in zip(stamps, rows, strict=True)
    ]
    # A stock that hardly trades: what is missing is reported, and adds up.
    assert bars.gaps


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [("bid_ask_ticks", "BID_ASK", 97), ("trade_ticks", "TRADES", 98)],
)
async def test_real_ticks_of_ib_arrive_row_by_row(intercepted, shared_data, name, kind, message):
    """Answered as IB answers: a thousand from the start on, and the rest of the last second."""
    rows = lines(shared_data / "ib" / f"{name}.json.gz")
    rows.sort(key=lambda row: row["time"])
    stamps = [seconds(at(row["time"])) for row in rows]
    gateway, client = intercepted
    await client.request_instruments(contracts=[AAPL])

    def values(stamp, row):
        if kind == "BID_ASK":
            return stamp, 0, row["priceBid"], row["priceAsk"], row["sizeBid"], row["sizeAsk"]
        return stamp, 0, row["price"], row["size"], row["exchange"], row["specialConditions"]

    def serve(fields):
        if fields[0] != "96":
            return None
        start = dt.datetime.strptime(fields[15], "%Y%m%d-%H:%M:%S").replace(tzinfo=dt.UTC)
        first = next((n for n, stamp in enumerate(stamps) if stamp >= seconds(start)), len(rows))
        last = min(first + 1_000, len(rows))
        while 0 < last < len(rows) and stamps[last] == stamps[last - 1]:
            last += 1
        body = [field for n in range(first, last) for field in values(stamps[n], rows[n])]
        return [message, fields[1], last - first, *body, 1]

    gateway.serve = serve
    ticks = await client.request_ticks(
        kind,
        start_date_time=dt.datetime.fromtimestamp(stamps[0], dt.UTC),
        end_date_time=dt.datetime.fromtimestamp(stamps[-1] + 1, dt.UTC),
        contracts=[AAPL],
        use_rth=False,
        check_gaps=False,
    )
    if kind == "BID_ASK":
        got = [
            (tick.ts_event // NS, 0, *map(float, (tick.bid_price, tick.ask_price, tick.bid_size,
             tick.ask_size)))
            for tick in ticks
        ]  # fmt: skip
        assert got == [values(stamp, row) for stamp, row in zip(stamps, rows, strict=True)]
    else:
        got = [(tick.ts_event // NS, 0, float(tick.price), float(tick.size)) for tick in ticks]
        assert got == [values(stamp, row)[:4] for stamp, row in zip(stamps, rows, strict=True)]
        assert len({tick.trade_id for tick in ticks}) == len(rows)
