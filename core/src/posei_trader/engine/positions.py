"""Fills become positions, and positions become events."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, final

import msgspec

from posei_trader.model.enums import OmsType, PositionSide
from posei_trader.model.identifiers import PositionId
from posei_trader.model.positions import (
    Position,
    PositionChanged,
    PositionClosed,
    PositionEvent,
    PositionOpened,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_trader.engine.cache import Cache
    from posei_trader.model.events import OrderFillAmended, OrderFilled
    from posei_trader.model.identifiers import (
        ClientOrderId,
        InstrumentId,
        StrategyId,
        TradeId,
    )
    from posei_trader.model.instruments import Instrument
    from posei_trader.protocols import Clock

__all__ = ["PositionKeeper"]

_Trade: TypeAlias = "tuple[ClientOrderId, TradeId]"


@final
class PositionKeeper:
    """Keep the positions in the cache in line with the fills.

    Netting: one position for each instrument, strategy and account. Hedging: the position that the
    fill names, else one for each opening order.

    Args:
        cache: Where positions are kept.
        clock: Stamps the events.
    """

    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock
        self._fills: dict[PositionId, dict[_Trade, OrderFilled]] = {}
        self._position_of: dict[_Trade, PositionId] = {}
        self._netted: dict[tuple[InstrumentId, StrategyId], PositionId] = {}

    def fill(
        self,
        fill: OrderFilled,
        instrument: Instrument,
        oms_type: OmsType = OmsType.NETTING,
        named: PositionId | None = None,
    ) -> list[PositionEvent]:
        """Count a fill and return what it did, in order; nothing when it is counted already.

        Args:
            fill: The fill.
            instrument: What traded.
            oms_type: How a position is chosen.
            named: The position that the order was submitted for; it wins.
        """
        trade = (fill.client_order_id, fill.trade_id)
        if trade in self._position_of:
            return []
        position_id = named or self._position_id(fill, oms_type)
        self._position_of[trade] = position_id
        self._fills.setdefault(position_id, {})[trade] = fill
        position = self._cache.position(position_id)
        if position is None:
            position = Position(position_id, instrument, fill.account_id, fill.strategy_id)
            self._cache.add_position(position)
        before = position.signed_qty
        position.apply(fill)
        return self._what_happened(position, before, fill)

    def amend(self, amendment: OrderFillAmended) -> list[PositionEvent]:
        """Correct a counted fill and return what that did; nothing when it is not counted.

        A commission is added to the costs. A corrected price or quantity makes the position anew
        from all its fills, because every average and profit after the fill depends on it.
        """
        trade = (amendment.client_order_id, amendment.trade_id)
        position_id = self._position_of.get(trade)
        position = None if position_id is None else self._cache.position(position_id)
        if position_id is None or position is None:
            return []
        fills = self._fills[position_id]
        fill = fills[trade] = _amended(fills[trade], amendment)
        before = position.signed_qty
        if amendment.last_qty is None and amendment.last_px is None:
            # A trade that was taken back is not in the position any more; it costs nothing either.
            if amendment.commission is not None and position.has_trade(amendment.trade_id):
                position.set_commission(amendment.trade_id, amendment.commission)
        else:
            position = self._rebuilt(position)
        return self._what_happened(position, before, fill)

    def _rebuilt(self, old: Position) -> Position:
        new = Position(old.id, old.instrument, old.account_id, old.strategy_id)
        for fill in self._fills[old.id].values():
            if fill.last_qty.raw:  # a busted trade never happened
                new.apply(fill)
        self._cache.add_position(new)
        return new

    def _position_id(self, fill: OrderFilled, oms_type: OmsType) -> PositionId:
        if oms_type is OmsType.HEDGING:
            order_id = fill.client_order_id
            return fill.position_id or PositionId(f"{fill.instrument_id}-{order_id}")
        pair = (fill.instrument_id, fill.strategy_id)
        position_id = self._netted.get(pair)
        if position_id is None:
            position_id = PositionId(f"{fill.instrument_id}-{fill.strategy_id}")
            self._netted[pair] = position_id
        known = self._cache.position(position_id)
        if known is None or known.account_id == fill.account_id:
            return position_id
        return PositionId(f"{position_id}-{fill.account_id}")

    def _what_happened(
        self, position: Position, before: Decimal, fill: OrderFilled
    ) -> list[PositionEvent]:
        after = position.signed_qty
        if before * after < 0:
            flat = self._event(PositionClosed, position, fill)
            closed = msgspec.structs.replace(
                flat,
                side=PositionSide.FLAT,
                signed_qty=after - after,
                avg_px_open=after - after,
            )
            return [closed, self._event(PositionOpened, position, fill)]
        if before == 0 and after != 0:
            return [self._event(PositionOpened, position, fill)]
        if before != 0 and after == 0:
            return [self._event(PositionClosed, position, fill)]
        return [self._event(PositionChanged, position, fill)]

    def _event(
        self, kind: type[PositionEvent], position: Position, fill: OrderFilled
    ) -> PositionEvent:
        return kind(
            position_id=position.id,
            instrument_id=position.instrument_id,
            account_id=position.account_id,
            strategy_id=position.strategy_id,
            side=position.side,
            signed_qty=position.signed_qty,
            avg_px_open=position.avg_px_open,
            realized_pnl=position.realized_pnl,
            last_qty=fill.last_qty,
            last_px=fill.last_px,
            ts_event=fill.ts_event,
            ts_init=self._clock.timestamp_ns(),
        )


def _amended(fill: OrderFilled, amendment: OrderFillAmended) -> OrderFilled:
    return msgspec.structs.replace(
        fill,
        last_qty=fill.last_qty if amendment.last_qty is None else amendment.last_qty,
        last_px=fill.last_px if amendment.last_px is None else amendment.last_px,
        commission=fill.commission if amendment.commission is None else amendment.commission,
    )
