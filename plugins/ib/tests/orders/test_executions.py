"""Executions: duplicates, corrections, commissions before and after."""

from hypothesis import given
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.orders.executions import Executions, Known, split
from posei_trader.model.identifiers import ClientOrderId, TradeId
from posei_trader.model.values import Money, Price, Quantity

ORDER = ClientOrderId("O-1")
TEN = Quantity("10")
PRICE = Price("100.00")
FEE = Money("1.00", "USD")


def test_an_id_names_an_execution_and_its_last_part_the_correction():
    assert split("0000e0d5.65a1b2c3.01.01") == ("0000e0d5.65a1b2c3.01", 1)
    assert split("plain") == ("plain", 0)
    assert split("U+1.2x") == ("U+1.2x", 0)


def test_a_repetition_is_no_news_and_a_correction_is():
    executions = Executions()
    executions.add("a.1.01.02", ORDER, TEN, PRICE)
    assert not executions.is_news("a.1.01.02")
    assert not executions.is_news("a.1.01.01")  # an old report that comes late
    assert executions.is_news("a.1.01.03")
    assert executions.is_news("a.1.02.01")  # another execution of the same order


def test_a_correction_tells_how_much_more_it_is():
    executions = Executions()
    executions.add("a.01", ORDER, TEN, PRICE)
    assert executions.correct("a.02", Quantity("7"), PRICE) == -3 * 10**9
    assert executions.find("a.01").first_id == "a.01"
    assert executions.find("a.01").quantity == Quantity("7")


def test_a_commission_may_come_first_and_is_joined():
    executions = Executions()
    assert executions.charge("a.01", FEE) is None
    assert executions.add("a.01", ORDER, TEN, PRICE).commission == FEE


def test_a_commission_is_news_once():
    executions = Executions()
    executions.add("a.01", ORDER, TEN, PRICE)
    assert executions.charge("a.01", FEE).owner == ORDER
    assert executions.charge("a.01", FEE) is None
    assert executions.charge("a.01", Money("1.50", "USD")).commission == Money("1.50", "USD")


def test_what_a_store_restored_is_no_news():
    executions = Executions()
    executions.recall(ORDER, [Known(TradeId("a.01"), 0, None, TEN, PRICE)])
    assert not executions.is_news("a.01")
    assert executions.is_news("a.02")


def test_memory_is_bounded_and_forgets_the_oldest():
    executions = Executions(capacity=3)
    for number in range(5):
        executions.add(f"{number}.01", ORDER, TEN, PRICE)
        executions.charge(f"early{number}.01", FEE)
    assert len(executions) == 3
    assert executions.is_news("0.01")
    assert not executions.is_news("4.01")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=30))
def test_whatever_the_order_of_reports_the_highest_correction_stands(reports):
    executions = Executions()
    for name, revision in reports:
        exec_id = f"{name}.{revision:02d}"
        if not executions.is_news(exec_id):
            continue
        if executions.find(exec_id) is None:
            executions.add(exec_id, ORDER, Quantity(str(revision)), PRICE)
        else:
            executions.correct(exec_id, Quantity(str(revision)), PRICE)
    for name in {name for name, _ in reports}:
        highest = max(revision for other, revision in reports if other == name)
        assert executions.find(f"{name}.01").quantity == Quantity(str(highest))
