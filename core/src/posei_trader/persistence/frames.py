"""Arrow tables in the forms of other libraries; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import MissingDependency

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["duckdb_relation", "pandas_frame", "polars_frame"]


def polars_frame(table: pa.Table) -> pl.DataFrame:
    """Return a Polars frame.

    Raises:
        MissingDependency: Polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415  optional
    except ImportError as error:
        raise _missing("polars") from error
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise TypeError("an Arrow table makes a frame")
    return frame


def pandas_frame(table: pa.Table) -> pd.DataFrame:
    """Return a pandas frame.

    Raises:
        MissingDependency: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: F401, PLC0415  optional; pyarrow imports it itself
    except ImportError as error:
        raise _missing("pandas") from error
    frame: pd.DataFrame = table.to_pandas()
    return frame


def duckdb_relation(table: pa.Table) -> duckdb.DuckDBPyRelation:
    """Return a DuckDB relation; what it makes of times needs pytz, which the extra brings.

    Raises:
        MissingDependency: DuckDB is not installed.
    """
    try:
        import duckdb  # noqa: PLC0415  optional
    except ImportError as error:
        raise _missing("duckdb", "'posei_trader[duckdb]'") from error
    return duckdb.from_arrow(table)


def _missing(package: str, install: str = "") -> MissingDependency:
    return MissingDependency(
        f"this needs {package}",
        field="package",
        value=package,
        remedy=f"pip install {install or package}",
    )
