"""Which combination an execution is of: a bounded memory that forgets the oldest first."""

from decimal import Decimal

import pytest

from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.client.messages import ExecutionRecord
from posei_trader.adapters.interactive_brokers.config import (
    InteractiveBrokersInstrumentProviderConfig,
)
from posei_trader.adapters.interactive_brokers.contract_types import ComboLeg, IBContract
from posei_trader.adapters.interactive_brokers.execution.combinations import Combinations
from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
from posei_trader.adapters.interactive_brokers.orders.executions import Executions
from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger
from posei_trader.adapters.interactive_brokers.providers import (
    InteractiveBrokersInstrumentProvider,
)
from posei_trader.engine.cache import Cache
from posei_trader.model.identifiers import AccountId

BARE = IBContract(secType="BAG", conId=28812380, symbol="ES", currency="USD")
FUTURE = IBContract(secType="FUT", conId=11, symbol="ES")


def whole(near, far):
    return IBContract(
        secType="BAG",
        conId=28812380,
        symbol="ES",
        currency="USD",
        comboLegs=(
            ComboLeg(conId=near, ratio=1, action="SELL", exchange="CME"),
            ComboLeg(conId=far, ratio=1, action="BUY", exchange="CME"),
        ),
    )


def execution(perm_id, exec_id="1.1.01.01", contract=BARE):
    return ExecutionRecord(
        contract=contract,
        exec_id=exec_id,
        time="20240305-15:00:00",
        account="DU1",
        exchange="CME",
        side="BOT",
        shares=Decimal(1),
        price=1.0,
        perm_id=perm_id,
        client_id=7,
        order_id=1,
        is_liquidation=False,
        cum_quantity=Decimal(1),
        avg_price=1.0,
        order_ref="",
        last_liquidity=0,
        is_price_revision_pending=False,
    )


@pytest.fixture
def memory():
    cache = Cache()
    provider = InteractiveBrokersInstrumentProvider(
        InteractiveBrokersClient("127.0.0.1", 1, 1),
        InteractiveBrokersInstrumentProviderConfig(),
        store=cache,
    )
    ledger = OrderLedger(cache, Executions(), 1, AccountId("IB-DU1"))
    return Combinations(ledger, ContractBook(provider, cache), at_most=2)


def test_combinations_that_share_a_number_are_told_apart_by_their_orders(memory):
    memory.learn(1, whole(11, 12))
    memory.learn(2, whole(11, 13))
    assert memory.contract_of(execution(1)) == whole(11, 12)
    assert memory.contract_of(execution(2)) == whole(11, 13)
    assert memory.contract_of(execution(3)) is None
    assert memory.contract_of(execution(3, contract=whole(1, 2))) == whole(1, 2)
    assert memory.contract_of(execution(3, contract=FUTURE)) == FUTURE


def test_an_order_without_a_perm_id_names_nothing(memory):
    memory.learn(0, whole(11, 12))
    assert memory.contract_of(execution(0)) is None
    assert not memory.is_leg(execution(0, contract=FUTURE))


def test_a_message_without_legs_does_not_take_away_what_is_known(memory):
    memory.learn(1, whole(11, 12))
    memory.learn(1, BARE)
    assert memory.contract_of(execution(1)) == whole(11, 12)


def test_a_leg_is_known_before_the_legs_are(memory):
    assert not memory.is_leg(execution(1, contract=FUTURE))
    memory.learn(1, BARE)
    assert memory.is_leg(execution(1, contract=FUTURE))
    assert not memory.is_leg(execution(1))
    assert not memory.is_leg(execution(2, contract=FUTURE))


def test_what_waits_is_handed_over_once_and_in_its_newest_form(memory):
    corrected = execution(1, "1.1.01.02")
    memory.wait(corrected)
    memory.wait(execution(1, "1.1.01.01"))
    memory.wait(execution(2, "2.2.01.01"))
    assert memory.learn(1, BARE) == []
    assert memory.learn(1, whole(11, 12)) == [corrected]
    assert memory.learn(1, whole(11, 12)) == []
    assert memory.learn(2, whole(11, 13)) == [execution(2, "2.2.01.01")]


def test_the_oldest_orders_and_the_oldest_that_wait_are_forgotten(memory):
    for number in (1, 2, 3):
        memory.learn(number, whole(11, 12))
        memory.wait(execution(number + 10, f"{number}.1.01.01"))
    assert [memory.contract_of(execution(number)) is None for number in (1, 2, 3)] == [
        True,
        False,
        False,
    ]
    assert memory.learn(11, whole(11, 12)) == []
    assert memory.learn(13, whole(11, 12)) == [execution(13, "3.1.01.01")]
