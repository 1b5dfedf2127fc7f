"""How each kind of stream is opened: which request of IB's serves it, with which handler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.client.messages import TickKind
from posei_trader.adapters.interactive_brokers.data.bars import RealTimeBars, SecondBars
from posei_trader.adapters.interactive_brokers.data.book import DepthRows
from posei_trader.adapters.interactive_brokers.data.conditions import HaltedStatus, IndexPrices
from posei_trader.adapters.interactive_brokers.data.derivatives import (
    GreeksOfOption,
    OpenInterestOf,
    interest_types,
)
from posei_trader.adapters.interactive_brokers.data.params import (
    STALE_AFTER,
    depth_of,
    flag,
    stale_after_of,
)
from posei_trader.adapters.interactive_brokers.data.quotes import LevelOneQuotes, TickByTickQuotes
from posei_trader.adapters.interactive_brokers.data.trades import LevelOneTrades, TickByTickTrades
from posei_trader.adapters.interactive_brokers.data.up_to_date import UpToDateBars
from posei_trader.adapters.interactive_brokers.historical.bar_specs import (
    NO_QUOTES,
    NO_TRADES,
    bar_size,
    check_has,
    what_to_show,
)
from posei_trader.errors import (
    InvalidRequest,
    MarketDataNotPermitted,
    ResourceExhausted,
    Unsupported,
)
from posei_trader.logs import get_logger
from posei_trader.model.enums import BarAggregation, PriceType
from posei_trader.model.requests import DataKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from posei_trader.adapters.interactive_brokers.client import (
        InteractiveBrokersClient,
        Subscription,
    )
    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersDataClientConfig,
    )
    from posei_trader.adapters.interactive_brokers.data.streams import Stream, StreamContext
    from posei_trader.model.bars import BarType

_log = get_logger("InteractiveBrokersDataClient")

_RT_VOLUME: Final = "233"
_HALTED: Final = ""
_OPTION_INTEREST: Final = "101"
_FUTURES_INTEREST: Final = "588"
_OPTIONS: Final = frozenset({"OPT", "FOP"})
_TICKS: Final = frozenset({DataKind.QUOTE_TICKS, DataKind.TRADE_TICKS})

_PARAMS: Final[dict[DataKind, frozenset[str]]] = {
    DataKind.QUOTE_TICKS: frozenset({"batch_quotes"}),
    DataKind.TRADE_TICKS: frozenset(),
    DataKind.BARS: frozenset({"use_rth"}),
    DataKind.ORDER_BOOK_DELTAS: frozenset({"depth", "is_smart_depth"}),
    DataKind.INSTRUMENT_STATUS: frozenset(),
    DataKind.INDEX_PRICES: frozenset(),
    DataKind.OPTION_GREEKS: frozenset(),
    DataKind.OPEN_INTEREST: frozenset(),
}

_DURATIONS: Final[dict[BarAggregation, str]] = {
    BarAggregation.SECOND: "3600 S",
    BarAggregation.MINUTE: "1 D",
    BarAggregation.HOUR: "2 D",
    BarAggregation.DAY: "1 W",
    BarAggregation.WEEK: "2 M",
    BarAggregation.MONTH: "3 M",
}
"""How much history comes with bars that are kept up to date: enough to bridge an interruption."""


class Opened(NamedTuple):
    """An open stream.

    Attributes:
        handler: Turns IB's messages into ours.
        handle: Ends it at IB.
    """

    handler: Stream
    handle: Subscription


@final
class StreamOpener:
    """Opens streams at IB.

    Args:
        client: The connection.
        config: Settings.
    """

    def __init__(
        self, client: InteractiveBrokersClient, config: InteractiveBrokersDataClientConfig
    ) -> None:
        self._client = client
        self._config = config

    def open(self, context: StreamContext) -> Opened:
        """Open what a subscription asks for.

        Raises:
            Unsupported: IB has no such stream.
            InvalidRequest: a parameter is unknown or has no such value.
            ResourceExhausted: no line is left.
            NotConnected: there is no connection.
        """
        kind = context.subscription.kind
        opener = _OPENERS.get(kind)
        if opener is None:
            raise Unsupported(
                f"Interactive Brokers streams no {kind} here",
                field="kind",
                value=kind,
                remedy=f"subscribe to one of {', '.join(_OPENERS)}",
            )
        known = _PARAMS[kind] | {STALE_AFTER}
        unknown = sorted({name for name, _ in context.subscription.params} - known)
        if unknown:
            raise InvalidRequest(
                f"a subscription of {kind} has no such parameter",
                field="params",
                value=unknown[0],
                remedy=f"give one of {', '.join(sorted(known))}",
            )
        stale_after_of(context.subscription, None)
        return opener(self, context)

    def fall_back(self, context: StreamContext, error: Exception) -> Opened | None:
        """Open level one instead of a tick-by-tick stream that IB did not grant.

        Returns None where there is nothing to fall back to, or where it is not wanted.
        """
        is_about_lines = isinstance(error, ResourceExhausted | MarketDataNotPermitted)
        kind = context.subscription.kind
        if not self._config.fallback_to_level_one or not is_about_lines:
            return None
        if kind not in _TICKS:  # bars of a second are made of every tick: fewer would be other bars
            return None
        _log.warning(
            "no tick-by-tick stream: level one serves instead, with fewer ticks",
            subscription=str(context.subscription),
            reason=str(error),
        )
        if kind is DataKind.TRADE_TICKS:
            return self._level_one_trades(context)
        return self._level_one_quotes(context)

    # -- quotes and trades ----------------------------------------------------------------------

    def _quotes(self, context: StreamContext) -> Opened:
        sec_type = context.traded.sec_type
        if sec_type in NO_QUOTES:
            raise Unsupported(
                f"nobody quotes {sec_type} contracts",
                field="kind",
                value=context.subscription.kind,
                remedy="subscribe to INDEX_PRICES",
            )
        if flag(context, "batch_quotes", default=self._config.batch_quotes):
            return self._level_one_quotes(context)
        try:
            return self._tick_by_tick_quotes(context)
        except ResourceExhausted as error:
            opened = self.fall_back(context, error)
            if opened is None:
                raise
            return opened

    def _level_one_quotes(self, context: StreamContext) -> Opened:
        handler = LevelOneQuotes(
            context, ignore_size_updates=self._config.ignore_quote_tick_size_updates
        )
        return Opened(handler, self._client.subscribe_market_data(context.traded.contract, handler))

    def _tick_by_tick_quotes(self, context: StreamContext) -> Opened:
        handler = TickByTickQuotes(context)
        handle = self._client.subscribe_ticks(
            context.traded.contract,
            TickKind.BID_ASK,
            handler,
            ignore_size=self._config.ignore_quote_tick_size_updates,
        )
        return Opened(handler, handle)

    def _trades(self, context: StreamContext) -> Opened:
        sec_type = context.traded.sec_type
        if sec_type in NO_TRADES | NO_QUOTES:
            raise Unsupported(
                f"Interactive Brokers has no trades of {sec_type} contracts",
                field="kind",
                value=context.subscription.kind,
                remedy="subscribe to INDEX_PRICES"
                if sec_type in NO_QUOTES
                else "subscribe to QUOTE_TICKS",
            )
        handler = TickByTickTrades(context)
        try:
            handle = self._client.subscribe_ticks(
                context.traded.contract, TickKind.ALL_LAST, handler
            )
        except ResourceExhausted as error:
            opened = self.fall_back(context, error)
            if opened is None:
                raise
            return opened
        return Opened(handler, handle)

    def _level_one_trades(self, context: StreamContext) -> Opened:
        handler = LevelOneTrades(context)
        handle = self._client.subscribe_market_data(
            context.traded.contract, handler, generic_ticks=_RT_VOLUME
        )
        return Opened(handler, handle)

    # -- bars -----------------------------------------------------------------------------------

    def _bars(self, context: StreamContext) -> Opened:
        bar_type = context.subscription.bar_type
        if bar_type is None:
            raise InvalidRequest(
                "a subscription of bars needs a bar type",
                field="bar_type",
                value=None,
                remedy="give something like 'AAPL.NASDAQ-1-MINUTE-LAST-EXTERNAL'",
            )
        spec = bar_type.spec
        check_has(spec.price_type, context.traded.sec_type)
        if spec.aggregation is BarAggregation.SECOND and spec.step == 1:
            return self._second_bars(context, bar_type)
        if spec.aggregation is BarAggregation.SECOND and spec.step == 5:
            return self._realtime_bars(context, bar_type)
        handler = UpToDateBars(
            context,
            bar_type,
            handle_revised_bars=self._config.handle_revised_bars,
            use_rth=self._use_rth(context),
        )
        handle = self._client.subscribe_historical_bars(
            context.traded.contract,
            handler,
            duration=_DURATIONS[spec.aggregation],
            bar_size=bar_size(spec),
            what_to_show=what_to_show(spec.price_type, context.traded.sec_type),
            use_rth=self._use_rth(context),
        )
        return Opened(handler, handle)

    def _realtime_bars(self, context: StreamContext, bar_type: BarType) -> Opened:
        handler = RealTimeBars(context, bar_type, use_rth=self._use_rth(context))
        handle = self._client.subscribe_realtime_bars(
            context.traded.contract,
            handler,
            what_to_show=what_to_show(bar_type.spec.price_type, context.traded.sec_type),
            use_rth=self._use_rth(context),
        )
        return Opened(handler, handle)

    def _second_bars(self, context: StreamContext, bar_type: BarType) -> Opened:
        handler = SecondBars(context, bar_type)
        kind = TickKind.LAST if bar_type.spec.price_type is PriceType.LAST else TickKind.BID_ASK
        handle = self._client.subscribe_ticks(context.traded.contract, kind, handler)
        return Opened(handler, handle)

    def _use_rth(self, context: StreamContext) -> bool:
        return flag(context, "use_rth", default=self._config.use_regular_trading_hours)

    # -- the rest -------------------------------------------------------------------------------

    def _book(self, context: StreamContext) -> Opened:
        rows = depth_of(context)
        handler = DepthRows(context, rows)
        handle = self._client.subscribe_market_depth(
            context.traded.contract,
            handler,
            rows=rows,
            is_smart=flag(
                context, "is_smart_depth", default=context.traded.contract.exchange == "SMART"
            ),
        )
        return Opened(handler, handle)

    def _status(self, context: StreamContext) -> Opened:
        handler = HaltedStatus(context)
        return Opened(
            handler,
            self._client.subscribe_market_data(
                context.traded.contract, handler, generic_ticks=_HALTED
            ),
        )

    def _index(self, context: StreamContext) -> Opened:
        if context.traded.sec_type != "IND":
            raise Unsupported(
                "only an index has index prices",
                field="instrument_id",
                value=context.subscription.instrument_id,
                remedy="subscribe to QUOTE_TICKS or TRADE_TICKS",
            )
        handler = IndexPrices(context)
        return Opened(handler, self._client.subscribe_market_data(context.traded.contract, handler))

    def _greeks(self, context: StreamContext) -> Opened:
        if context.traded.sec_type not in _OPTIONS:
            raise Unsupported(
                "only an option has greeks",
                field="instrument_id",
                value=context.subscription.instrument_id,
                remedy="subscribe to the option",
            )
        handler = GreeksOfOption(context)
        return Opened(handler, self._client.subscribe_market_data(context.traded.contract, handler))

    def _interest(self, context: StreamContext) -> Opened:
        contract = context.traded.contract
        handler = OpenInterestOf(context, interest_types(context))
        handle = self._client.subscribe_market_data(
            contract,
            handler,
            generic_ticks=_FUTURES_INTEREST if contract.secType == "FUT" else _OPTION_INTEREST,
        )
        return Opened(handler, handle)


_OPENERS: Final[dict[DataKind, Callable[[StreamOpener, StreamContext], Opened]]] = {
    DataKind.QUOTE_TICKS: StreamOpener._quotes,  # noqa: SLF001  the class's own table
    DataKind.TRADE_TICKS: StreamOpener._trades,  # noqa: SLF001  same
    DataKind.BARS: StreamOpener._bars,  # noqa: SLF001  same
    DataKind.ORDER_BOOK_DELTAS: StreamOpener._book,  # noqa: SLF001  same
    DataKind.INSTRUMENT_STATUS: StreamOpener._status,  # noqa: SLF001  same
    DataKind.INDEX_PRICES: StreamOpener._index,  # noqa: SLF001  same
    DataKind.OPTION_GREEKS: StreamOpener._greeks,  # noqa: SLF001  same
    DataKind.OPEN_INTEREST: StreamOpener._interest,  # noqa: SLF001  same
}
