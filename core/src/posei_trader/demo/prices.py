"""The prices that the demo replays: a file of the user's, or real daily stock bars."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Final, NamedTuple

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency
from posei_trader.model.identifiers import InstrumentId

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence
    from pathlib import Path

STOCKS: Final = {"IBM": "IBM.NYSE", "MSFT": "MSFT.NASDAQ", "GOOG": "GOOG.NASDAQ"}
"""What is traded by default: ticker and instrument id."""

_COLUMNS: Final = ("date", "open", "high", "low", "close", "volume")


class Prices(NamedTuple):
    """A file to replay.

    Attributes:
        path: The file.
        contract: The venue's own name of what it holds, empty to take it from the file.
        instrument_id: Our name of it.
    """

    path: Path
    contract: str
    instrument_id: str


def bundled_stocks(directory: Path, first: dt.date) -> list[Prices]:
    """Write the default stocks' daily bars since a day as CSV files and return them.

    The bars are those of `bokeh_sampledata` (BSD-3-Clause): real daily prices from 2000 to 2013.

    Raises:
        MissingDependency: the package is not installed.
    """
    try:
        from bokeh_sampledata import stocks  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingDependency(
            "the demo's prices are not installed",
            field="package",
            value="bokeh_sampledata",
            remedy="pip install 'posei_trader[demo]', or give a file of your own with --data",
        ) from error
    made: list[Prices] = []
    for ticker, instrument_id in STOCKS.items():
        columns: Mapping[str, Sequence[object]] = getattr(stocks, ticker)
        path = directory / f"{ticker}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_COLUMNS)
            for row in zip(*(columns[name] for name in _COLUMNS), strict=True):
                if str(row[0])[:10] >= first.isoformat():
                    writer.writerow(row)
        made.append(Prices(path, ticker, instrument_id))
    return made


def users_file(path: Path, instrument_id: str | None, venues: Mapping[str, str]) -> Prices:
    """Return a file of the user's and the name of what it holds.

    Args:
        path: A CSV or Parquet file; its columns are checked by whoever replays it.
        instrument_id: What it holds; None when the file's name begins with it, as in
            ``6EH4.XCME_1min_bars.csv.gz``, or with a currency pair, as in ``usdjpy-ticks.csv``.
        venues: The adapter's own exchange name for each MIC that a file's name may carry.

    Raises:
        DataFileError: there is no such file.
        InvalidRequest: the name does not say what the file holds, or is no instrument id.
    """
    if not path.is_file():
        raise DataFileError(
            "there is no such data file",
            field="data",
            value=str(path),
            remedy="give a CSV or Parquet file with bars or ticks",
        )
    if instrument_id is None:
        instrument_id = _named(path.name, venues)
    checked = InstrumentId(instrument_id)
    return Prices(path, checked.symbol.replace("/", "."), checked)


def _named(name: str, venues: Mapping[str, str]) -> str:
    word = name.split("_", 1)[0].split("-", 1)[0]
    symbol, dot, venue = word.partition(".")
    if dot and venue in venues:
        return f"{symbol}.{venues[venue]}"
    pair = symbol.upper()
    if len(pair) == 6 and pair.isalpha():
        return f"{pair[:3]}/{pair[3:]}.IDEALPRO"
    raise InvalidRequest(
        "the file's name does not say which instrument it holds",
        field="data",
        value=name,
        remedy="name it with --instrument, for example --instrument AAPL.NASDAQ",
    )
