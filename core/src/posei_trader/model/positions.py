"""Positions: the net of fills, with profit and loss in exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from posei_trader.errors import InvalidRequest
from posei_trader.model.enums import OrderSide, PositionSide
from posei_trader.model.identifiers import (
    AccountId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
)
from posei_trader.model.values import Money, Price, Quantity

if TYPE_CHECKING:
    from posei_trader.model.events import OrderFilled
    from posei_trader.model.instruments import Instrument


class Position:
    """The net of the fills of one instrument (and, when hedging, of one strategy).

    Profit is average-cost: a fill against the position realizes (price - average) for what it
    closes; what goes beyond opens anew at its own price. Commissions are part of `realized_pnl`.

    Attributes:
        id: Its name.
        instrument: What it is made of.
        account_id: The account that holds it.
        strategy_id: The strategy that opened it.
        signed_qty: Units held, negative when short.
        avg_px_open: Average price of the open units; 0 when flat.
        realized: Profit of what was closed, before commissions, in the settlement currency.
        ts_opened: When it was last opened, UNIX ns UTC.
        ts_closed: When it was last closed, UNIX ns UTC, 0 while open.
        ts_last: When it last changed, UNIX ns UTC.
    """

    __slots__ = (
        "_commissions",
        "_trades",
        "account_id",
        "avg_px_open",
        "id",
        "instrument",
        "realized",
        "signed_qty",
        "strategy_id",
        "ts_closed",
        "ts_last",
        "ts_opened",
    )

    def __init__(
        self,
        position_id: PositionId,
        instrument: Instrument,
        account_id: AccountId,
        strategy_id: StrategyId,
    ) -> None:
        self.id = position_id
        self.instrument = instrument
        self.account_id = account_id
        self.strategy_id = strategy_id
        self.signed_qty = Decimal(0)
        self.avg_px_open = Decimal(0)
        self.realized = Decimal(0)
        self.ts_opened = 0
        self.ts_closed = 0
        self.ts_last = 0
        self._commissions: dict[str, Decimal] = {}
        self._trades: dict[TradeId, Money | None] = {}

    @property
    def instrument_id(self) -> InstrumentId:
        """Return the instrument."""
        return self.instrument.id

    @property
    def side(self) -> PositionSide:
        """Return long, short or flat."""
        if self.signed_qty > 0:
            return PositionSide.LONG
        return PositionSide.SHORT if self.signed_qty < 0 else PositionSide.FLAT

    @property
    def quantity(self) -> Quantity:
        """Return the units held, without sign."""
        return Quantity(abs(self.signed_qty), self.instrument.size_precision)

    @property
    def is_open(self) -> bool:
        """Return whether it is not flat."""
        return self.signed_qty != 0

    @property
    def commissions(self) -> list[Money]:
        """Return what is known of the costs, one sum for each currency."""
        return [Money(amount, code) for code, amount in self._commissions.items()]

    @property
    def realized_pnl(self) -> Money:
        """Return the profit of what was closed, less commissions in the settlement currency."""
        currency = self.instrument.settlement_currency
        paid = self._commissions.get(currency.code, Decimal(0))
        return Money(self.realized - paid, currency)

    def unrealized_pnl(self, price: Price) -> Money:
        """Return the profit that closing at a price would realize, before commissions."""
        diff = price.as_decimal() - self.avg_px_open
        return Money(
            diff * self.signed_qty * self.instrument.multiplier.as_decimal(),
            self.instrument.settlement_currency,
        )

    def total_pnl(self, price: Price) -> Money:
        """Return realized plus unrealized profit."""
        return self.realized_pnl + self.unrealized_pnl(price)

    def has_trade(self, trade_id: TradeId) -> bool:
        """Return whether the execution is counted already."""
        return trade_id in self._trades

    def apply(self, fill: OrderFilled) -> None:
        """Count a fill.

        Raises:
            InvalidRequest: it is of another instrument, or counted already.
        """
        if fill.instrument_id != self.instrument.id or fill.trade_id in self._trades:
            raise InvalidRequest(
                "the fill is of another instrument, or counted already",
                field=str(self.id),
                value=fill.trade_id,
                remedy="drop the fill",
            )
        self._trades[fill.trade_id] = fill.commission
        if fill.commission is not None:
            self._add_commission(fill.commission)
        units = fill.last_qty.as_decimal()
        self._trade(
            units if fill.order_side is OrderSide.BUY else -units,
            fill.last_px.as_decimal(),
            fill.ts_event,
        )

    def set_commission(self, trade_id: TradeId, commission: Money) -> None:
        """Set what an execution cost, when that becomes known later.

        Raises:
            InvalidRequest: the execution is not counted here.
        """
        if trade_id not in self._trades:
            raise InvalidRequest(
                "the execution is not counted in this position",
                field=str(self.id),
                value=trade_id,
                remedy="apply the fill first",
            )
        known = self._trades[trade_id]
        if known is not None:
            self._commissions[known.currency.code] -= known.as_decimal()
        self._trades[trade_id] = commission
        self._add_commission(commission)

    def _add_commission(self, commission: Money) -> None:
        code = commission.currency.code
        self._commissions[code] = self._commissions.get(code, Decimal(0)) + commission.as_decimal()

    def _trade(self, signed: Decimal, price: Decimal, ts_event: int) -> None:
        held = self.signed_qty
        if held == 0 or (held > 0) == (signed > 0):
            self._open(signed, price, ts_event)
        else:
            closing = min(abs(signed), abs(held))
            direction = 1 if held > 0 else -1
            multiplier = self.instrument.multiplier.as_decimal()
            self.realized += (price - self.avg_px_open) * closing * direction * multiplier
            self.signed_qty = held - closing * direction
            rest = abs(signed) - closing
            if self.signed_qty == 0:
                self.avg_px_open = Decimal(0)
                self.ts_closed = ts_event
            if rest:
                self._open(rest * -direction, price, ts_event)
        self.ts_last = ts_event

    def _open(self, signed: Decimal, price: Decimal, ts_event: int) -> None:
        held = abs(self.signed_qty)
        if held == 0:
            self.ts_opened = ts_event
            self.ts_closed = 0
        added = abs(signed)
        self.avg_px_open = (self.avg_px_open * held + price * added) / (held + added)
        self.signed_qty += signed

    def __repr__(self) -> str:
        return (
            f"Position({self.id}, {self.side} {self.quantity} {self.instrument_id} "
            f"@ {self.avg_px_open}, realized {self.realized_pnl})"
        )


class PositionEvent(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag=True):
    """A position changed.

    Attributes:
        position_id: The position.
        instrument_id: What it is made of.
        account_id: The account that holds it.
        strategy_id: The strategy that opened it.
        side: Long, short or flat, now.
        signed_qty: Units held now.
        avg_px_open: Average price of the open units, now.
        realized_pnl: Profit of what was closed so far, less commissions.
        last_qty: What traded.
        last_px: At which price.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    position_id: PositionId
    instrument_id: InstrumentId
    account_id: AccountId
    strategy_id: StrategyId
    side: PositionSide
    signed_qty: Decimal
    avg_px_open: Decimal
    realized_pnl: Money
    last_qty: Quantity
    last_px: Price
    ts_event: int
    ts_init: int


class PositionOpened(PositionEvent, frozen=True, kw_only=True, tag=True):
    """A position was opened."""


class PositionChanged(PositionEvent, frozen=True, kw_only=True, tag=True):
    """A position grew or shrank, or its costs became known."""


class PositionClosed(PositionEvent, frozen=True, kw_only=True, tag=True):
    """A position became flat."""


def signed(side: OrderSide, quantity: Quantity) -> Decimal:
    """Return the quantity with the sign of the side."""
    return quantity.as_decimal() * side.sign
