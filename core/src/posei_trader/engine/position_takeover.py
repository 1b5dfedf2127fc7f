"""Taking over the positions that a venue holds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, final

from posei_trader.engine.adoption import order_of_position
from posei_trader.errors import ReconciliationFailed
from posei_trader.model import events as ev
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import TradeId, VenueOrderId
from posei_trader.model.values import Price

if TYPE_CHECKING:
    from collections.abc import Sequence

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.takeover import Takeover
    from posei_trader.model.identifiers import AccountId, ClientId, InstrumentId, StrategyId
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.positions import Position
    from posei_trader.model.reports import ExecutionMassStatus, PositionStatusReport

__all__ = ["PositionTakeover", "gap_price"]


@final
class PositionTakeover:
    """Book the difference between the venue's positions and ours.

    Args:
        engine: Counts what is left alone.
        cache: What we know.
        takeover: Takes in the orders that explain a difference.
    """

    def __init__(self, engine: ExecutionEngine, cache: Cache, takeover: Takeover) -> None:
        self._engine = engine
        self._cache = cache
        self._takeover = takeover

    def take(self, status: ExecutionMassStatus, client_id: ClientId) -> None:
        """Take over every position of an account: what the venue does not mention is flat.

        Raises:
            ReconciliationFailed: a difference cannot be booked; names it.
        """
        venue = {report.instrument_id: report for report in status.positions}
        for instrument_id in self._differences(status):
            self._take_position(instrument_id, venue.get(instrument_id), status, client_id)

    def gaps(self, status: ExecutionMassStatus) -> dict[InstrumentId, Decimal]:
        """Return by how much the venue's positions differ from ours, where that is to be booked."""
        gaps = self._differences(status)
        if self._takeover.adopts:
            return gaps
        return {name: gap for name, gap in gaps.items() if self._ours(name, status.account_id)}

    def _differences(self, status: ExecutionMassStatus) -> dict[InstrumentId, Decimal]:
        told = {report.instrument_id: report.signed_qty for report in status.positions}
        for position in self._cache.positions_open():
            if position.account_id == status.account_id:
                name = position.instrument_id
                told[name] = told.get(name, Decimal(0)) - position.signed_qty
        return {name: gap for name, gap in sorted(told.items()) if gap}

    def _ours(self, instrument_id: InstrumentId, account_id: AccountId) -> list[Position]:
        return [
            position
            for position in self._cache.positions_open(instrument_id)
            if position.account_id == account_id
        ]

    def _take_position(
        self,
        instrument_id: InstrumentId,
        report: PositionStatusReport | None,
        status: ExecutionMassStatus,
        client_id: ClientId,
    ) -> None:
        ours = self._ours(instrument_id, status.account_id)
        held = sum((position.signed_qty for position in ours), Decimal(0))
        told = Decimal(0) if report is None else report.signed_qty
        if not self._takeover.adopts and not ours:
            self._engine.counters.add("external_positions_ignored", report)
            return
        instrument = self._instrument(instrument_id)
        cost = sum((position.signed_qty * position.avg_px_open for position in ours), Decimal(0))
        mark = self._cache.mark_price(instrument_id)
        price = gap_price(
            held,
            cost,
            told,
            None if report is None else report.avg_px_open,
            None if mark is None else mark.as_decimal(),
        )
        if price is None:
            raise ReconciliationFailed(
                f"the venue holds {told}, we know of {held}, and no price is known",
                field=instrument_id,
                value=report,
                remedy="subscribe to its quotes before the start, or flatten it at the venue",
            )
        self._takeover.note(f"{instrument_id}: the venue holds {told}, we knew of {held}")
        owner = _owner_of(told - held, ours)
        self._book_gap(instrument, status.account_id, told - held, price, client_id, owner)

    def _book_gap(
        self,
        instrument: Instrument,
        account_id: AccountId,
        gap: Decimal,
        price: Decimal,
        client_id: ClientId,
        owner: StrategyId | None,
    ) -> None:
        adopter = self._takeover.adopter(instrument.id, owner)
        order = order_of_position(adopter, instrument, account_id, gap)
        self._takeover.adopt(order, client_id)
        self._takeover.emit(
            order,
            ev.OrderFilled(
                **self._takeover.facts(order),
                venue_order_id=VenueOrderId(order.client_order_id),
                account_id=account_id,
                trade_id=TradeId(order.client_order_id),
                order_side=OrderSide.BUY if gap > 0 else OrderSide.SELL,
                last_qty=order.quantity,
                last_px=Price(price, 9),
            ),
        )

    def _instrument(self, instrument_id: InstrumentId) -> Instrument:
        instrument = self._cache.instrument(instrument_id)
        if instrument is None:
            raise ReconciliationFailed(
                "a position's instrument is not defined",
                field="instrument_id",
                value=instrument_id,
                remedy="add it to load_ids",
            )
        return instrument


def _owner_of(gap: Decimal, ours: Sequence[Position]) -> StrategyId | None:
    """Return whose position became smaller: that of the strategy whose position covers the gap."""
    for position in sorted(ours, key=lambda one: -abs(one.signed_qty)):
        if position.signed_qty * gap < 0 and abs(position.signed_qty) >= abs(gap):
            return position.strategy_id
    return None


def gap_price(
    held: Decimal,
    cost: Decimal,
    told: Decimal,
    told_avg: Decimal | None,
    mark: Decimal | None,
) -> Decimal | None:
    """Return the price at which to book `told - held`, None when none can be known.

    When the venue's position is ours with more added, its average decides: after booking, our
    average equals the venue's. When it is smaller or gone, something was closed unseen: our own
    average is used, so that no profit is invented. A turned position is opened at its average.

    Args:
        held: Units we know of, signed.
        cost: Units times average price of what we know of, signed.
        told: Units the venue holds, signed.
        told_avg: The venue's average price, where it says it.
        mark: A market price, where one is known.
    """
    adds = held == 0 or (abs(told) > abs(held) and held * told > 0)
    if adds and told_avg is not None:
        return (told * told_avg - cost) / (told - held)
    if adds:
        return mark
    if held * told < 0:
        # Close at our average, open at theirs: the mix of both is one price.
        opened = mark if told_avg is None else told_avg
        return None if opened is None else (told * opened - cost) / (told - held)
    return cost / held
