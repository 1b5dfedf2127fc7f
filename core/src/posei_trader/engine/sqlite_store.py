"""The order store in an SQLite file: written ahead, one process at a time.

    orders       what was about to be sent   commands     changes and cancels about to be sent
    events       what came back              instruments  what the orders are about

In WAL mode a committed transaction survives the death of the process (`kill -9`). A power failure
may take the newest ones with it, never the file; ``synchronous="FULL"`` keeps those too, at the
price of one disk flush for each command and event.
"""

from __future__ import annotations

import logging
import sqlite3
from itertools import chain
from typing import TYPE_CHECKING, Final, Literal, final

import msgspec

from posei_trader.engine.checkpointing import Checkpointer
from posei_trader.engine.store import IMPLIED, StoredOrder, StoredState
from posei_trader.engine.store_records import EVENTS, INSTRUMENTS, TERMS, decoded
from posei_trader.errors import ConfigError, PoseiError, ResourceExhausted, StoreCorrupt
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import ClientId, PositionId
from posei_trader.model.serialization import encode_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from posei_trader.model.events import OrderEvent
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder

__all__ = ["SqliteOrderStore"]

_log: Final = logging.getLogger("posei.SqliteOrderStore")

_VERSION: Final = 1

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    client_order_id TEXT PRIMARY KEY,
    client_id TEXT,
    position_id TEXT,
    strategy_id TEXT NOT NULL,
    instrument_id TEXT NOT NULL,
    ts_init INTEGER NOT NULL,
    terms TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS commands (
    number INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    ts_init INTEGER NOT NULL,
    terms TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY,
    client_order_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    trade_id TEXT,
    ts_init INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS executions ON events (client_order_id, trade_id)
    WHERE trade_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS instruments (id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""

_INSERT_ORDER: Final = "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_COMMAND: Final = (
    "INSERT INTO commands (client_order_id, kind, ts_init, terms) VALUES (?, ?, ?, ?)"
)
_INSERT_EVENT: Final = (
    "INSERT INTO events (client_order_id, kind, trade_id, ts_init, body) VALUES (?, ?, ?, ?, ?)"
)
_INSERT_EVENTS: Final = {
    count: _INSERT_EVENT + ", (?, ?, ?, ?, ?)" * (count - 1) for count in range(2, 9)
}
_INSERT_INSTRUMENT: Final = "INSERT OR REPLACE INTO instruments VALUES (?, ?)"


@final
class SqliteOrderStore:
    """Satisfy :class:`posei_trader.engine.store.OrderStore` with a file.

    Args:
        path: The file; it and its folder are made where they do not exist.
        synchronous: ``NORMAL`` survives the death of the process, ``FULL`` a power failure too.

    Raises:
        ConfigError: the file cannot be opened, or another process uses it.
        StoreCorrupt: the file is no store, or was written by a later version.
    """

    def __init__(self, path: Path, synchronous: Literal["NORMAL", "FULL"] = "NORMAL") -> None:
        self._path = path
        self._lock = _locked(path)
        try:
            self._db = _opened(path, synchronous)
        except BaseException:
            self._lock.close()
            raise
        self._cursor = self._db.cursor()
        self._checkpointer = Checkpointer(path)
        self._is_open = True
        self._is_held = False

    def submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None = None,
    ) -> None:
        """Store new orders, all or none, before they are sent."""
        self._write(_INSERT_ORDER, [_order_row(order, client_id, position_id) for order in orders])

    def modify(self, command: ModifyOrder) -> None:
        """Store a change before it is sent."""
        terms = {
            "quantity": command.quantity,
            "price": command.price,
            "trigger_price": command.trigger_price,
        }
        body = encode_json(terms).decode()
        self._write(
            _INSERT_COMMAND, [(command.order.client_order_id, "modify", command.ts_init, body)]
        )

    def cancel(self, commands: Sequence[CancelOrder]) -> None:
        """Store cancels, all or none, before they are sent."""
        self._write(
            _INSERT_COMMAND,
            [(one.order.client_order_id, "cancel", one.ts_init, "{}") for one in commands],
        )

    def event(self, event: OrderEvent) -> None:
        """Store an event on arrival; one that is `IMPLIED` with the next write or `flush`."""
        row = _event_row(event)
        self._write(_INSERT_EVENT, (row,), may_wait=self._is_held or type(event) in IMPLIED)

    def events(self, events: Sequence[OrderEvent]) -> None:
        """Store events on arrival, all or none."""
        rows = [_event_row(event) for event in events]
        if len(rows) not in _INSERT_EVENTS or self._db.in_transaction:
            self._write(_INSERT_EVENT, rows)
            return
        # A statement of its own needs no transaction around it.
        self._write(_INSERT_EVENTS[len(rows)], (tuple(chain.from_iterable(rows)),))
        self._checkpointer.written(len(rows) - 1)

    def adopt(self, order: Order, client_id: ClientId) -> None:
        """Store an order that was not sent from here."""
        row = _order_row(order, client_id, None)
        self._write(_INSERT_ORDER, (row,), may_wait=self._is_held)

    def hold(self) -> None:
        """Let every event wait for the next command or `flush`, which ends this."""
        self._is_held = True

    def flush(self) -> None:
        """Store what waits."""
        self._is_held = False
        if self._is_open and self._db.in_transaction:
            try:
                self._db.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._translated(error) from error

    def instrument(self, instrument: Instrument) -> None:
        """Store or replace a definition, without the venue's raw one."""
        body = encode_json(msgspec.structs.replace(instrument, info={})).decode()
        self._write(_INSERT_INSTRUMENT, [(instrument.id, body)])

    def load(self) -> StoredState:
        """Return everything."""
        try:
            instruments = self._db.execute("SELECT body FROM instruments ORDER BY rowid").fetchall()
            orders = self._db.execute(
                "SELECT terms, client_id, position_id FROM orders ORDER BY rowid"
            ).fetchall()
            events = self._db.execute("SELECT body FROM events ORDER BY number").fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        return StoredState(
            tuple(decoded(self._path, INSTRUMENTS, body) for (body,) in instruments),
            tuple(
                StoredOrder(
                    decoded(self._path, TERMS, terms),
                    None if client_id is None else ClientId(client_id),
                    None if position_id is None else PositionId(position_id),
                )
                for terms, client_id, position_id in orders
            ),
            tuple(decoded(self._path, EVENTS, body) for (body,) in events),
        )

    def close(self) -> None:
        """Release the file. Idempotent; never raises."""
        if self._is_open:
            self._checkpointer.close()
            try:
                self.flush()
            except PoseiError as error:
                _log.error("the last events could not be stored: %s", error)
            self._is_open = False
            self._cursor.close()
            self._db.close()
            self._lock.close()

    def _write(
        self, statement: str, rows: Sequence[tuple[object, ...]], *, may_wait: bool = False
    ) -> None:
        """Write rows, all or none: safe from the death of the process when this returns.

        Rows that may wait are safe after the next write that may not; both are one transaction.
        """
        try:
            if may_wait and not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            if len(rows) == 1:
                self._cursor.execute(statement, rows[0])
            else:
                self._write_together(statement, rows)
            if not may_wait and self._db.in_transaction:
                self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._translated(error) from error
        self._checkpointer.written(len(rows))

    def _write_together(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        """Write several rows inside a transaction; their failure does not undo what waits."""
        db = self._db
        if not db.in_transaction:
            db.execute("BEGIN IMMEDIATE")
        db.execute("SAVEPOINT rows")
        try:
            db.executemany(statement, rows)
        except sqlite3.Error:
            if db.in_transaction:  # a full disk ends it altogether
                db.execute("ROLLBACK TO rows")
            raise
        db.execute("RELEASE rows")

    def _translated(self, error: sqlite3.Error) -> PoseiError:
        path = str(self._path)
        if isinstance(error, sqlite3.IntegrityError):
            return StoreCorrupt(
                f"the order store holds this already: {error}",
                field=path,
                remedy="stop, and compare the store with the venue",
            )
        if isinstance(error, sqlite3.OperationalError):
            return ResourceExhausted(
                f"the order store cannot be written: {error}",
                field=path,
                remedy="make room on the disk and check its permissions, then start again",
            )
        return StoreCorrupt(
            f"the order store cannot be used: {error}",
            field=path,
            remedy="restore the file from a backup, or move it away and reconcile by hand",
        )


def _event_row(event: OrderEvent) -> tuple[object, ...]:
    return (
        str(event.client_order_id),
        type(event).__name__,
        str(event.trade_id) if isinstance(event, OrderFilled) else None,
        event.ts_init,
        encode_json(event).decode(),
    )


def _order_row(
    order: Order, client_id: ClientId | None, position_id: PositionId | None
) -> tuple[object, ...]:
    terms = order.terms
    # Bare texts: of an identifier sqlite3 asks itself first whether it has to be adapted.
    return (
        str(terms.client_order_id),
        None if client_id is None else str(client_id),
        None if position_id is None else str(position_id),
        str(terms.strategy_id),
        str(terms.instrument_id),
        terms.ts_init,
        encode_json(terms).decode(),
    )


def _locked(path: Path) -> sqlite3.Connection:
    """Hold a lock that ends with the process, on every platform."""
    lock_path = path.with_name(f"{path.name}-lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = sqlite3.connect(lock_path, isolation_level=None, timeout=0, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        raise ConfigError(
            "another process uses the order store",
            field="exec_engine.store_path",
            value=str(path),
            remedy="give each node a store of its own, or stop the other node",
        ) from error
    return lock


def _opened(path: Path, synchronous: str) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        # Rows are small: small pages make each of them cheaper to log. Only a new file takes it.
        db.execute("PRAGMA page_size = 1024")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA wal_autocheckpoint = 0")  # see `Checkpointer`
        db.execute(f"PRAGMA synchronous = {synchronous}")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        _check_version(path, version)
        db.executescript(_SCHEMA)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.OperationalError as error:
        db.close()
        raise _unusable(path, error) from error
    except sqlite3.DatabaseError as error:
        db.close()
        raise StoreCorrupt(
            f"this is no order store: {error}",
            field="exec_engine.store_path",
            value=str(path),
            remedy="name another file, or restore this one from a backup",
        ) from error
    except BaseException:
        db.close()
        raise
    return db


def _check_version(path: Path, version: int) -> None:
    if version not in {0, _VERSION}:
        raise StoreCorrupt(
            "the order store was written by another version of posei_trader",
            field=str(path),
            value=version,
            remedy=f"use that version, or a store of format {_VERSION}",
        )


def _unusable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(
        f"the order store cannot be opened: {error}",
        field="exec_engine.store_path",
        value=str(path),
        remedy="name a file in a folder that can be written",
    )
