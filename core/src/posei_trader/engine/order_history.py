"""Reading an order store while its node runs, or after it died: orders and their whole history."""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Final, Self, final

import msgspec

from posei_trader.engine.journal import batches_beyond, journal_of, read_batches
from posei_trader.engine.store_records import EVENTS, TERMS, decoded
from posei_trader.errors import DataFileError, InvalidRequest, StoreCorrupt
from posei_trader.model.events import (
    OrderPendingCancel,
    OrderPendingUpdate,
    OrderSubmitted,
)
from posei_trader.model.identifiers import ClientId, PositionId
from posei_trader.model.orders import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from posei_trader.model.events import OrderEvent

__all__ = ["OrderHistory", "StoredCommand", "StoredHistory"]

_CHANGE: Final = msgspec.json.Decoder(dict[str, str | None])

_HAS_JOURNAL: Final = 2  # versions before it have none
_COLUMNS: Final = {
    "orders": "client_order_id, client_id, position_id, strategy_id, instrument_id, ts_init, terms",
    "commands": "client_order_id, kind, ts_init, terms",
    "events": "client_order_id, kind, trade_id, ts_init, body",
}

_CAUSES: Final[dict[type, str]] = {
    OrderSubmitted: "submit",
    OrderPendingUpdate: "modify",
    OrderPendingCancel: "cancel",
}


class StoredCommand(msgspec.Struct, frozen=True):
    """What was about to be sent.

    Attributes:
        kind: ``submit``, ``modify`` or ``cancel``.
        ts_init: When it was stored, UNIX ns UTC.
        terms: The new terms of a change; empty otherwise.
    """

    kind: str
    ts_init: int
    terms: dict[str, str]


class StoredHistory(msgspec.Struct, frozen=True):
    """All that is known of one order.

    Attributes:
        order: The order as its events left it.
        client_id: The execution client that handles it, None for one that nobody handles.
        position_id: The position that it was submitted for, where one was named.
        commands: What was about to be sent, oldest first.
    """

    order: Order
    client_id: ClientId | None
    position_id: PositionId | None
    commands: tuple[StoredCommand, ...]

    @property
    def steps(self) -> list[StoredCommand | OrderEvent]:
        """Return commands and events in the order in which they happened."""
        steps: list[StoredCommand | OrderEvent] = []
        waiting = deque(self.commands)
        for event in self.order.events[1:]:
            # What a command causes may bear the same nanosecond: the command was first.
            caused_by = _CAUSES.get(type(event))
            while waiting and (waiting[0].ts_init < event.ts_init or waiting[0].kind == caused_by):
                steps.append(waiting.popleft())
            steps.append(event)
        return steps + list(waiting)


@final
class OrderHistory:
    """Read a store that another process may be writing to. A context manager.

    Args:
        path: The file that ``exec_engine.store_path`` names.

    Raises:
        DataFileError: there is no such file, or it is no order store.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            raise DataFileError(
                "there is no order store here",
                field="path",
                value=str(path),
                remedy="give the file that exec_engine.store_path names",
            )
        try:
            self._db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def orders(self) -> list[StoredHistory]:
        """Return every order, oldest first.

        Raises:
            DataFileError: the file is no order store.
            StoreCorrupt: a record cannot be read.
        """
        return list(self._histories("", ()))

    def order(self, client_order_id: str) -> StoredHistory:
        """Return one order, by our name or the venue's, whole or without its beginning.

        Raises:
            InvalidRequest: there is none, or there are several.
            DataFileError: the file is no order store.
            StoreCorrupt: a record cannot be read.
        """
        found = list(
            self._histories("WHERE client_order_id LIKE ? ESCAPE '\\'", (_ending(client_order_id),))
        )
        exact = [one for one in found if one.order.client_order_id == client_order_id]
        found = exact or found
        if not found:
            found = [one for one in self.orders() if one.order.venue_order_id == client_order_id]
        if len(found) == 1:
            return found[0]
        names = ", ".join(one.order.client_order_id for one in found[:5])
        raise InvalidRequest(
            f"{len(found)} orders have this name: {names}" if found else "no order has this name",
            field="order",
            value=client_order_id,
            remedy="give the whole client order id, as `posei orders list` shows it",
        )

    def close(self) -> None:
        """Release the file. Idempotent."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _histories(self, where: str, values: tuple[str, ...]) -> Iterator[StoredHistory]:
        commands: dict[str, list[StoredCommand]] = {}
        events: dict[str, list[OrderEvent]] = {}
        try:
            self._begin()
            rows = self._select(
                "client_order_id, client_id, position_id, ts_init, terms", "orders", where, values
            ).fetchall()
            for name, kind, ts_init, terms in self._select(
                "client_order_id, kind, ts_init, terms", "commands", where, values
            ):
                changed = decoded(self._path, _CHANGE, terms)
                given = {key: value for key, value in changed.items() if value is not None}
                commands.setdefault(name, []).append(StoredCommand(kind, ts_init, given))
            for name, body in self._select("client_order_id, body", "events", where, values):
                events.setdefault(name, []).append(decoded(self._path, EVENTS, body))
            self._db.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise self._unreadable(error) from error
        for name, client_id, position_id, ts_init, terms in rows:
            order = Order(decoded(self._path, TERMS, terms))
            for event in events.get(name, ()):
                self._apply(order, event)
            yield StoredHistory(
                order,
                None if client_id is None else ClientId(client_id),
                None if position_id is None else PositionId(position_id),
                (StoredCommand("submit", ts_init, {}), *commands.get(name, ())),
            )

    def _begin(self) -> None:
        """Begin to read: the tables and what the journal has beyond them, as of one moment.

        The journal is read first: what is moved out of it meanwhile is in the tables then.
        """
        first, batches = read_batches(journal_of(self._path))
        self._db.execute("BEGIN")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        for table, columns in _COLUMNS.items():
            self._db.execute(f"CREATE TEMP TABLE IF NOT EXISTS {table}_ahead ({columns})")
            self._db.execute(f"DELETE FROM {table}_ahead")  # noqa: S608  a constant text
        if version < _HAS_JOURNAL:
            return
        (moved,) = self._db.execute("SELECT moved FROM journal").fetchone()
        for batch in batches_beyond(moved, first, batches) or ():
            for table, row in batch:
                if table in _COLUMNS:
                    marks = ", ".join("?" * len(row))
                    self._db.execute(f"INSERT INTO {table}_ahead VALUES ({marks})", row)  # noqa: S608  a constant text

    def _select(
        self, columns: str, table: str, where: str, values: tuple[str, ...]
    ) -> sqlite3.Cursor:
        return self._db.execute(
            f"SELECT {columns} FROM (SELECT 0 AS part, rowid AS place, {_COLUMNS[table]} FROM {table} UNION ALL SELECT 1, rowid, {_COLUMNS[table]} FROM {table}_ahead) {where} ORDER BY part, place",  # noqa: S608, E501  constant texts
            values,
        )

    def _apply(self, order: Order, event: OrderEvent) -> None:
        try:
            order.apply(event)
        except InvalidRequest as error:
            raise StoreCorrupt(
                f"the order store contradicts itself: {error.message}",
                field=str(self._path),
                value=order.client_order_id,
                remedy="restore the file from a backup, or move it away and reconcile by hand",
            ) from error

    def _unreadable(self, error: sqlite3.Error | OSError) -> DataFileError:
        return DataFileError(
            f"the order store cannot be read: {error}",
            field="path",
            value=str(self._path),
            remedy="give the file that exec_engine.store_path names",
        )


def _ending(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}"
