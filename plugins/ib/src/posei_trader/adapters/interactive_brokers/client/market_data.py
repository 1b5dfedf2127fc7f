"""Market data: streams of ticks, bars and books; history by its base."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, final

from posei_trader.adapters.interactive_brokers.client.describe import described
from posei_trader.adapters.interactive_brokers.client.history import HistoryRequests, bar_cost
from posei_trader.adapters.interactive_brokers.client.messages import (
    MarketDataParameters,
    OptionComputation,
)
from posei_trader.adapters.interactive_brokers.client.router import Router
from posei_trader.adapters.interactive_brokers.client.scheduler import Command, Lane
from posei_trader.adapters.interactive_brokers.client.stream_records import StreamPlan
from posei_trader.adapters.interactive_brokers.contract_conversion import contract_to_ibapi
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.pacing import LineKind
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Hashable

    from posei_trader.adapters.interactive_brokers.client.handlers import (
        DepthHandler,
        MarketDataHandler,
        MidpointHandler,
        QuoteHandler,
        RealtimeBarHandler,
        TradeHandler,
        UpToDateBarsHandler,
    )
    from posei_trader.adapters.interactive_brokers.client.session import Session
    from posei_trader.adapters.interactive_brokers.client.streams import Subscription
    from posei_trader.adapters.interactive_brokers.wire.records import TickKind

__all__ = ["InteractiveBrokersClientMarketDataMixin"]

_EPOCH: Final = 2
_LARGEST: Final = 1e300
_LIVE: Final = 1


@final
@dataclass(slots=True)
class _MarketDataState:
    """The market data part's state."""

    router: Router
    market_data_type: int = _LIVE


class InteractiveBrokersClientMarketDataMixin(HistoryRequests):
    """Open streams.

    Subscribing is plain: the request is sent at once, or as soon as IB's message rate allows; data
    comes after the call returned. Equal streams are shared. After a lost connection, after IB
    dropped its data (1101), and where IB asks for it, a stream is opened anew exactly once, and its
    handlers are told.
    """

    _market_data: _MarketDataState

    def _init_market_data(self, session: Session) -> None:
        self._init_history(session)
        router = Router(session.streams, session.requests)
        self._market_data = _MarketDataState(router)
        session.callbacks.update(
            historicalDataEnd=router.historical_end,
            tickOptionComputation=self._option_computation,
            marketDataType=self._market_data_type_of,
            tickReqParams=self._tick_parameters,
            rerouteMktDataReq=self._rerouted,
            rerouteMktDepthReq=self._rerouted,
        )
        session.on_ready.append(self._market_data_ready)

    # --- streams ----------------------------------------------------------------------------------

    def set_market_data_type(self, market_data_type: int) -> None:
        """Choose the kind of data for streams opened from now on, and after every reconnect.

        Source: `reqMarketDataType`.

        Args:
            market_data_type: 1 live, 2 frozen, 3 delayed, 4 delayed frozen.

        Raises:
            InvalidRequest: there is no such type.
        """
        if market_data_type not in {1, 2, 3, 4}:
            raise InvalidRequest(
                "there is no such market data type",
                field="market_data_type",
                value=market_data_type,
                remedy="1 live, 2 frozen, 3 delayed, 4 delayed frozen",
            )
        self._market_data.market_data_type = market_data_type
        if self._session.is_open:
            self._send_market_data_type()

    def subscribe_ticks(
        self,
        contract: IBContract,
        kind: TickKind,
        handler: QuoteHandler | TradeHandler | MidpointHandler,
        *,
        ignore_size: bool = False,
    ) -> Subscription:
        """Stream every tick.

        Source: `reqTickByTickData`.

        Args:
            contract: What to stream.
            kind: BID_ASK for a `QuoteHandler`, LAST or ALL_LAST for a `TradeHandler`, MID_POINT
                for a `MidpointHandler`.
            handler: Who is called.
            ignore_size: For quotes: leave out those that change only a size.

        Raises:
            ResourceExhausted: no tick-by-tick stream is left.
            NotConnected: there is no connection.
        """
        asked = contract.bare()
        plan = StreamPlan(
            key=("ticks", asked, kind, ignore_size),
            subject=f"tick-by-tick {kind} of {described(asked)}",
            open=lambda ib, req_id: ib.reqTickByTickData(
                req_id, contract_to_ibapi(asked), kind.value, 0, ignore_size
            ),
            close=lambda ib, req_id: ib.cancelTickByTickData(req_id),
            line=LineKind.TICK_BY_TICK,
        )
        return self._session.streams.join(plan, handler)

    def subscribe_market_data(
        self, contract: IBContract, handler: MarketDataHandler, *, generic_ticks: str = ""
    ) -> Subscription:
        """Stream level-one market data. A second listener is told the latest values first.

        Real-time volume is not told again: it is a trade of before.

        Source: `reqMktData`.

        Args:
            contract: What to stream.
            handler: Who is called.
            generic_ticks: IB's codes of further ticks: ``"233,236"``.

        Raises:
            ResourceExhausted: no market data line is left.
            NotConnected: there is no connection.
        """
        asked = contract.bare()
        plan = replace(
            _level_one_plan(asked, asked, generic_ticks),
            reroute=lambda con_id, exchange: _level_one_plan(
                asked, IBContract(conId=con_id, exchange=exchange), generic_ticks
            ),
        )
        return self._session.streams.join(plan, handler)

    def subscribe_realtime_bars(
        self,
        contract: IBContract,
        handler: RealtimeBarHandler,
        *,
        what_to_show: str = "TRADES",
        use_rth: bool = False,
    ) -> Subscription:
        """Stream 5-second bars.

        Source: `reqRealTimeBars`.

        Raises:
            ResourceExhausted: no market data line is left.
            NotConnected: there is no connection.
        """
        asked = contract.bare()
        plan = StreamPlan(
            key=("realtime bars", asked, what_to_show, use_rth),
            subject=f"5-second {what_to_show} bars of {described(asked)}",
            open=lambda ib, req_id: ib.reqRealTimeBars(
                req_id, contract_to_ibapi(asked), 5, what_to_show, use_rth, []
            ),
            close=lambda ib, req_id: ib.cancelRealTimeBars(req_id),
            line=LineKind.MARKET_DATA,
        )
        return self._session.streams.join(plan, handler)

    def subscribe_historical_bars(
        self,
        contract: IBContract,
        handler: UpToDateBarsHandler,
        *,
        duration: str,
        bar_size: str,
        what_to_show: str = "TRADES",
        use_rth: bool = False,
    ) -> Subscription:
        """Fetch bars and keep them up to date. Not shared: each listener gets the history first.

        Source: `reqHistoricalData` with `keepUpToDate`.

        Args:
            contract: What to stream.
            handler: Who is called.
            duration: How much history comes first: ``"1 D"``.
            bar_size: At least ``"5 secs"``.
            what_to_show: ``TRADES``, ``MIDPOINT``, ``BID``, ``ASK``.
            use_rth: Only regular trading hours.

        Raises:
            NotConnected: there is no connection.
        """
        asked = contract.bare()
        plan = StreamPlan(
            key=("up to date", asked, duration, bar_size, what_to_show, use_rth, id(handler)),
            subject=f"{bar_size} {what_to_show} bars of {described(asked)}, kept up to date",
            open=lambda ib, req_id: ib.reqHistoricalData(
                req_id,
                contract_to_ibapi(asked),
                "",
                duration,
                bar_size,
                what_to_show,
                int(use_rth),
                _EPOCH,
                True,
                [],
            ),
            close=lambda ib, req_id: ib.cancelHistoricalData(req_id),
            cost=bar_cost(asked, "", duration, bar_size, what_to_show, use_rth),
        )
        return self._session.streams.join(plan, handler)

    def subscribe_market_depth(
        self, contract: IBContract, handler: DepthHandler, *, rows: int = 20, is_smart: bool = True
    ) -> Subscription:
        """Stream an order book. Not shared: each listener gets the whole book first.

        Source: `reqMktDepth`.

        Args:
            contract: What to stream.
            handler: Who is called.
            rows: Rows on each side.
            is_smart: Whether the books of all exchanges are merged.

        Raises:
            ResourceExhausted: no book is left.
            NotConnected: there is no connection.
        """
        asked = contract.bare()
        key = ("depth", asked, rows, is_smart, id(handler))
        plan = replace(
            _depth_plan(key, asked, rows, is_smart=is_smart),
            reroute=lambda con_id, exchange: _depth_plan(
                key,
                IBContract(conId=con_id, exchange=exchange),
                rows,
                is_smart=exchange == "SMART",
            ),
        )
        return self._session.streams.join(plan, handler)

    # --- what IB says -----------------------------------------------------------------------------

    def _option_computation(
        self, req_id: int, tick_type: int, attribute: int | None, *values: float
    ) -> None:
        iv, delta, price, dividend, gamma, vega, theta, underlying = map(_computed, values)
        computation = OptionComputation(
            tick_type,
            None if attribute is None else attribute == 1,
            iv,
            delta,
            price,
            dividend,
            gamma,
            vega,
            theta,
            underlying,
        )
        self._deliver(req_id, "option_computation", computation)

    def _market_data_type_of(self, req_id: int, market_data_type: int) -> None:
        self._deliver(req_id, "market_data_type", market_data_type)

    def _tick_parameters(
        self, req_id: int, min_tick: float, bbo_exchange: str, snapshot_permissions: int, *_: Any
    ) -> None:
        parameters = MarketDataParameters(min_tick, bbo_exchange, snapshot_permissions)
        self._deliver(req_id, "parameters", parameters)

    def _rerouted(self, req_id: int, con_id: int, exchange: str) -> None:
        """Follow IB to the contract that has the data: CFDs are quoted by their underlying."""
        stream = self._session.streams.find(req_id)
        if stream is not None:
            self._session.streams.reroute(stream, con_id, exchange)

    def _deliver(self, req_id: int, method: str, value: Any) -> None:
        stream = self._session.streams.find(req_id)
        if stream is None:
            self._session.streams.late += 1
            return
        stream.received += 1
        tick_type = value.tick_type if isinstance(value, OptionComputation) else 0
        stream.latest[method, tick_type] = (value,)
        self._session.streams.guarded(getattr(stream.target, method), value)

    # --- the connection ---------------------------------------------------------------------------

    def _market_data_ready(self, is_again: bool) -> None:
        self._market_data.router.forget()
        if self._market_data.market_data_type != _LIVE:
            self._send_market_data_type()
        if is_again:
            count = self._session.streams.reissue_all("the connection was lost", close_first=False)
            if count:
                self._session.log.info("streams were opened anew", count=count)

    def _send_market_data_type(self) -> None:
        kind = self._market_data.market_data_type
        data = self._session.encode(lambda ib: ib.reqMarketDataType(kind))
        self._session.scheduler.submit(Command(data, Lane.REQUEST))


def _level_one_plan(asked: IBContract, served_by: IBContract, generic_ticks: str) -> StreamPlan:
    return StreamPlan(
        key=("market data", asked, generic_ticks),
        subject=f"market data of {described(served_by)}",
        open=lambda ib, req_id: ib.reqMktData(
            req_id, contract_to_ibapi(served_by), generic_ticks, False, False, []
        ),
        close=lambda ib, req_id: ib.cancelMktData(req_id),
        line=LineKind.MARKET_DATA,
    )


def _depth_plan(key: Hashable, served_by: IBContract, rows: int, *, is_smart: bool) -> StreamPlan:
    return StreamPlan(
        key=key,
        subject=f"order book of {described(served_by)}",
        open=lambda ib, req_id: ib.reqMktDepth(
            req_id, contract_to_ibapi(served_by), rows, is_smart, []
        ),
        close=lambda ib, req_id: ib.cancelMktDepth(req_id, is_smart),
        line=LineKind.DEPTH,
    )


def _computed(value: float | None) -> float | None:
    # ibapi has turned IB's -1 and -2, field by field, into None already.
    if value is None or not math.isfinite(value) or value > _LARGEST:
        return None
    return value
