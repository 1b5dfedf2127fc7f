"""The execution client of a node: one account at IB over one connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.execution.account_stream import AccountStream
from posei_trader.adapters.interactive_brokers.execution.accounts import (
    check_live_guard,
    choose_account,
    masked,
)
from posei_trader.adapters.interactive_brokers.execution.contracts import ContractBook
from posei_trader.adapters.interactive_brokers.execution.desk import Desk
from posei_trader.adapters.interactive_brokers.execution.position_watch import PositionWatch
from posei_trader.adapters.interactive_brokers.execution.trading import Trading, trading_for
from posei_trader.adapters.interactive_brokers.orders import tracked as t
from posei_trader.adapters.interactive_brokers.orders.executions import Executions
from posei_trader.errors import NotConnected, PoseiError
from posei_trader.logs import get_logger
from posei_trader.model.reports import ExecutionMassStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from posei_trader.adapters.interactive_brokers.client import (
        InteractiveBrokersClient,
    )
    from posei_trader.adapters.interactive_brokers.client.messages import (
        ConnectionChange,
    )
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersExecClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import IBContract
    from posei_trader.adapters.interactive_brokers.providers import (
        InteractiveBrokersInstrumentProvider,
    )
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.health import ConnectionHealth
    from posei_trader.model.identifiers import AccountId, ClientId
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import (
        OrderPreview,
        OrderStatusReport,
        PositionStatusReport,
    )
    from posei_trader.model.requests import (
        CancelAllOrders,
        CancelOrder,
        ExerciseOption,
        ModifyOrder,
        QueryOrder,
        SubmitOrder,
        SubmitOrderList,
    )
    from posei_trader.protocols import ExecClientContext

_log = get_logger("InteractiveBrokersExecutionClient")

MANUAL_CLIENT: Final = 0
"""The API client id that can change what was entered by hand in TWS."""


_PREPARED_AT_MOST: Final = 100
"""Instruments: to prepare an order for one takes about 60 us."""


@final
class InteractiveBrokersExecutionClient:
    """Trade one account of IB. Satisfies :class:`posei_trader.protocols.ExecClient`.

    Args:
        client: The connection; may be shared with a data client.
        provider: Where instruments come from.
        config: Settings.
        context: The node's clock, cache and sink.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        provider: InteractiveBrokersInstrumentProvider,
        config: InteractiveBrokersExecClientConfig,
        context: ExecClientContext,
    ) -> None:
        self._client = client
        self._provider = provider
        self._config = config
        self._context = context
        self._contracts = ContractBook(provider, context.cache)
        self._executions = Executions()
        self._trading: Trading | None = None
        self._account: AccountStream | None = None
        self._watch: PositionWatch | None = None
        self._stop_following: Callable[[], None] | None = None
        self._is_announced = False
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- what it is -----------------------------------------------------------------------------

    @property
    def client_id(self) -> ClientId:
        """The name under which it is configured."""
        return self._context.client_id

    @property
    def account_id(self) -> AccountId:
        """The account it trades for; known once connected.

        Raises:
            NotConnected: it is not known yet.
        """
        return self._connected().desk.account_id

    @property
    def is_connected(self) -> bool:
        """Whether the venue can be asked now."""
        return self._trading is not None and self._client.is_connected

    @property
    def last_failure(self) -> PoseiError | None:
        """Why the last attempt to connect failed, None when none has."""
        return self._client.last_failure

    @property
    def instrument_provider(self) -> InteractiveBrokersInstrumentProvider:
        """Where its instruments come from."""
        return self._provider

    def connection_health(self) -> ConnectionHealth:
        """How the connection is, which other clients may share."""
        return self._client.connection_health()

    def health_counters(self) -> dict[str, int]:
        """How many orders are followed."""
        return {} if self._trading is None else {"orders_followed": len(self._trading.ledger)}

    def doubts(self) -> tuple[str, ...]:
        """Return the client order ids of which only IB can tell what became."""
        if self._trading is None:
            return ()
        return tuple(
            str(one.identity.client_order_id)
            for one in self._trading.ledger.live()
            if one.is_in_doubt and not self._is_closed(one)
        )

    def _is_closed(self, tracked: t.TrackedOrder) -> bool:
        order = self._context.cache.order(tracked.identity.client_order_id)
        return order is not None and order.is_closed

    # -- life -----------------------------------------------------------------------------------

    async def start_gateway(self) -> None:
        """Start the gateway that was configured, if one was. Idempotent.

        Raises:
            PoseiError: what the gateway raised.
        """
        await self._client.start_gateway()

    async def connect(self) -> None:
        """Connect, check the account, and deliver a first account state. Idempotent.

        Raises:
            RetryLater: the venue did not answer in the configured time.
            AccountMismatch: the login does not manage the configured account; lists those it does.
            LiveTradingRefused: a live account without `allow_live_trading`.
        """
        async with self._lock:
            if self._trading is not None:
                return
            await self._client.connect()
            try:
                number = choose_account(self._config.account_id, self._client.accounts())
                check_live_guard(number, is_allowed=self._config.allow_live_trading)
                desk = self._start_trading(number)
                await self._provider.initialize()
                self._publish_instruments()
                self._prepare_orders()
                self._account = AccountStream(
                    self._client, number, self._context.sink, self._context.clock
                )
                await self._account.open(self._config.request_timeout)
                if self._config.track_option_exercise_from_position_update:
                    self._watch_positions(desk)
            except BaseException:
                await self._end_trading()
                await self._client.disconnect()
                raise
            self._bind_manual_orders()
            self._stop_following = self._client.add_connection_handler(self._connection_changed)
            _log.info("connected", account=masked(number))
            self._announce(connected=True, reason="connected")

    def _start_trading(self, number: str) -> Desk:
        client = self._client
        desk = Desk.of(number, client.accounts(), client.address[2], self.client_id)
        self._trading = trading_for(
            desk,
            client,
            self._executions,
            self._contracts,
            self._config,
            self._context,
            self._load_then,
        )
        return desk

    def _watch_positions(self, desk: Desk) -> None:
        self._watch = PositionWatch(
            self._client,
            desk,
            lambda reason: self._context.sink.reconciliation_wanted(self.client_id, reason),
            self._context.clock,
        )
        self._watch.open()

    def _publish_instruments(self) -> None:
        for instrument in self._provider.list_all():
            if self._context.cache.instrument(instrument.id) is None:
                self._context.cache.add_instrument(instrument)

    def _prepare_orders(self) -> None:
        """Do for what is loaded, if it is little, what the first orders would wait for."""
        loaded = self._provider.list_all()
        if len(loaded) > _PREPARED_AT_MOST:
            return
        for instrument in loaded:
            try:
                self._client.prepare_order(self._contracts.need(instrument.id).contract)
            except PoseiError as error:  # whoever orders it is told
                _log.debug("no orders", instrument_id=instrument.id, error=str(error))

    async def disconnect(self) -> None:
        """Disconnect. Working orders stay at the venue. Idempotent; never raises."""
        if self._trading is None:
            return
        await self._end_trading()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.disconnect()
        self._announce(connected=False, reason="disconnected on request")

    async def _end_trading(self) -> None:
        if self._stop_following is not None:
            self._stop_following()
            self._stop_following = None
        if self._account is not None:
            self._account.close()
            self._account = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        trading, self._trading = self._trading, None
        if trading is not None:
            trading.stop_listening()
            await trading.doubts.close()

    # -- the connection -------------------------------------------------------------------------

    def _connection_changed(self, change: ConnectionChange) -> None:
        if change.ready and not change.upstream_lost:
            self._bind_manual_orders()
            self._prepare_orders()
            self._announce(connected=True, reason=change.reason)
            return
        trading = self._trading
        if trading is not None and not change.ready:
            for tracked in trading.ledger:
                if tracked.is_waiting:
                    trading.inbox.happened(tracked, t.ConnectionLost())
        self._announce(connected=False, reason=change.reason)

    def _bind_manual_orders(self) -> None:
        """Client id 0 takes orders that are entered by hand as its own."""
        if self._client.address[2] == MANUAL_CLIENT:
            self._client.bind_manual_orders()

    def _announce(self, *, connected: bool, reason: str) -> None:
        if connected != self._is_announced:
            self._is_announced = connected
            self._context.sink.connection_changed(
                self.client_id, connected=connected, reason=reason
            )

    # -- commands -------------------------------------------------------------------------------

    def submit_order(self, command: SubmitOrder) -> None:
        """Send an order. See :meth:`posei_trader.protocols.ExecClient.submit_order`."""
        self._connected().commands.submit((command.order,))

    def submit_order_list(self, command: SubmitOrderList) -> None:
        """Send orders that belong together: all or none. Emits and raises as `submit_order`."""
        self._connected().commands.submit(command.order_list.orders)

    def modify_order(self, command: ModifyOrder) -> None:
        """Change a working order. See :meth:`posei_trader.protocols.ExecClient.modify_order`."""
        self._connected().commands.modify(command)

    def cancel_order(self, command: CancelOrder) -> None:
        """Cancel an order. See :meth:`posei_trader.protocols.ExecClient.cancel_order`."""
        self._connected().commands.cancel(command.order)

    def cancel_all_orders(self, command: CancelAllOrders) -> None:
        """Cancel exactly the orders of the command; IB's global cancel is never used."""
        commands = self._connected().commands
        for order in command.orders:
            if command.order_side is None or order.side is command.order_side:
                commands.cancel(order)

    # -- questions ------------------------------------------------------------------------------

    async def query_order(self, command: QueryOrder) -> OrderStatusReport | None:
        """Ask what IB knows of an order; None when it definitely knows nothing of it.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """
        return await self._connected().truth.status_of(command.client_order_id)

    async def preview_order(self, order: Order) -> OrderPreview:
        """Ask IB what an order would cost and lock; nothing is traded, no event is emitted.

        Raises:
            FixRequest: a term cannot be honoured, or IB refuses the order.
            RetryLater: the answer did not come.
        """
        return await self._connected().questions.preview(order)

    async def exercise_option(self, command: ExerciseOption) -> None:
        """Exercise options or let them lapse; returns when IB has taken the instruction.

        What is exercised at once is reconciled at once. Exercises that IB works overnight, and
        assignments, show in the positions: see `track_option_exercise_from_position_update`.

        Raises:
            InvalidRequest: it is no option, or the quantity is not whole.
            RequestRejected: IB refuses it; nothing was done.
            NotConnected: nothing was sent.
            OrderStateUnknown: no answer came; whether it was taken is not known.
        """
        await self._connected().questions.exercise(command)

    async def generate_mass_status(self, since_ns: int = 0) -> ExecutionMassStatus:
        """Fetch all orders, executions since a moment, and positions: complete, or it raises.

        What was in doubt is settled on the way, through the sink.

        Raises:
            RetryLater: a part did not come; nothing is known.
            ReconciliationFailed: the account trades what the provider cannot define.
        """
        trading = self._connected()
        listing = await trading.truth.refresh(since_ns, is_reported=True)
        return ExecutionMassStatus(
            client_id=self.client_id,
            account_id=trading.desk.account_id,
            orders=await trading.truth.order_reports(listing),
            fills=await trading.truth.fill_reports(listing),
            positions=await trading.truth.position_reports(),
            unattributed=trading.truth.unattributed(listing),
            ts_init=self._context.clock.timestamp_ns(),
        )

    async def generate_position_reports(self) -> Sequence[PositionStatusReport]:
        """Fetch the positions: complete, or it raises.

        Raises:
            RetryLater: the answer did not come; nothing is known.
        """
        return await self._connected().truth.position_reports()

    # -- orders of others -----------------------------------------------------------------------

    def _load_then(self, contract: IBContract, use: Callable[[Traded], None]) -> None:
        """Find what a contract is and go on, at once if it is known."""
        known = self._contracts.of_contract(contract)
        if known is not None:
            use(known)
            return
        if contract.secType in self._config.instrument_provider.filter_sec_types:
            return
        self._start(self._load_and_use(contract, use))

    async def _load_and_use(self, contract: IBContract, use: Callable[[Traded], None]) -> None:
        try:
            traded = await self._contracts.load(contract)
        except PoseiError as error:
            _log.error(
                "an order or execution that is not ours cannot be reported",
                contract=str(contract),
                error=str(error),
            )
            return
        use(traded)

    def _start(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("background work failed", exc_info=task.exception())

    def _connected(self) -> Trading:
        if self._trading is None:
            raise NotConnected(
                "the execution client is not connected",
                field="client_id",
                value=self.client_id,
                remedy="connect it first",
            )
        return self._trading
