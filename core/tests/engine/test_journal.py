"""What stands in the journal of an order store is never lost, half taken or taken twice."""

from __future__ import annotations

import multiprocessing
import random
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from remains import left_by_the_dead
from rig import SIM, Rig
from venue import AAPL, quote

from posei_trader.engine.journal import Journal, journal_of, read_batches
from posei_trader.engine.order_history import OrderHistory
from posei_trader.engine.sqlite_store import SqliteOrderStore
from posei_trader.errors import ConfigError
from posei_trader.model.enums import OrderSide
from posei_trader.model.values import Price, Quantity

VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.text(max_size=20))
BATCHES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(["orders", "events"]), st.lists(VALUES, max_size=5).map(tuple)),
        min_size=1,
        max_size=3,
    ),
    max_size=6,
)


@settings(deadline=None)
@given(BATCHES, st.integers(1, 2**40), st.data())
def test_a_cut_anywhere_leaves_what_was_whole_before_it(tmp_path_factory, batches, first, data):
    path = tmp_path_factory.mktemp("journal") / "orders.db-ahead"
    journal = Journal(path, first, is_synced=False)
    ends = [0]
    for batch in batches:
        journal.append(batch)
        ends.append(path.stat().st_size)
    journal.close()
    assert read_batches(path) == ((first, batches) if batches else (0, []))
    cut = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:cut])
    whole = sum(end <= cut for end in ends[1:])
    assert read_batches(path)[1] == batches[:whole]


@settings(deadline=None)
@given(BATCHES.filter(len), st.data())
def test_damage_ends_what_is_read_and_changes_nothing_before_it(tmp_path_factory, batches, data):
    path = tmp_path_factory.mktemp("journal") / "orders.db-ahead"
    journal = Journal(path, 1, is_synced=True)
    ends = []
    for batch in batches:
        journal.append(batch)
        ends.append(path.stat().st_size)
    journal.close()
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(16, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert read_batches(path)[1] == batches[: sum(end <= place for end in ends)]


def test_a_file_that_begins_anew_holds_only_what_came_since(tmp_path):
    path = tmp_path / "orders.db-ahead"
    journal = Journal(path, 1, is_synced=False)
    journal.append([("orders", ("a" * 100,))])
    journal.restart(2)
    assert read_batches(path) == (0, [])
    journal.append([("orders", ("b",))])
    assert read_batches(path) == (2, [[("orders", ("b",))]])
    journal.remove()
    journal.remove()
    assert read_batches(path) == (0, [])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.db"


def rig_with(path, **settings):
    rig = Rig(store=SqliteOrderStore(path, **settings))
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    return rig


def names(store):
    return [stored.terms.client_order_id for stored in store.load().orders]


def order_of(rig):
    return rig.factory.market(AAPL, OrderSide.BUY, Quantity("1"))


def test_whoever_dies_while_the_journal_moves_has_everything_once(path, tmp_path):
    rig = rig_with(path)
    store = rig.execution._keeper._store
    orders = [rig.limit(AAPL, "BUY", "1", "90.00") for _ in range(5)]
    expected = [order.client_order_id for order in orders]
    remains = [left_by_the_dead(path, tmp_path / "before")]
    restart = store._journal.restart

    def dies(first):
        remains.append(left_by_the_dead(path, tmp_path / "moved"))
        restart(first)
        remains.append(left_by_the_dead(path, tmp_path / "restarted"))

    store._journal.restart = dies
    assert store.settle(3)
    remains.append(left_by_the_dead(path, tmp_path / "a_part"))
    assert not store.settle()
    rig.limit(AAPL, "BUY", "1", "90.00")
    remains.append(left_by_the_dead(path, tmp_path / "after"))
    for each in remains:
        again = SqliteOrderStore(each)
        assert names(again)[:5] == expected
        state = again.load()
        assert len(state.orders) == (6 if each.parent.name == "after" else 5)
        assert len(state.events) == 2 * len(state.orders)
        assert not journal_of(each).read_bytes()
        again.close()
        assert not journal_of(each).exists()
    rig.execution.close_store()


def test_a_change_that_may_have_been_sent_is_known_after_a_kill(path, tmp_path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "1", "90.00")
    modify = rig.exec_client.modify_order
    remains = []

    def dies(command):
        remains.append(left_by_the_dead(path, tmp_path / "sent"))
        modify(command)

    rig.exec_client.modify_order = dies
    rig.commands.modify_order(order, price=Price("91.00"))
    rig.run()
    remains.append(left_by_the_dead(path, tmp_path / "answered"))
    restored = []
    for each in remains:
        again = Rig(store=SqliteOrderStore(each))
        again.execution.load()
        restored.append(again.cache.order(order.client_order_id))
        again.execution.close_store()
    sent, answered = restored
    assert (sent.status, sent.price) == ("PENDING_UPDATE", Price("90.00"))
    assert (sent.last_event.quantity, sent.last_event.price) == (None, Price("91.00"))
    assert (answered.status, answered.price) == ("ACCEPTED", Price("91.00"))
    rig.execution.close_store()


def test_a_journal_that_does_not_go_with_its_store_is_set_aside_and_told(path, tmp_path, caplog):
    rig = rig_with(path)
    store = rig.execution._keeper._store
    rig.limit(AAPL, "BUY", "1", "90.00")
    old = left_by_the_dead(path, tmp_path / "old")
    store.settle()
    rig.limit(AAPL, "BUY", "1", "90.00")
    new = left_by_the_dead(path, tmp_path / "new")
    shutil.copyfile(journal_of(new), journal_of(old))
    with OrderHistory(old) as history:
        assert history.orders() == []
    again = SqliteOrderStore(old)
    assert names(again) == []
    assert "orders.db-ahead.unmatched" in caplog.text
    assert (old.parent / "orders.db-ahead.unmatched").stat().st_size
    again.close()
    rig.execution.close_store()


def test_what_is_no_journal_is_refused_and_left_as_it_was(path):
    journal_of(path).write_bytes(b"a shopping list: bread, milk, apples")
    with pytest.raises(ConfigError, match="this is no journal of an order store"):
        SqliteOrderStore(path)
    assert journal_of(path).read_bytes().startswith(b"a shopping list")
    journal_of(path).unlink()
    SqliteOrderStore(path).close()


def test_a_row_of_the_journal_that_is_stored_already_holds_nothing_up(path, tmp_path, caplog):
    rig = rig_with(path)
    store = rig.execution._keeper._store
    order = rig.limit(AAPL, "BUY", "1", "90.00")
    store.settle()
    other = order_of(rig)
    store.submit([order], SIM)
    store.submit([other], SIM)
    again = SqliteOrderStore(left_by_the_dead(path, tmp_path / "left"))
    assert names(again) == [order.client_order_id, other.client_order_id]
    assert "was stored already" in caplog.text
    again.close()
    rig.execution.close_store()


def test_a_store_from_before_there_was_a_journal_is_read_and_goes_on(path):
    rig = rig_with(path)
    order = rig.limit(AAPL, "BUY", "1", "90.00")
    rig.execution.close_store()
    db = sqlite3.connect(path)
    db.executescript("DROP TABLE journal; PRAGMA user_version = 1")
    db.close()
    with OrderHistory(path) as history:
        assert history.order(order.client_order_id).order.status == "ACCEPTED"
    store = SqliteOrderStore(path)
    store.submit([order_of(rig)], SIM)
    assert len(names(store)) == 2
    store.close()


def test_a_power_failure_takes_nothing_from_a_store_that_flushes(path, monkeypatch):
    synced = []
    monkeypatch.setattr("os.fsync", lambda file: synced.append(journal_of(path).stat().st_size))
    rig = rig_with(path, synchronous="FULL")
    rig.limit(AAPL, "BUY", "1", "90.00")
    assert synced[-1] == journal_of(path).stat().st_size
    assert len(synced) == 4  # an instrument, an order, and its two events in turn
    rig.execution.close_store()


def test_a_little_is_moved_at_a_time_but_never_a_part_of_what_belongs_together(path):
    rig = rig_with(path)
    store = rig.execution._keeper._store
    store.settle()
    for count in (3, 3, 10, 1):
        store.submit([order_of(rig) for _ in range(count)], SIM)
    db = sqlite3.connect(path)
    moved = []
    is_left = True
    while is_left:
        is_left = store.settle(5)
        moved += db.execute("SELECT count(*) FROM orders").fetchone()
    assert moved == [3, 6, 16, 17]
    db.close()
    store.close()


def test_more_than_memory_should_hold_goes_into_the_tables_at_once(path, monkeypatch):
    monkeypatch.setattr("posei_trader.engine.sqlite_store._AHEAD_AT_MOST", 10)
    rig = rig_with(path)
    store = rig.execution._keeper._store
    for _ in range(20):
        store.submit([order_of(rig)], SIM)
        assert len(store._ahead) <= 10
    assert len(names(store)) == 20
    store.close()


def write(path, ready):
    rig = rig_with(path)
    store = rig.execution._keeper._store
    dice = random.Random(7)
    for number in range(600):
        store.submit([order_of(rig)], SIM)
        if number % 7 == 0:
            store.settle(dice.choice((1, 5, None)))
        if number == 20:
            ready.set()
    rig.execution.close_store()


def test_whoever_looks_while_a_node_writes_sees_every_order_of_a_moment(path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    writer = context.Process(target=write, args=(path, ready))
    writer.start()
    assert ready.wait(30)
    seen = 0
    while seen < 600:
        is_over = not writer.is_alive()
        with OrderHistory(path) as history:
            found = [one.order.client_order_id for one in history.orders()]
        numbers = [int(name.rsplit("-", 1)[1]) for name in found]
        assert numbers == list(range(1, len(found) + 1))
        assert len(found) >= max(seen, 20)
        seen = len(found)
        assert seen == 600 or not is_over
    writer.join(30)
    assert writer.exitcode == 0
