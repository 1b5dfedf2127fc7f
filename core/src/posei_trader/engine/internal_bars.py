"""Bars that are made here for listeners, and the tick stream they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec

from posei_trader.engine.streams import Owners
from posei_trader.model.enums import PriceType
from posei_trader.model.requests import DataKind, Subscription

if TYPE_CHECKING:
    from posei_trader.engine.aggregation import TimeBarAggregator
    from posei_trader.engine.bus import Handler
    from posei_trader.engine.data import DataEngine
    from posei_trader.engine.messages import DataGap, DataSilence

__all__ = ["InternalBars"]


@final
class InternalBars:
    """One bar type with its listeners; the owner of its tick stream.

    Args:
        engine: Streams the ticks.
        subscription: The bars as they were asked for.
        bars: Makes them.
    """

    def __init__(
        self, engine: DataEngine, subscription: Subscription, bars: TimeBarAggregator
    ) -> None:
        is_last = bars.bar_type.spec.price_type is PriceType.LAST
        self._engine = engine
        self.subscription = subscription
        self.bars = bars
        self.handler: Handler = bars.on_trade if is_last else bars.on_quote
        self.ticks = Subscription(
            DataKind.TRADE_TICKS if is_last else DataKind.QUOTE_TICKS,
            subscription.instrument_id,
            params=subscription.params,
            client_id=subscription.client_id,
        )
        self.owners = Owners()

    def stream_failed(self, _subscription: Subscription, error: Exception) -> None:
        """Pass the failure on: without ticks there are no bars."""
        owners = list(self.owners)
        self.owners.clear()
        self._engine.end_aggregation(self)
        for owner in owners:
            owner.stream_failed(self.subscription, error)

    def stream_interrupted(self, gap: DataGap) -> None:
        """Pass the interruption on."""
        own = msgspec.structs.replace(gap, subscription=self.subscription)
        for owner in list(self.owners):
            owner.stream_interrupted(own)

    def stream_silent(self, silence: DataSilence) -> None:
        """Pass the alarm on."""
        own = msgspec.structs.replace(silence, subscription=self.subscription)
        for owner in list(self.owners):
            owner.stream_silent(own)
