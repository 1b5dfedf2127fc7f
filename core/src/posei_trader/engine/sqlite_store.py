"""The order store in an SQLite file, behind a journal: one process at a time.

    orders       what was about to be sent   commands     changes and cancels about to be sent
    events       what came back              instruments  what the orders are about
    journal      how much of the journal is in the tables

What is stored is appended to the journal first (`orders.db-ahead` beside `orders.db`), which costs
microseconds, and moved into the tables by `settle`, many rows in one transaction. Both survive the
death of the process (`kill -9`). A power failure may take what is newest with it, never the file;
``synchronous="FULL"`` keeps that too, at the price of one disk flush for each write.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from typing import TYPE_CHECKING, Final, Literal, final

import msgspec

from posei_trader.engine.checkpointing import Checkpointer
from posei_trader.engine.journal import Journal, batches_beyond, journal_of, read_batches
from posei_trader.engine.store import ChangedTerms, StoredChange, StoredOrder, StoredState
from posei_trader.engine.store_records import CHANGES, EVENTS, INSTRUMENTS, TERMS, decoded
from posei_trader.errors import ConfigError, PoseiError, ResourceExhausted, StoreCorrupt
from posei_trader.model.events import OrderFilled
from posei_trader.model.identifiers import ClientId, ClientOrderId, PositionId
from posei_trader.model.serialization import encode_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from posei_trader.engine.journal import Batch, Row
    from posei_trader.model.events import OrderEvent
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.requests import CancelOrder, ModifyOrder

__all__ = ["SqliteOrderStore"]

_log: Final = logging.getLogger("posei.SqliteOrderStore")

_VERSION: Final = 2
_READABLE: Final = frozenset({0, 1, _VERSION})  # 0 is a new file; 1 had no journal

_AHEAD_AT_MOST: Final = 10_000
"""Batches that are not in the tables yet."""

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
CREATE TABLE IF NOT EXISTS journal (moved INTEGER NOT NULL);
INSERT INTO journal SELECT 0 WHERE NOT EXISTS (SELECT * FROM journal);
"""

_INSERT: Final = {
    "orders": "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
    "commands": "INSERT INTO commands (client_order_id, kind, ts_init, terms) VALUES (?, ?, ?, ?)",
    "events": (
        "INSERT INTO events (client_order_id, kind, trade_id, ts_init, body) VALUES (?, ?, ?, ?, ?)"
    ),
    "instruments": "INSERT OR REPLACE INTO instruments VALUES (?, ?)",
}


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
        self._ahead: deque[Batch] = deque()
        self._moved = 0
        try:
            self._db = _opened(path, synchronous)
        except BaseException:
            self._lock.close()
            raise
        self._checkpointer = Checkpointer(path)
        ahead = journal_of(path)
        try:
            self._recover(ahead)
            is_synced = synchronous == "FULL"
            self._journal = Journal(ahead, self._moved + 1, is_synced=is_synced)
        except BaseException as error:
            self._db.close()
            self._lock.close()
            if isinstance(error, OSError | sqlite3.Error):
                raise _unusable(path, error) from error
            raise
        self._is_open = True

    def submit(
        self,
        orders: Sequence[Order],
        client_id: ClientId | None,
        position_id: PositionId | None = None,
    ) -> None:
        """Store new orders, all or none, before they are sent."""
        self._write([("orders", _order_row(order, client_id, position_id)) for order in orders])

    def modify(self, command: ModifyOrder) -> None:
        """Store a change before it is sent."""
        terms = ChangedTerms(command.quantity, command.price, command.trigger_price)
        body = encode_json(terms).decode()
        row = (str(command.order.client_order_id), "modify", command.ts_init, body)
        self._write([("commands", row)])

    def cancel(self, commands: Sequence[CancelOrder]) -> None:
        """Store cancels, all or none, before they are sent."""
        rows = [(str(one.order.client_order_id), "cancel", one.ts_init, "{}") for one in commands]
        self._write([("commands", row) for row in rows])

    def events(
        self, events: Sequence[OrderEvent], adopted: Sequence[tuple[Order, ClientId]] = ()
    ) -> None:
        """Store events, and the orders among theirs that were not sent from here, all or none."""
        batch = [("orders", _order_row(order, client_id, None)) for order, client_id in adopted]
        batch += [("events", _event_row(event)) for event in events]
        self._write(batch)

    def instrument(self, instrument: Instrument) -> None:
        """Store or replace a definition, without the venue's raw one."""
        body = encode_json(msgspec.structs.replace(instrument, info={})).decode()
        self._write([("instruments", (str(instrument.id), body))])

    def settle(self, at_most: int | None = None) -> bool:
        """Move rows from the journal into the tables, whole batches of them, at least one.

        Args:
            at_most: How many rows, None for all.

        Returns:
            Whether something is left.
        """
        batches = _first(self._ahead, at_most)
        if not batches or not self._is_open:
            return False
        try:
            refused = self._move(batches)
        except sqlite3.Error as error:
            raise self._translated(error) from error
        for _ in batches:
            self._ahead.popleft()
        if not self._ahead:
            try:
                self._journal.restart(self._moved + 1)
            except OSError as error:
                raise self._unwritable(error) from error
        if refused is not None:
            raise self._translated(refused) from refused
        return bool(self._ahead)

    def load(self) -> StoredState:
        """Return everything."""
        self.settle()
        try:
            instruments = self._db.execute("SELECT body FROM instruments ORDER BY rowid").fetchall()
            orders = self._db.execute(
                "SELECT terms, client_id, position_id FROM orders ORDER BY rowid"
            ).fetchall()
            events = self._db.execute("SELECT body FROM events ORDER BY number").fetchall()
            changes = self._db.execute(
                "SELECT client_order_id, ts_init, terms FROM commands WHERE kind = 'modify'"
                " ORDER BY number"
            ).fetchall()
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
            tuple(
                StoredChange(ClientOrderId(name), ts_init, decoded(self._path, CHANGES, terms))
                for name, ts_init, terms in changes
            ),
        )

    def close(self) -> None:
        """Release the file. Idempotent; never raises."""
        if not self._is_open:
            return
        self._checkpointer.close()
        try:
            self.settle()
            self._journal.remove()
        except (PoseiError, OSError) as error:
            _log.error("what came last is left in the journal for the next start: %s", error)
            self._journal.close()
        self._is_open = False
        self._db.close()
        self._lock.close()

    def _write(self, batch: Batch) -> None:
        """Write rows, all or none: safe from the death of the process when this returns."""
        if len(self._ahead) >= _AHEAD_AT_MOST:
            self.settle()
        if not self._is_open:
            raise self._unwritable("it is closed")
        try:
            self._journal.append(batch)
        except OSError as error:
            raise self._unwritable(error) from error
        self._ahead.append(batch)

    def _move(self, batches: Sequence[Batch]) -> sqlite3.IntegrityError | None:
        """Put batches into the tables; a row that cannot be takes no other along, and is told."""
        db, refused = self._db, None
        db.execute("BEGIN IMMEDIATE")
        try:
            for batch in batches:
                for table, row in batch:
                    try:
                        db.execute(_INSERT[table], row)
                    except sqlite3.IntegrityError as error:
                        refused = refused or error
            db.execute("UPDATE journal SET moved = moved + ?", (len(batches),))
            db.execute("COMMIT")
        except sqlite3.Error:
            if db.in_transaction:  # a full disk ends it altogether
                db.execute("ROLLBACK")
            raise
        self._moved += len(batches)
        self._checkpointer.written(sum(map(len, batches)))
        return refused

    def _recover(self, ahead: Path) -> None:
        """Move what a process that died left in the journal."""
        (self._moved,) = self._db.execute("SELECT moved FROM journal").fetchone()
        first, batches = read_batches(ahead)
        left = batches_beyond(self._moved, first, batches)
        if left is None:
            # The power failed, and took what is between; or the files are not of one backup.
            aside = ahead.with_name(f"{ahead.name}.unmatched")
            ahead.replace(aside)
            _log.error("what came last is missing from the store; what follows it is in %s", aside)
        elif left:
            refused = self._move(left)
            _log.info("took %d batches over from the journal", len(left))
            if refused is not None:
                _log.error("a row of the journal was stored already: %s", refused)

    def _translated(self, error: sqlite3.Error) -> PoseiError:
        path = str(self._path)
        if isinstance(error, sqlite3.IntegrityError):
            return StoreCorrupt(
                f"the order store holds this already: {error}",
                field=path,
                remedy="stop, and compare the store with the venue",
            )
        if isinstance(error, sqlite3.OperationalError):
            return self._unwritable(error)
        return StoreCorrupt(
            f"the order store cannot be used: {error}",
            field=path,
            remedy="restore the file from a backup, or move it away and reconcile by hand",
        )

    def _unwritable(self, error: OSError | sqlite3.Error | str) -> ResourceExhausted:
        return ResourceExhausted(
            f"the order store cannot be written: {error}",
            field=str(self._path),
            remedy="make room on the disk and check its permissions, then start again",
        )


def _first(batches: Iterable[Batch], rows: int | None) -> list[Batch]:
    """Return the first batches: so many rows, but at least one batch."""
    if rows is None:
        return list(batches)
    taken: list[Batch] = []
    for batch in batches:
        rows -= len(batch)
        if taken and rows < 0:
            break
        taken.append(batch)
    return taken


def _event_row(event: OrderEvent) -> Row:
    return (
        str(event.client_order_id),
        type(event).__name__,
        str(event.trade_id) if isinstance(event, OrderFilled) else None,
        event.ts_init,
        encode_json(event).decode(),
    )


def _order_row(order: Order, client_id: ClientId | None, position_id: PositionId | None) -> Row:
    terms = order.terms
    # Bare texts: the journal's encoder knows no identifiers.
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
    if version not in _READABLE:
        raise StoreCorrupt(
            "the order store was written by another version of posei_trader",
            field=str(path),
            value=version,
            remedy=f"use that version, or a store of format {_VERSION}",
        )


def _unusable(path: Path, error: OSError | sqlite3.Error) -> ConfigError:
    return ConfigError(
        f"the order store cannot be opened: {error}",
        field="exec_engine.store_path",
        value=str(path),
        remedy="name a file in a folder that can be written",
    )
