"""What the store kept is what is there after a restart."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remains import left_by_the_dead
from rig import SIM, Rig
from venue import AAPL, USD, quote

from posei_trader.engine.journal import journal_of
from posei_trader.engine.sqlite_store import SqliteOrderStore
from posei_trader.engine.store import NoStore, StoredState
from posei_trader.errors import ConfigError, StoreCorrupt
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderSide, OrderStatus, TradingState
from posei_trader.model.identifiers import InstrumentId, PositionId
from posei_trader.model.values import Money, Price, Quantity

HEAD = ("trader_id", "strategy_id", "instrument_id", "client_order_id", "ts_event", "ts_init")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "orders.db"


def rig_with(path, **settings):
    rig = Rig(store=SqliteOrderStore(path), **settings)
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    return rig


def restarted(path, rig):
    rig.execution.close_store()
    again = Rig(rig.venue, store=SqliteOrderStore(path), start_ns=rig.clock.timestamp_ns() + 1)
    again.execution.load()
    return again


def view(rig):
    return {
        "orders": [(repr(order), order.events[1:], order.fills) for order in rig.cache.orders()],
        "open": [order.client_order_id for order in rig.cache.orders_open()],
        "clients": [rig.cache.client_of_order(one.client_order_id) for one in rig.cache.orders()],
        "positions": [
            (held.id, held.signed_qty, held.avg_px_open, held.realized_pnl, held.commissions)
            for held in rig.cache.positions()
        ],
    }


def test_a_restart_knows_every_order_event_and_position(path):
    rig = rig_with(path)
    rig.exec_client.is_late_with_commissions = True
    rig.market(AAPL, "BUY", "10", tags=("a", "b"), params={"exchange": "ARCA"})
    rig.limit(AAPL, "BUY", "5", "90.00")
    refused = rig.market(AAPL, "BUY", "0.5")
    changed = rig.limit(AAPL, "SELL", "5", "110.00")
    rig.commands.modify_order(changed, price=Price("111.00"))
    rig.run()
    rig.commands.cancel_order(changed)
    rig.run()
    hedge = rig.factory.market(AAPL, OrderSide.SELL, Quantity("3"))
    rig.commands.submit_order(hedge, position_id=PositionId("HEDGE"))
    rig.run()
    again = restarted(path, rig)
    # What risk denied was never stored and never sent.
    assert again.cache.order(refused.client_order_id) is None
    expected = view(rig)
    expected["orders"] = [row for row in expected["orders"] if "DENIED" not in row[0]]
    expected["clients"] = expected["clients"][1:]
    assert view(again) == expected
    again.execution.close_store()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 9), st.booleans()), max_size=12
    )
)
def test_any_history_replays_to_the_same_view(tmp_path_factory, moves):
    path = tmp_path_factory.mktemp("store") / "orders.db"
    rig = rig_with(path)
    rig.venue.fill_size = 2
    for side, quantity, is_market in moves:
        if is_market:
            rig.market(AAPL, side, str(quantity))
        else:
            rig.limit(AAPL, side, str(quantity), "100.00")
    again = restarted(path, rig)
    assert view(again) == view(rig)
    again.execution.close_store()


def stored(path, table):
    """What is in a store that the process left just now, of one table."""
    shutil.rmtree(path.parent / "stored", ignore_errors=True)
    left = left_by_the_dead(path, path.parent / "stored")
    SqliteOrderStore(left).close()
    reader = sqlite3.connect(left)
    rows = reader.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()  # noqa: S608
    reader.close()
    return rows


def test_a_command_is_stored_before_anything_is_on_the_wire(path):
    rig = rig_with(path)
    seen = []
    submit = rig.exec_client.submit_order

    def watched(command):
        seen.append([row[0] for row in stored(path, "orders")])
        submit(command)

    rig.exec_client.submit_order = watched
    order = rig.market(AAPL, "BUY", "10")
    assert seen == [[order.client_order_id]]
    rig.execution.close_store()


def test_commands_are_kept_with_their_terms(path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "5", "90.00")
    rig.commands.modify_order(order, price=Price("91.00"), quantity=Quantity("6"))
    rig.run()
    rig.commands.cancel_all_orders(order.strategy_id, AAPL)
    rig.run()
    rig.execution.close_store()
    reader = sqlite3.connect(path)
    rows = reader.execute("SELECT client_order_id, kind, terms FROM commands").fetchall()
    reader.close()
    assert [(row[0], row[1]) for row in rows] == [
        (order.client_order_id, kind) for kind in ("modify", "cancel")
    ]
    assert rows[0][2] == '{"quantity":"6","price":"91.00","trigger_price":null}'


def kinds_in(path):
    return [row[2] for row in stored(path, "events")]


def test_what_is_stored_moves_into_the_tables_a_quarter_of_a_second_later(path):
    rig = rig_with(path)
    orders = [rig.limit(AAPL, "BUY", "5", "90.00") for _ in range(20)]
    db = sqlite3.connect(path)
    count = "SELECT count(*) FROM orders"
    assert db.execute(count).fetchone() == (0,)
    rig.clock.advance(250_000_000)
    assert db.execute(count).fetchone() == (len(orders),)
    assert db.execute("SELECT count(*) FROM events").fetchone() == (2 * len(orders),)
    db.close()
    assert journal_of(path).read_bytes() == b""
    rig.execution.close_store()
    assert not journal_of(path).exists()


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_what_the_venue_tells_is_stored_behind_its_callbacks_a_turn_later(path):
    rig = rig_with(path)
    told, stored = [], []
    rig.bus.subscribe("events.order.*", lambda event: told.append((event, kinds_in(path))))
    rig.market(AAPL, "BUY", "10")
    assert [type(event).__name__ for event, _ in told[:3]] == [
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilled",
    ]
    assert all(kinds == [] for _, kinds in told)
    asyncio.get_running_loop().call_soon(lambda: stored.append(kinds_in(path)))
    await turns(2)
    stored.append(kinds_in(path))
    assert stored == [[], [type(event).__name__ for event, _ in told]]
    rig.execution.close_store()


async def test_what_has_come_by_then_is_told_before_anything_is_stored(path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "5", "90.00")
    await turns(2)
    before, stored = kinds_in(path), []
    ours, theirs = socket.socketpair()

    def come():
        ours.recv(1)
        stored.append(kinds_in(path))
        rig.execution.order_event(order.events[2])  # the venue says it again

    with ours, theirs:
        asyncio.get_running_loop().add_reader(ours, come)
        theirs.send(b"12")
        await turns(4)
        asyncio.get_running_loop().remove_reader(ours)
    assert stored == [before, before]
    assert kinds_in(path) == [*before, "OrderAccepted", "OrderAccepted"]
    rig.execution.close_store()


async def test_what_the_venue_told_is_stored_before_a_command_that_answers_it_is_sent(path):
    rig = rig_with(path)
    seen = []
    submit = rig.exec_client.submit_order

    def watched(command):
        seen.append(kinds_in(path))
        submit(command)

    rig.exec_client.submit_order = watched
    rig.limit(AAPL, "BUY", "5", "90.00")
    rig.limit(AAPL, "BUY", "5", "90.00")
    assert seen == [[], ["OrderSubmitted", "OrderAccepted"]]
    rig.execution.close_store()


async def test_an_event_that_cannot_be_stored_takes_no_other_of_its_turn_along(path):
    rig = rig_with(path)
    order = rig.market(AAPL, "BUY", "10")
    await turns(2)
    before = kinds_in(path)
    fill = next(event for event in order.events if type(event).__name__ == "OrderFilled")
    for event in (order.events[1], fill, order.events[2]):
        rig.execution._keeper.event(event)
    rig.execution._keeper.flush_soon()
    await turns(2)
    assert kinds_in(path) == [*before, "OrderSubmitted", "OrderAccepted"]
    assert rig.risk.trading_state is TradingState.ACTIVE
    rig.clock.advance(250_000_000)
    assert rig.risk.trading_state is TradingState.HALTED
    rig.execution.close_store()


async def test_what_waits_for_the_end_of_the_turn_is_stored_when_the_store_is_closed(path, caplog):
    rig = rig_with(path)
    rig.limit(AAPL, "BUY", "5", "90.00")
    assert kinds_in(path) == []
    rig.execution.close_store()
    assert kinds_in(path) == ["OrderSubmitted", "OrderAccepted"]
    rig.execution.order_event(rig.cache.orders()[0].last_event)
    await turns(2)
    assert "it is closed" in caplog.text


CHILD = """
    import sys
    sys.path.insert(0, {tests!r})
    from pathlib import Path
    from rig import Rig
    from venue import AAPL, quote
    from posei_trader.engine.sqlite_store import SqliteOrderStore

    rig = Rig(store=SqliteOrderStore(Path({path!r})))
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    while True:
        order = rig.market(AAPL, "BUY", "10")
        print(order.client_order_id, flush=True)
"""


def test_what_was_acknowledged_survives_kill_minus_nine(path):
    tests = str(Path(__file__).parent.parent)
    code = textwrap.dedent(CHILD.format(tests=tests, path=str(path)))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    told = [child.stdout.readline().strip() for _ in range(20)]
    child.kill()
    told += child.stdout.read().split()
    child.wait(10)
    child.stdout.close()
    again = Rig(store=SqliteOrderStore(path))
    again.execution.load()
    orders = {order.client_order_id: order for order in again.cache.orders()}
    whole = [name for name in told if name.startswith("O-") and name in orders]
    assert len(whole) >= 20
    assert all(orders[name].status is OrderStatus.FILLED for name in told[:20])
    assert again.portfolio.net_position(AAPL) == 10 * sum(
        order.status is OrderStatus.FILLED for order in orders.values()
    )
    again.execution.close_store()


class FullDisk:
    """A disk that takes so many bytes more."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def write(self, data):
        taken = data[: self.room]
        self.room -= len(taken)
        if not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(taken)

    def __getattr__(self, name):
        return getattr(self.file, name)


def fill_disk(rig, room):
    journal = rig.execution._keeper._store._journal
    journal._file = FullDisk(journal._file, room)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_store_that_cannot_be_written_denies_orders_and_halts_trading(path, caplog, room):
    rig = rig_with(path)
    working = rig.limit(AAPL, "BUY", "5", "90.00")
    fill_disk(rig, room)
    order = rig.market(AAPL, "BUY", "10")
    assert (order.status, rig.venue.log) == (OrderStatus.DENIED, rig.venue.log[:1])
    assert order.reason.startswith("STORE: the order store cannot be written")
    assert rig.risk.trading_state is TradingState.HALTED
    assert "trading is halted" in caplog.text
    rig.commands.cancel_order(working)
    assert rig.events[-1].reason.startswith("STORE")
    rig.execution.close_store()
    rig.execution.close_store()
    again = restarted(path, rig)
    assert [one.client_order_id for one in again.cache.orders()] == [working.client_order_id]
    again.execution.close_store()


def test_what_comes_once_the_disk_has_room_again_is_stored_whole(path):
    rig = rig_with(path)
    fill_disk(rig, 300)
    assert rig.limit(AAPL, "BUY", "5", "90.00").status is OrderStatus.DENIED
    rig.execution._keeper._store._journal._file.room = 100_000
    rig.risk.set_trading_state(TradingState.ACTIVE, "there is room")
    order = rig.limit(AAPL, "BUY", "5", "90.00")
    assert [row[0] for row in stored(path, "orders")] == [order.client_order_id]
    assert kinds_in(path) == ["OrderSubmitted", "OrderAccepted"]
    rig.execution.close_store()


def test_an_event_that_cannot_be_stored_counts_all_the_same(path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "5", "99.00")
    fill_disk(rig, 0)
    rig.venue.set_quote(quote(AAPL, "98.00", "98.50", rig.clock.timestamp_ns()))
    rig.run()
    assert order.status is OrderStatus.FILLED
    assert rig.portfolio.net_position(AAPL) == 5
    assert rig.risk.trading_state is TradingState.HALTED
    rig.execution.close_store()


def test_an_order_of_which_something_could_not_be_stored_is_known_from_its_beginning(path):
    rig = rig_with(path)
    changed, other = (rig.limit(AAPL, "BUY", "5", price) for price in ("90.00", "91.00"))
    rig.exec_client.later = lambda *_what: None  # the venue answers only when it is told to
    rig.commands.modify_order(changed, price=Price("92.00"))
    fill_disk(rig, 0)
    facts = {name: getattr(changed.last_event, name) for name in HEAD}
    rig.execution.order_event(ev.OrderPendingUpdate(**facts, price=Price("92.00")))
    del rig.exec_client.later
    rig.execution._keeper._store._journal._file.room = 100_000
    rig.execution.order_event(
        ev.OrderUpdated(**facts, quantity=Quantity("5"), price=Price("92.00"))
    )
    rig.commands.cancel_order(changed)
    rig.commands.cancel_order(other)
    rig.run()
    assert (changed.status, other.status) == (OrderStatus.CANCELED, OrderStatus.CANCELED)
    again = restarted(path, rig)
    assert again.cache.order(changed.client_order_id).status is OrderStatus.PENDING_UPDATE
    assert again.cache.order(other.client_order_id).status is OrderStatus.CANCELED
    again.execution.close_store()


def test_tables_that_cannot_be_written_halt_trading_and_take_it_later(path, caplog):
    rig = rig_with(path)
    orders = [rig.limit(AAPL, "BUY", "5", "90.00") for _ in range(3)]
    db = rig.execution._keeper._store._db
    db.execute("PRAGMA query_only = ON")
    rig.clock.advance(250_000_000)
    assert rig.risk.trading_state is TradingState.HALTED
    assert "trading is halted: the order store cannot be written" in caplog.text
    rig.execution.close_store()
    assert "left in the journal for the next start" in caplog.text
    again = Rig(rig.venue, store=SqliteOrderStore(path), start_ns=rig.clock.timestamp_ns() + 1)
    again.execution.load()
    assert view(again)["orders"] == view(rig)["orders"]
    assert len(again.cache.orders_open()) == len(orders)
    again.execution.close_store()


def test_the_same_order_or_execution_cannot_be_stored_twice(path):
    rig = rig_with(path)
    order = rig.market(AAPL, "BUY", "10")
    denial = rig.execution._keeper.orders([order], SIM, None)
    assert str(denial).startswith("STORE: the order store holds this already")
    assert rig.risk.trading_state is TradingState.HALTED
    store = rig.execution._keeper._store
    store.settle()
    store.submit([order], SIM)
    with pytest.raises(StoreCorrupt, match="holds this already"):
        store.settle()
    fill = next(event for event in order.events if type(event).__name__ == "OrderFilled")
    store.events([fill])
    with pytest.raises(StoreCorrupt, match="holds this already"):
        store.settle()
    assert len(store.load().orders) == 1
    store.close()


def test_a_second_process_is_kept_out(path):
    store = SqliteOrderStore(path)
    with pytest.raises(ConfigError, match="another process") as caught:
        SqliteOrderStore(path)
    assert caught.value.field == "exec_engine.store_path"
    store.close()
    SqliteOrderStore(path, synchronous="FULL").close()


def test_a_file_that_is_no_store_is_refused_and_left_as_it_was(path):
    path.parent.mkdir()
    path.write_bytes(b"this is a shopping list, and a long one at that\n" * 40)
    before = path.read_bytes()
    with pytest.raises(StoreCorrupt, match="no order store"):
        SqliteOrderStore(path)
    assert path.read_bytes() == before


def test_a_store_of_a_later_version_is_refused(path):
    SqliteOrderStore(path).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreCorrupt, match="another version") as caught:
        SqliteOrderStore(path)
    assert caught.value.value == 99


def test_a_folder_that_cannot_be_made_is_a_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be opened"):
        SqliteOrderStore(tmp_path / "file" / "orders.db")
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(ConfigError, match="cannot be opened"):
        SqliteOrderStore(tmp_path / "folder.db")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE orders SET terms = '{}'",
        "UPDATE events SET body = 'nonsense' WHERE number = 2",
        "DELETE FROM orders",
        "DELETE FROM events WHERE kind = 'OrderSubmitted'",
    ],
)
def test_a_damaged_store_is_never_half_believed(path, damage):
    rig = rig_with(path)
    rig.limit(AAPL, "BUY", "10", "90.00")
    rig.market(AAPL, "BUY", "10")
    rig.execution.close_store()
    db = sqlite3.connect(path)
    db.execute(damage)
    if damage.startswith("DELETE FROM events"):
        db.execute("UPDATE events SET body = replace(body, 'OrderAccepted', 'OrderTriggered')")
        db.execute("DELETE FROM events WHERE kind = 'OrderFilled'")
    db.commit()
    db.close()
    again = Rig(store=SqliteOrderStore(path))
    with pytest.raises(StoreCorrupt):
        again.execution.load()
    again.execution.close_store()


def test_no_store_keeps_nothing():
    store = NoStore()
    rig = Rig()
    order = rig.market(AAPL, "BUY", "10")
    store.submit([order], SIM)
    store.events([order.last_event])
    assert not store.settle()
    store.instrument(rig.cache.instrument(AAPL))
    store.cancel([])
    assert store.load() == StoredState()
    store.close()


def test_money_survives_exactly(path):
    rig = rig_with(path)
    rig.venue.commission = rig.venue.commission.__class__("1.23456789")
    rig.market(AAPL, "BUY", "10")
    again = restarted(path, rig)
    assert again.portfolio.commissions() == {USD: Money("1.23456789", USD)}
    again.execution.close_store()


def test_what_says_nothing_is_not_stored_and_what_was_is_still_understood(path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "5", "90.00")
    known = view(rig)
    rig.execution.close_store()
    db = sqlite3.connect(path)
    (terms,) = db.execute("SELECT terms FROM orders").fetchone()
    assert json.loads(terms) == {
        "trader_id": order.terms.trader_id,
        "strategy_id": order.strategy_id,
        "instrument_id": "AAPL.SIM",
        "client_order_id": order.client_order_id,
        "order_side": "BUY",
        "order_type": "LIMIT",
        "quantity": "5",
        "price": "90.00",
        "ts_init": order.terms.ts_init,
    }
    spelt_out = json.loads(terms) | {"time_in_force": "GTC", "post_only": False, "tags": []}
    spelt_out |= {"trigger_price": None, "params": {}, "trailing_offset_type": "PRICE"}
    db.execute("UPDATE orders SET terms = ?", [json.dumps(spelt_out)])
    db.execute("UPDATE events SET body = json_set(body, '$.is_reconciliation', json('false'))")
    db.commit()
    db.close()
    again = restarted(path, rig)
    assert view(again) == known
    again.execution.close_store()


async def test_few_instruments_are_stored_before_the_first_order_and_many_with_their_orders(path):
    rig = rig_with(path)
    await rig.execution.reconcile(rig.exec_client)
    loaded = {instrument.id for instrument in rig.cache.instruments()}
    assert {row[0] for row in stored(path, "instruments")} == loaded
    stock = rig.cache.instrument(AAPL)
    for number in range(100):
        more = InstrumentId(f"S{number}.SIM")
        rig.cache.add_instrument(msgspec.structs.replace(stock, id=more))
    await rig.execution.reconcile(rig.exec_client)
    assert len(stored(path, "instruments")) == len(loaded)
    rig.limit(more, "BUY", "5", "90.00")
    assert {row[0] for row in stored(path, "instruments")} == {*loaded, more}
    rig.execution.close_store()


def test_a_full_disk_halts_trading_and_all_that_was_sent_is_known_after_a_restart(path):
    rig = rig_with(path)
    db = rig.execution._keeper._store._db
    orders = [rig.limit(AAPL, "BUY", "1", "90.00") for _ in range(20)]
    rig.clock.advance(250_000_000)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count={pages + 2}")
    while orders[-1].status is not OrderStatus.DENIED:
        assert len(orders) < 5_000
        orders.append(rig.limit(AAPL, "BUY", "1", "90.00"))
        rig.clock.advance(20_000_000)
    assert orders[-1].reason.startswith("TRADING_HALTED")
    assert rig.risk.trading_state is TradingState.HALTED
    at_the_venue = {order.client_order_id for order in rig.cache.orders_open()}
    assert len(at_the_venue) == len(orders) - 1
    again = restarted(path, rig)  # where there is room again
    stored = {order.client_order_id for order in again.cache.orders()}
    assert at_the_venue == stored
    again.execution.close_store()
