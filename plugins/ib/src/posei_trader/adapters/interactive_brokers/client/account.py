"""Accounts: which there are, what they hold, what they are worth."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, final

from ibapi.account_summary_tags import AccountSummaryTags

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.describe import masked
from posei_trader.adapters.interactive_brokers.client.messages import (
    AccountSnapshot,
    AccountValue,
    PnL,
    PortfolioPosition,
    Position,
)
from posei_trader.adapters.interactive_brokers.client.requests import Question
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.adapters.interactive_brokers.client.stream_records import StreamPlan
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_from_ibapi
from posei_trader.errors import ResourceExhausted
from posei_trader.secrecy import conceal

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.handlers import (
        AccountSummaryHandler,
        AccountUpdatesHandler,
        PnLHandler,
        PositionHandler,
        StreamHandler,
    )
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.streams import Subscription
    from posei_trader.protocols import TimerHandle

__all__ = ["ALL_TAGS", "InteractiveBrokersClientAccountMixin"]

ALL_TAGS: Final = f"{AccountSummaryTags.AllTags},$LEDGER:ALL"
"""Every value of an account, and its balances in every currency."""

_POSITIONS: Final = "positions"
_UPDATES: Final = "account updates"
_DEBOUNCE_NS: Final = 100_000_000
_LARGEST: Final = 1e300

_RowKey = tuple[str, str, str]


@final
@dataclass(slots=True)
class _Summary:
    """The values of one summary stream."""

    values: dict[_RowKey, AccountValue] = field(default_factory=dict)
    is_complete: bool = False
    timer: TimerHandle | None = None


@final
@dataclass(slots=True)
class _AccountState:
    """The account part's state."""

    accounts: tuple[str, ...] = ()
    summaries: dict[int, _Summary] = field(default_factory=dict)


class InteractiveBrokersClientAccountMixin(ClientPart):
    """Ask for accounts and positions, and follow them."""

    _accounts: _AccountState

    def _init_account(self, session: Session) -> None:
        self._accounts = _AccountState()
        session.callbacks.update(
            managedAccounts=self._managed_accounts,
            position=self._position,
            positionEnd=self._position_end,
            accountSummary=self._account_summary,
            accountSummaryEnd=self._account_summary_end,
            updateAccountValue=self._account_value,
            updatePortfolio=self._portfolio,
            updateAccountTime=_unused,
            accountDownloadEnd=self._account_download_end,
            pnl=self._pnl,
            pnlSingle=self._pnl_single,
        )
        session.on_ready.append(lambda _again: self._accounts.summaries.clear())

    def accounts(self) -> tuple[str, ...]:
        """Return the accounts that the gateway's login manages; empty before the connection."""
        return self._accounts.accounts

    # --- questions --------------------------------------------------------------------------------

    async def get_positions(self, *, timeout: float | None = None) -> list[Position]:
        """Return the positions of all accounts; those that are flat may be among them.

        Source: `reqPositions`.

        Raises:
            RetryLater: the answer did not come.
        """

        def cancel(ib: Any, _req_id: int) -> None:
            if self._session.streams.on_channel(_POSITIONS) is None:
                ib.cancelPositions()

        return await self._ask(
            Question[Position](
                key=_POSITIONS,
                subject="positions",
                ask=lambda ib, _req_id: ib.reqPositions(),
                cancel=cancel,
                channel=_POSITIONS,
                ends_itself=False,
            ),
            timeout,
        )

    async def get_account_summary(
        self, *, tags: str = ALL_TAGS, group: str = "All", timeout: float | None = None
    ) -> AccountSnapshot:
        """Return the values of all accounts, complete and consistent.

        Source: `reqAccountSummary`; IB serves two at a time, streams included.

        Args:
            tags: IB's names, comma separated; ``$LEDGER:ALL`` for the balances by currency.
            group: IB's account group; ``All`` for all accounts.
            timeout: Seconds; None for the client's.

        Raises:
            ResourceExhausted: two summaries are open already.
            RetryLater: the answer did not come.
        """
        rows = await self._ask(
            Question[AccountValue](
                key=("account summary", tags, group),
                subject="account summary",
                ask=lambda ib, req_id: ib.reqAccountSummary(req_id, group, tags),
                cancel=lambda ib, req_id: ib.cancelAccountSummary(req_id),
                ends_itself=False,
            ),
            timeout,
        )
        return AccountSnapshot(tuple({_row_key(row): row for row in rows}.values()))

    # --- streams ----------------------------------------------------------------------------------

    def subscribe_account_summary(
        self, handler: AccountSummaryHandler, *, tags: str = ALL_TAGS, group: str = "All"
    ) -> Subscription:
        """Follow the values of all accounts: whole snapshots, when complete and after changes.

        Source: `reqAccountSummary`; IB sends changes about every three minutes. Not shared.

        Raises:
            NotConnected: there is no connection.
        """
        plan = StreamPlan(
            key=("account summary", tags, group, id(handler)),
            subject="account summary stream",
            open=lambda ib, req_id: ib.reqAccountSummary(req_id, group, tags),
            close=lambda ib, req_id: ib.cancelAccountSummary(req_id),
        )
        return self._session.streams.join(plan, handler)

    def subscribe_account_updates(
        self, account: str, handler: AccountUpdatesHandler
    ) -> Subscription:
        """Follow the values and the portfolio of one account.

        Source: `reqAccountUpdates`; IB serves one account at a time.

        Raises:
            ResourceExhausted: another account is being followed.
            NotConnected: there is no connection.
        """
        key = (_UPDATES, account)
        other = self._session.streams.on_channel(_UPDATES)
        if other is not None and other.plan.key != key:
            raise ResourceExhausted(
                "IB sends the updates of one account at a time",
                field="account",
                remedy="close the other subscription first, or use subscribe_account_summary",
            )
        plan = StreamPlan(
            key=key,
            subject="account updates",
            open=lambda ib, _req_id: ib.reqAccountUpdates(True, account),
            close=lambda ib, _req_id: ib.reqAccountUpdates(False, account),
            channel=_UPDATES,
        )
        return self._join_channel(plan, handler)

    def subscribe_positions(self, handler: PositionHandler) -> Subscription:
        """Follow the positions of all accounts.

        Source: `reqPositions`.

        Raises:
            NotConnected: there is no connection.
        """
        plan = StreamPlan(
            key=_POSITIONS,
            subject="positions stream",
            open=lambda ib, _req_id: ib.reqPositions(),
            close=lambda ib, _req_id: ib.cancelPositions(),
            channel=_POSITIONS,
        )
        return self._join_channel(plan, handler)

    def subscribe_pnl(
        self, account: str, handler: PnLHandler, *, model_code: str = "", con_id: int = 0
    ) -> Subscription:
        """Follow the profit and loss of an account, or of one of its positions.

        Source: `reqPnL`, or `reqPnLSingle` when `con_id` is given.

        Raises:
            NotConnected: there is no connection.
        """
        if con_id:
            plan = StreamPlan(
                key=("pnl", account, model_code, con_id),
                subject=f"profit and loss of conId {con_id}",
                open=lambda ib, req_id: ib.reqPnLSingle(req_id, account, model_code, con_id),
                close=lambda ib, req_id: ib.cancelPnLSingle(req_id),
            )
        else:
            plan = StreamPlan(
                key=("pnl", account, model_code),
                subject="profit and loss",
                open=lambda ib, req_id: ib.reqPnL(req_id, account, model_code),
                close=lambda ib, req_id: ib.cancelPnL(req_id),
            )
        return self._session.streams.join(plan, handler)

    # --- what IB says -----------------------------------------------------------------------------

    def _managed_accounts(self, accounts: str) -> None:
        self._accounts.accounts = tuple(
            name for name in (part.strip() for part in accounts.split(",")) if name
        )
        for name in self._accounts.accounts:
            if (shown := masked(name)) != name:
                conceal(name, shown)
        if self._accounts.accounts and self._session.handshake is not None:
            self._session.handshake.got("managed accounts")

    def _position(self, account: str, contract: Any, quantity: Decimal, avg_cost: float) -> None:
        row = Position(account, contract_from_ibapi(contract), quantity, avg_cost)
        request = self._session.requests.on_channel(_POSITIONS)
        if request is not None:
            request.add(row)
        self._to_channel(_POSITIONS, "position", row)

    def _position_end(self) -> None:
        request = self._session.requests.on_channel(_POSITIONS)
        if request is not None:
            self._session.requests.complete(request)
        self._to_channel(_POSITIONS, "positions_end")

    def _account_summary(
        self, req_id: int, account: str, tag: str, value: str, currency: str
    ) -> None:
        row = AccountValue(account, tag, value, currency)
        request = self._session.requests.find(req_id)
        if request is not None:
            request.add(row)
            return
        stream = self._session.streams.find(req_id)
        if stream is None:
            self._session.streams.late += 1
            return
        stream.received += 1
        summary = self._accounts.summaries.setdefault(req_id, _Summary())
        summary.values[_row_key(row)] = row
        if summary.is_complete and summary.timer is None:
            # IB sends what changed row by row and does not say where it ends.
            when = self._session.clock.timestamp_ns() + _DEBOUNCE_NS
            summary.timer = self._session.clock.call_at(when, lambda: self._snapshot(req_id))

    def _account_summary_end(self, req_id: int) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            self._session.requests.complete(request)
            return
        self._accounts.summaries.setdefault(req_id, _Summary()).is_complete = True
        self._snapshot(req_id)

    def _snapshot(self, req_id: int) -> None:
        stream = self._session.streams.find(req_id)
        if stream is None:
            self._accounts.summaries.pop(req_id, None)
            return
        summary = self._accounts.summaries[req_id]
        summary.timer = None
        snapshot = AccountSnapshot(tuple(summary.values.values()))
        self._session.streams.guarded(stream.target.account_summary, snapshot)

    def _account_value(self, key: str, value: str, currency: str, account: str) -> None:
        row = AccountValue(account, key, value, currency)
        self._to_channel(_UPDATES, "account_value", row)

    def _portfolio(
        self,
        contract: Any,
        quantity: Decimal,
        market_price: float,
        market_value: float,
        avg_cost: float,
        unrealized: float,
        realized: float,
        account: str,
    ) -> None:
        row = PortfolioPosition(
            account,
            contract_from_ibapi(contract),
            quantity,
            market_price,
            market_value,
            avg_cost,
            _known(unrealized),
            _known(realized),
        )
        self._to_channel(_UPDATES, "portfolio_position", row)

    def _account_download_end(self, account: str) -> None:
        self._to_channel(_UPDATES, "account_download_end", account)

    def _pnl(self, req_id: int, daily: float, unrealized: float, realized: float) -> None:
        self._to_pnl(req_id, PnL(_known(daily), _known(unrealized), _known(realized)))

    def _pnl_single(
        self,
        req_id: int,
        quantity: Decimal,
        daily: float,
        unrealized: float,
        realized: float,
        value: float,
    ) -> None:
        row = PnL(
            _known(daily), _known(unrealized), _known(realized), Decimal(quantity), _known(value)
        )
        self._to_pnl(req_id, row)

    def _to_pnl(self, req_id: int, row: PnL) -> None:
        stream = self._session.streams.find(req_id)
        if stream is None:
            self._session.streams.late += 1
            return
        stream.received += 1
        self._session.streams.guarded(stream.target.pnl, row)

    def _join_channel(self, plan: StreamPlan, handler: StreamHandler) -> Subscription:
        """Join a stream; when others have its beginning already, ask IB to send it all again."""
        is_open = self._session.streams.on_channel(plan.channel or "") is not None
        subscription = self._session.streams.join(plan, handler)
        if is_open:
            data = self._session.encode(lambda ib: plan.open(ib, 0))
            self._session.scheduler.submit(Command(data, Lane.REQUEST))
        return subscription

    def _to_channel(self, channel: str, method: str, *arguments: Any) -> None:
        stream = self._session.streams.on_channel(channel)
        if stream is not None:
            stream.received += 1
            self._session.streams.guarded(getattr(stream.target, method), *arguments)


def _row_key(row: AccountValue) -> _RowKey:
    return row.account, row.tag, row.currency


def _known(value: float | None) -> float | None:
    return None if value is None or abs(value) > _LARGEST else value


def _unused(*_arguments: Any) -> None:
    """Skip what nobody needs: the wall clock time of an account update."""
