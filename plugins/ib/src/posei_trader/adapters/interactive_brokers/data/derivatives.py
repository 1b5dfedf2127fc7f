"""Greeks of options and open interest, from level one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_trader.adapters.interactive_brokers.data.conditions import LevelOne
from posei_trader.errors import Unsupported
from posei_trader.model.derivatives import OpenInterest, OptionGreeks
from posei_trader.model.enums import GreeksBasis

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.messages import OptionComputation
    from posei_trader.adapters.interactive_brokers.data.streams import StreamContext

__all__ = ["GreeksOfOption", "OpenInterestOf", "interest_types"]

_BASES: Final = {
    10: GreeksBasis.BID,
    11: GreeksBasis.ASK,
    12: GreeksBasis.LAST,
    13: GreeksBasis.MODEL,
    80: GreeksBasis.BID,
    81: GreeksBasis.ASK,
    82: GreeksBasis.LAST,
    83: GreeksBasis.MODEL,
}
"""IB's tick types, live and delayed."""

_CALL_INTEREST: Final = 27
_PUT_INTEREST: Final = 28
_FUTURES_INTEREST: Final = 86


@final
class GreeksOfOption(LevelOne):
    """Publishes what IB computes of bid, ask, last price and model, when it changes.

    IB's prices of options and underlyings are in its own unit; so are the greeks of prices.
    """

    __slots__ = ("_last", "_magnifier")

    def __init__(self, context: StreamContext) -> None:
        super().__init__(context)
        self._last: dict[GreeksBasis, OptionComputation] = {}
        self._magnifier = context.traded.magnifier

    def option_computation(self, computation: OptionComputation) -> None:
        """Take what IB computed."""
        basis = _BASES.get(computation.tick_type)
        if basis is None or computation == self._last.get(basis):
            return
        self._last[basis] = computation
        values = (computation.implied_vol, computation.delta, computation.option_price)
        if all(value is None for value in values):
            self.context.count("greeks that IB could not compute left out")
            return
        now = self.clock.timestamp_ns()
        self.sink.option_greeks(
            OptionGreeks(
                self.instrument_id,
                basis,
                computation.implied_vol,
                computation.delta,
                computation.gamma,
                self._price(computation.vega),
                self._price(computation.theta),
                self._price(computation.option_price),
                self._price(computation.underlying_price),
                self._price(computation.pv_dividend),
                now,
                now,
            )
        )

    def _price(self, value: float | None) -> float | None:
        return value if value is None or self._magnifier == 1 else value / self._magnifier

    def stream_restarted(self, reason: str) -> None:
        """Forget what was published: it comes again."""
        self._last.clear()
        super().stream_restarted(reason)


def interest_types(context: StreamContext) -> frozenset[int]:
    """Return the tick types that say an instrument's open interest.

    Raises:
        Unsupported: it has none.
    """
    contract = context.traded.contract
    if contract.secType == "FUT":
        return frozenset({_FUTURES_INTEREST})
    if contract.secType in {"OPT", "FOP"}:
        is_call = contract.right.upper().startswith("C")
        return frozenset({_CALL_INTEREST if is_call else _PUT_INTEREST})
    if context.traded.is_continuous:
        raise Unsupported(
            "a continuous future is no contract: nobody holds it, so it has no open interest",
            field="instrument_id",
            value=context.subscription.instrument_id,
            remedy="subscribe to the contract of the current month, such as ESM4.CME for ES.CME",
        )
    raise Unsupported(
        "only futures and options have open interest",
        field="instrument_id",
        value=context.subscription.instrument_id,
        remedy="subscribe to a derivative",
    )


@final
class OpenInterestOf(LevelOne):
    """Publishes how many contracts are open, when it changes.

    Args:
        context: The subscription.
        tick_types: IB's tick types that say it.
    """

    __slots__ = ("_last", "_tick_types")

    def __init__(self, context: StreamContext, tick_types: frozenset[int]) -> None:
        super().__init__(context)
        self._tick_types = tick_types
        self._last: int | None = None

    def tick_size(self, tick_type: int, size: int | None) -> None:
        """Take IB's number."""
        if tick_type not in self._tick_types or size is None or size == self._last:
            return
        self._last = size
        now = self.clock.timestamp_ns()
        precision = self.scale.volume_precision(size)
        self.sink.open_interest(OpenInterest(self.instrument_id, size, precision, now, now))
