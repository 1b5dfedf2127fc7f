"""Trading sessions as rows of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from posei_trader.persistence import arrow_values, schemas
from posei_trader.persistence.sessions import Session, joined

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.persistence.sessions import SessionRow

__all__ = ["sessions_of", "sessions_table"]


def sessions_table(rows: Iterable[SessionRow]) -> pa.Table:
    """Return sessions as rows."""
    listed = list(rows)
    return pa.Table.from_arrays(
        [
            arrow_values.time_to_arrow([row.session.open_ns for row in listed]),
            arrow_values.time_to_arrow([row.session.close_ns for row in listed]),
            arrow_values.time_to_arrow([row.session.day for row in listed]),
            arrow_values.bool_array([row.is_regular for row in listed]),
        ],
        schema=schemas.SESSIONS.schema,
    )


def sessions_of(table: pa.Table, *, regular: bool) -> list[Session]:
    """Return the regular or all sessions of a table, ascending, apart from each other."""
    mask = table["is_regular"] if regular else pc.invert(table["is_regular"])
    wanted = table.filter(mask)
    return joined(
        map(
            Session,
            arrow_values.arrow_to_time(wanted["ts_event"]),
            arrow_values.arrow_to_time(wanted["close"]),
            arrow_values.arrow_to_time(wanted["day"]),
        )
    )
