"""`posei orders`: what the store of a node tells, also while the node holds it."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))  # where the venue stands

from rig import Rig
from venue import AAPL, quote

from posei_trader.engine.sqlite_store import SqliteOrderStore
from posei_trader.model.values import Price, Quantity


@pytest.fixture
def store(tmp_path):
    """A store with a history, held open by the rig that wrote it."""
    path = tmp_path / "orders.db"
    rig = Rig(store=SqliteOrderStore(path))
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    rig.exec_client.is_late_with_commissions = True
    rig.market(AAPL, "BUY", "10", tags=("why not",))
    changed = rig.limit(AAPL, "SELL", "5", "110.00")
    rig.commands.modify_order(changed, price=Price("111.00"), quantity=Quantity("6"))
    rig.run()
    rig.commands.cancel_order(changed)
    rig.run()
    rig.limit(AAPL, "BUY", "3", "90.00")
    lost = rig.factory.market(AAPL, changed.side, Quantity("1"))
    rig.exec_client.later = lambda *_what: None  # it never arrives, and nobody answers
    rig.commands.submit_order(lost)
    rig.clock.advance(1_000_000_000)
    yield str(path)
    rig.execution.close_store()


def listed(posei, *arguments):
    code, out, err = posei("orders", "list", *arguments, "--json")
    assert code == 0, err
    return [(one["side"], one["quantity"], one["status"]) for one in json.loads(out)["shown"]]


ALL = [
    ("BUY", "10", "FILLED"),
    ("SELL", "6", "CANCELED"),
    ("BUY", "3", "ACCEPTED"),
    ("SELL", "1", "SUBMITTED"),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ALL),
        (("--status", "open"), ALL[2:]),
        (("--status", "closed"), ALL[:2]),
        (("--status", "in-doubt"), ALL[3:]),
        (("--side", "buy"), [ALL[0], ALL[2]]),
        (("--strategy", "Owner-001"), ALL),
        (("--strategy", "Other-001"), []),
        (("--instrument", "AAPL.SIM", "--limit", "2"), ALL[2:]),
        (("--instrument", "MSFT.SIM"), []),
        (("--since", "2023-11-14"), ALL),
        (("--since", "2099-01-01T00:00:00+02:00"), []),
    ],
)
def test_orders_are_listed_and_filtered(posei, store, options, expected):
    assert listed(posei, store, *options) == expected


def test_a_person_sees_a_table(posei, store):
    code, out, _ = posei("orders", "list", store, "--status", "closed")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split() == ["made", "order", "strategy", "what", "status", "filled", "average"]
    assert "BUY 10 AAPL.SIM MARKET" in lines[1]
    assert lines[1].split()[-3:] == ["FILLED", "10", "100"]
    assert lines[-1] == "2 of 2 orders"


def names(posei, store):
    _, out, _ = posei("orders", "list", store, "--json")
    return [one["client_order_id"] for one in json.loads(out)["shown"]]


def test_an_orders_whole_history_is_told(posei, store):
    code, out, err = posei("orders", "explain", store, names(posei, store)[1])
    assert code == 0, err
    steps = [line[35:].strip() for line in out.splitlines() if line.startswith("2023-")]
    assert [step.split("  ")[-1] for step in steps] == [
        "stored; then handed to the client to be sent",
        "sent",
        "accepted by the venue as 1003",
        "change stored: quantity 6, price 111.00",
        "change sent",
        "changed: quantity 6, price 111.00",
        "cancel stored",
        "cancel sent",
        "canceled",
    ]


def test_fills_and_their_late_commissions_are_told(posei, store):
    _, out, _ = posei("orders", "explain", store, names(posei, store)[0])
    assert "filled 10 @ 100.00 (execution" in out
    assert "why not" in out
    assert "commissions " in out


def test_an_order_in_doubt_is_said_to_be(posei, store):
    _, out, _ = posei("orders", "explain", store, names(posei, store)[3])
    assert "IN DOUBT: it may have reached the venue" in out


def test_an_order_is_found_by_its_end_and_by_the_venues_name(posei, store):
    name = names(posei, store)[1]
    for text in (name[-5:], "1003"):
        code, out, err = posei("orders", "explain", store, text, "--json")
        assert code == 0, err
        document = json.loads(out)
        assert document["client_order_id"] == name
        assert [step["what"] for step in document["history"]][-1] == "canceled"


def test_a_name_that_is_not_unique_or_unknown_is_refused(posei, store):
    code, _, err = posei("orders", "explain", store, "-")
    assert (code, "no order has this name" in err) == (2, True)
    code, _, err = posei("orders", "explain", store, "")
    assert (code, "4 orders have this name" in err) == (2, True)


def test_the_store_is_found_through_the_nodes_file(posei, store, tmp_path):
    node = tmp_path / "node.toml"
    node.write_text(f'[exec_engine]\nstore_path = "{store}"\n')
    assert listed(posei, str(node)) == ALL
    node.write_text("")
    code, _, err = posei("orders", "list", str(node))
    assert (code, "keeps its orders in memory only" in err) == (2, True)


def test_what_is_no_store_is_a_readable_error(posei, tmp_path):
    code, _, err = posei("orders", "list", str(tmp_path / "nothing.db"))
    assert (code, "there is no order store here" in err) == (2, True)
    other = tmp_path / "other.db"
    other.write_text("no database at all, but long enough to be looked at")
    code, _, err = posei("orders", "list", str(other))
    assert (code, "cannot be read" in err) == (2, True)
    code, _, err = posei("orders", "list", str(other), "--since", "yesterday")
    assert (code, "this is no moment" in err) == (2, True)


def test_a_damaged_record_is_never_passed_off_as_whole(posei, store, tmp_path):
    copy = tmp_path / "copy.db"
    source, target = sqlite3.connect(store), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.execute("UPDATE events SET body = '{' WHERE number = 2")
    target.commit()
    target.close()
    code, _, err = posei("orders", "list", str(copy))
    assert code == 4
    assert "a record of the order store cannot be read" in err
