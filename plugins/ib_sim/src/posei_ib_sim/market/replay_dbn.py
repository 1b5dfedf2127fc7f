"""Reading Databento's DBN files for replay: trades, mbp-1, bbo and ohlcv.

Needs the package `databento-dbn`, which the extra `dbn` brings; it is imported at first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final, Literal

from posei_ib_sim.errors import ReplayFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["DbnRow", "is_dbn", "read_dbn"]

DbnRow = tuple[str, Literal["quotes", "trades", "bars"], int, dict[str, float]]
"""Symbol, kind ("quotes", "trades" or "bars"), UNIX nanoseconds, numbers by column."""

_UNDEFINED: Final = 2**63 - 1
_SCALE: Final = 1e9
_REMEDY: Final = "Give a file of the schema trades, mbp-1, bbo-1s, bbo-1m or ohlcv"


def is_dbn(path: Path) -> bool:
    """Tell whether a file's name is that of a DBN file, plain or compressed."""
    return path.name.endswith((".dbn", ".dbn.zst"))


def read_dbn(path: Path) -> Iterator[DbnRow]:
    """Yield what a file holds, in the file's order.

    Quotes without one of their sides are left out: the market had none then.

    Raises:
        ReplayFileError: The package is missing, the file cannot be read or has another schema.
    """
    import pyarrow as pa  # noqa: PLC0415 - a heavy import, for replay only

    try:
        dbn = importlib.import_module("databento_dbn")
    except ImportError as error:
        raise ReplayFileError(
            str(path),
            "is a DBN file, and the package databento-dbn is not installed",
            remedy="Run: pip install 'posei-ib-sim[dbn]'",
        ) from error
    try:
        compression = "zstd" if path.name.endswith(".zst") else None
        with pa.input_stream(str(path), compression=compression) as stream:
            decoder = dbn.DBNDecoder()
            decoder.write(stream.read())
            metadata, *records = decoder.decode()
    except (OSError, ValueError, dbn.DBNError) as error:
        raise ReplayFileError(str(path), f"cannot be read: {error}", remedy=_REMEDY) from error
    symbols = {
        interval["symbol"]: symbol
        for symbol, intervals in metadata.mappings.items()
        for interval in intervals
    }
    for record in records:
        symbol = symbols.get(str(record.instrument_id), str(record.instrument_id))
        if isinstance(record, dbn.TradeMsg):
            yield symbol, "trades", record.ts_recv, _trade(record)
        elif isinstance(record, dbn.MBP1Msg | dbn.BBOMsg):
            if isinstance(record, dbn.MBP1Msg) and str(record.action) == "T":
                yield symbol, "trades", record.ts_recv, _trade(record)
            level = record.levels[0]
            if _UNDEFINED not in {level.bid_px, level.ask_px}:
                yield symbol, "quotes", record.ts_recv, _quote(level)
        elif isinstance(record, dbn.OHLCVMsg):
            names = ("open", "high", "low", "close")
            bar = {name: getattr(record, name) / _SCALE for name in names}
            yield symbol, "bars", record.ts_event, bar | {"volume": float(record.volume)}
        else:
            raise ReplayFileError(
                str(path), f"holds {type(record).__name__} records", remedy=_REMEDY
            )


def _trade(record: Any) -> dict[str, float]:
    return {"price": record.price / _SCALE, "size": float(record.size)}


def _quote(level: Any) -> dict[str, float]:
    return {
        "bid": level.bid_px / _SCALE,
        "ask": level.ask_px / _SCALE,
        "bid_size": float(level.bid_sz),
        "ask_size": float(level.ask_sz),
    }
