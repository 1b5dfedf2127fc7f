"""What exists while an execution client is connected to an account, and how it is put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from posei_trader.adapters.interactive_brokers.execution.commands import OrderCommands
from posei_trader.adapters.interactive_brokers.execution.doubts import Doubts
from posei_trader.adapters.interactive_brokers.execution.inbox import OrderInbox
from posei_trader.adapters.interactive_brokers.execution.questions import OrderQuestions
from posei_trader.adapters.interactive_brokers.execution.truth import VenueTruth
from posei_trader.adapters.interactive_brokers.orders.ledger import OrderLedger

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersExecClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.adapters.interactive_brokers.orders.executions import Executions
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.protocols import ExecClientContext

__all__ = ["Trading", "trading_for"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Trading:
    """The parts that trade one account, from connecting to disconnecting."""

    desk: Desk
    ledger: OrderLedger
    inbox: OrderInbox
    commands: OrderCommands
    truth: VenueTruth
    doubts: Doubts
    questions: OrderQuestions
    stop_listening: Callable[[], None]


def trading_for(
    desk: Desk,
    client: InteractiveBrokersClient,
    executions: Executions,
    contracts: ContractBook,
    config: InteractiveBrokersExecClientConfig,
    context: ExecClientContext,
    load: Callable[[IBContract, Callable[[Traded], None]], None],
) -> Trading:
    """Return the parts for an account, listening to the connection.

    Args:
        desk: Whose orders.
        client: The connection.
        executions: The executions that are known, over all connections.
        contracts: What is traded.
        config: Settings.
        context: The node's clock, cache and sink.
        load: Loads the instrument of an order that is not ours, then calls back.
    """
    cache, sink, clock = context.cache, context.sink, context.clock
    ledger = OrderLedger(cache, executions, desk.client_id, desk.account_id)
    inbox = OrderInbox(
        desk,
        ledger,
        executions,
        contracts,
        sink,
        clock,
        lambda tracked: doubts.raised(tracked),  # noqa: PLW0108  it is made below
        load,
    )
    commands = OrderCommands(client, desk, ledger, inbox, contracts, sink, clock)
    truth = VenueTruth(
        client,
        desk,
        ledger,
        inbox,
        contracts,
        clock,
        skipped_types=config.instrument_provider.filter_sec_types,
        all_clients=config.fetch_all_open_orders,
    )
    doubts = Doubts(
        client,
        ledger,
        cache,
        inbox,
        truth,
        clock,
        patience_s=config.order_answer_timeout,
        audit_s=config.order_audit_interval,
    )
    questions = OrderQuestions(
        client, desk, commands, inbox, contracts, sink, config.request_timeout
    )
    listening = client.add_order_handler(inbox)
    doubts.start()
    return Trading(desk, ledger, inbox, commands, truth, doubts, questions, listening)
