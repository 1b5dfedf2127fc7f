"""The account as IB reports it: a first snapshot before trading, then every change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from posei_trader.adapters.interactive_brokers.execution.accounts import account_state
from posei_trader.adapters.interactive_brokers.execution.pnl_stream import PnlStream
from posei_trader.errors import PoseiError, RequestTimeout
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client import (
        InteractiveBrokersClient,
        Subscription,
    )
    from posei_trader.adapters.interactive_brokers.client.messages import AccountSnapshot
    from posei_trader.model.currencies import Currency
    from posei_trader.protocols import Clock, ExecSink

_log = get_logger("InteractiveBrokersExecutionClient")


@final
class AccountStream:
    """Follows one account of the login. Satisfies `AccountSummaryHandler`.

    Args:
        client: The connection.
        number: IB's number of the account.
        sink: Where states are published.
        clock: Time.
    """

    def __init__(
        self, client: InteractiveBrokersClient, number: str, sink: ExecSink, clock: Clock
    ) -> None:
        self._client = client
        self._number = number
        self._sink = sink
        self._clock = clock
        self._first: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._subscription: Subscription | None = None
        self._base: Currency | None = None
        self._pnl: PnlStream | None = None

    async def open(self, limit_s: float) -> None:
        """Follow the account; returns when its first state has been published.

        Raises:
            RequestTimeout: the values did not come in time.
            NotConnected: there is no connection.
            InvalidRequest: they cannot be understood.
        """
        self._subscription = self._client.subscribe_account_summary(self)
        done, _ = await asyncio.wait((self._first,), timeout=limit_s)
        if not done:
            raise RequestTimeout(
                f"IB did not send the account's values within {limit_s:g} s",
                field="account summary",
                remedy="check that the login may see the account, or raise request_timeout",
            )
        self._first.result()
        if self._base is not None:
            self._pnl = PnlStream(self._client, self._number, self._base, self._sink, self._clock)

    def close(self) -> None:
        """Follow it no longer. Idempotent."""
        if self._pnl is not None:
            self._pnl.close()
            self._pnl = None
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def account_summary(self, snapshot: AccountSnapshot) -> None:
        """Take a consistent snapshot of all accounts of the login."""
        values = snapshot.of(self._number)
        # Ledgers of a login with one account may come without its number.
        if len(self._client.accounts()) == 1:
            for account in snapshot.accounts:
                values = {**snapshot.of(account), **values}
        try:
            state = account_state(self._number, values, ts_init=self._clock.timestamp_ns())
        except PoseiError as error:
            _log.error("the account's values cannot be understood", error=str(error))
            if not self._first.done():
                self._first.set_exception(error)
            return
        self._base = state.base_currency
        self._sink.account_state(state)
        if not self._first.done():
            self._first.set_result(None)

    def stream_restarted(self, reason: str) -> None:
        """Take note that the account's values are sent anew."""
        _log.info("account values are requested anew", reason=reason)

    def stream_failed(self, error: PoseiError) -> None:
        """Take note that the account's values will not come."""
        _log.error("account values have ended", error=str(error))
        if not self._first.done():
            self._first.set_exception(error)
