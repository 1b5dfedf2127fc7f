"""What is asked under an order's id and is no order: previews, and the exercise of options."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.client.messages import OpenOrder, OrderProblem
from posei_trader.adapters.interactive_brokers.error_codes import Action
from posei_trader.adapters.interactive_brokers.execution.previews import preview_of
from posei_trader.adapters.interactive_brokers.orders.encoding import WorkingTerms
from posei_trader.errors import (
    InvalidRequest,
    NotConnected,
    OrderStateUnknown,
    RequestRejected,
    RequestTimeout,
)
from posei_trader.model.instruments import OptionContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.execution.commands import OrderCommands
    from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
    from posei_trader.adapters.interactive_brokers.execution.desk import Desk
    from posei_trader.adapters.interactive_brokers.execution.inbox import Answer, OrderInbox
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import OrderPreview
    from posei_trader.model.requests import ExerciseOption
    from posei_trader.protocols import ExecSink

_HARMLESS: Final = frozenset({Action.NOTE, Action.ORDER_WARNING, Action.FARM_OK})
_REFUSED: Final = frozenset({"Inactive", "Cancelled", "ApiCancelled"})


@final
class OrderQuestions:
    """Asks IB what an order would cost, and gives instructions about options.

    Args:
        client: The connection.
        desk: For which account.
        commands: Encodes orders.
        inbox: Receives the answers.
        contracts: What is traded.
        sink: Is told when positions change by an exercise.
        limit_s: How long an answer may take, seconds.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        desk: Desk,
        commands: OrderCommands,
        inbox: OrderInbox,
        contracts: ContractBook,
        sink: ExecSink,
        limit_s: float,
    ) -> None:
        self._client = client
        self._desk = desk
        self._commands = commands
        self._inbox = inbox
        self._contracts = contracts
        self._sink = sink
        self._limit_s = limit_s

    async def preview(self, order: Order) -> OrderPreview:
        """Ask what an order would cost and lock.

        Raises:
            FixRequest: a term cannot be honoured, or IB refuses the order.
            RetryLater: the answer did not come.
        """
        contract, ib_order = self._commands.encode(order, WorkingTerms.of(order))
        ib_order.whatIf = True
        row = await self._ask(
            lambda order_id: self._client.place_order(order_id, contract, ib_order),
            is_instruction=False,
        )
        if isinstance(row, OpenOrder):
            return preview_of(row.state)
        if isinstance(row, OrderProblem) and row.action is not Action.ORDER_NOT_SENT:
            raise RequestRejected(
                row.message, field="order", value=str(order), code=row.code, remedy="change it"
            )
        raise RequestTimeout(
            "IB did not say what the order would cost",
            field="order",
            value=str(order),
            remedy="try again later",
        )

    async def exercise(self, command: ExerciseOption) -> None:
        """Exercise options or let them lapse; returns when IB has taken the instruction.

        Raises:
            InvalidRequest: it is no option, or the quantity is not whole.
            RequestRejected: IB refuses it; nothing was done.
            NotConnected: nothing was sent.
            OrderStateUnknown: no answer came; whether it was taken is not known.
        """
        traded = self._contracts.need(command.instrument_id)
        if not isinstance(traded.instrument, OptionContract) or command.quantity.as_decimal() % 1:
            raise InvalidRequest(
                "only whole option contracts can be exercised",
                field="instrument_id, quantity",
                value=(command.instrument_id, command.quantity),
                remedy="name an option and a whole number of contracts",
            )
        row = await self._ask(
            lambda order_id: self._client.exercise_options(
                order_id,
                traded.contract,
                int(command.quantity.as_decimal()),
                account=self._desk.number,
                is_lapse=command.is_lapse,
                is_override=command.is_override,
            ),
            is_instruction=True,
        )
        self._judge(row, command)

    def _judge(self, row: Answer | None, command: ExerciseOption) -> None:
        if row is None:
            raise OrderStateUnknown(
                "IB did not answer the exercise of options: it may have been taken",
                field="instrument_id",
                value=command.instrument_id,
                remedy="look at the position and the exercises in TWS before asking again",
            )
        if isinstance(row, OrderProblem) and row.action is Action.ORDER_NOT_SENT:
            raise NotConnected(
                "the exercise of options was not sent",
                field="instrument_id",
                value=command.instrument_id,
                remedy="try again when the connection is back",
            )
        if isinstance(row, OrderProblem) or row.status in _REFUSED:
            code = row.code if isinstance(row, OrderProblem) else None
            text = row.message if isinstance(row, OrderProblem) else f"IB says {row.status}"
            raise RequestRejected(
                text,
                field="instrument_id",
                value=command.instrument_id,
                code=code,
                remedy="see what the account holds, and IB's hours for exercises",
            )
        if row.status == "Filled":
            self._sink.reconciliation_wanted(self._desk.name, "options were exercised")

    async def _ask(self, send: Callable[[int], None], *, is_instruction: bool) -> Answer | None:
        """Send under a new order id and return the first answer that decides, None without one."""
        order_id = self._client.next_order_id()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def receive(row: Answer) -> None:
            is_note = isinstance(row, OrderProblem) and row.action in _HARMLESS
            if not answer.done() and not is_note:
                answer.set_result(row)

        self._inbox.expect(order_id, receive, is_instruction=is_instruction)
        try:
            send(order_id)
            done, _ = await asyncio.wait((answer,), timeout=self._limit_s)
        finally:
            self._inbox.expect_no_more(order_id)
        return answer.result() if done else None
