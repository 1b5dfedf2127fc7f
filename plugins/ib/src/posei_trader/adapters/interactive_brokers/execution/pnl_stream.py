"""The account's profit as IB counts it, about once a second."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, final

from posei_trader.adapters.interactive_brokers.execution.accounts import account_id_of
from posei_trader.logs import get_logger
from posei_trader.model.accounts import AccountPnl
from posei_trader.model.values import Money

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client import (
        InteractiveBrokersClient,
        Subscription,
    )
    from posei_trader.adapters.interactive_brokers.client.messages import PnL
    from posei_trader.errors import PoseiError
    from posei_trader.model.currencies import Currency
    from posei_trader.protocols import Clock, ExecSink

__all__ = ["PnlStream"]

_log = get_logger("InteractiveBrokersExecutionClient")


@final
class PnlStream:
    """Follow the profit of one account. Satisfies `PnLHandler`.

    A login that may not see it trades all the same: IB's refusal is logged, once.

    Args:
        client: The connection.
        number: IB's number of the account.
        currency: The account's base currency, which IB counts in.
        sink: Where it is published, when it has changed.
        clock: Time.
    """

    def __init__(
        self,
        client: InteractiveBrokersClient,
        number: str,
        currency: Currency,
        sink: ExecSink,
        clock: Clock,
    ) -> None:
        self._account_id = account_id_of(number)
        self._currency = currency
        self._sink = sink
        self._clock = clock
        self._last: PnL | None = None
        self._subscription: Subscription | None = client.subscribe_pnl(number, self)

    def close(self) -> None:
        """Follow it no longer. Idempotent."""
        if self._subscription is not None:
            self._subscription.close()
            self._subscription = None

    def pnl(self, pnl: PnL) -> None:
        """Take the current numbers; IB repeats them when nothing has changed."""
        if pnl == self._last:
            return
        self._last = pnl
        now = self._clock.timestamp_ns()
        self._sink.account_pnl(
            AccountPnl(
                account_id=self._account_id,
                daily=self._money(pnl.daily),
                unrealized=self._money(pnl.unrealized),
                realized=self._money(pnl.realized),
                ts_event=now,
                ts_init=now,
            )
        )

    def stream_restarted(self, reason: str) -> None:
        """Take note that the numbers are sent anew."""
        _log.info("the account's profit is requested anew", reason=reason)

    def stream_failed(self, error: PoseiError) -> None:
        """Take note that the numbers will not come."""
        _log.warning("IB does not tell the account's profit", error=str(error))

    def _money(self, amount: float | None) -> Money | None:
        # The shortest decimal that is this float: what IB meant, not what the float makes of it.
        return None if amount is None else Money(Decimal(repr(amount)), self._currency)
