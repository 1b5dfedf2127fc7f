"""Single ticks, streamed and historical."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class TickAttribBidAsk(Record, kw_only=True, frozen=True):
    """Flag a quote tick."""

    bidPastLow: bool = False
    askPastHigh: bool = False


class TickAttribLast(Record, kw_only=True, frozen=True):
    """Flag a trade tick."""

    pastLimit: bool = False
    unreported: bool = False


class HistoricalTick(Record, kw_only=True, frozen=True):
    """Carry a midpoint tick; time in epoch seconds."""

    time: int | None = None
    price: float | None = None
    size: Decimal | None = None


class HistoricalTickBidAsk(Record, kw_only=True, frozen=True):
    """Carry a quote tick; time in epoch seconds."""

    time: int | None = None
    tickAttribBidAsk: TickAttribBidAsk = TickAttribBidAsk()
    priceBid: float | None = None
    priceAsk: float | None = None
    sizeBid: Decimal | None = None
    sizeAsk: Decimal | None = None


class HistoricalTickLast(Record, kw_only=True, frozen=True):
    """Carry a trade tick; time in epoch seconds."""

    time: int | None = None
    tickAttribLast: TickAttribLast = TickAttribLast()
    price: float | None = None
    size: Decimal | None = None
    exchange: str = ""
    specialConditions: str = ""


class HistoricalTicks(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistoricalTicks for MIDPOINT (96, historicalTicks)."""

    reqId: int | None = None
    historicalTicks: tuple[HistoricalTick, ...] = ()
    isDone: bool = False


class HistoricalTicksBidAsk(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistoricalTicks for BID_ASK (97, historicalTicksBidAsk)."""

    reqId: int | None = None
    historicalTicksBidAsk: tuple[HistoricalTickBidAsk, ...] = ()
    isDone: bool = False


class HistoricalTicksLast(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistoricalTicks for TRADES (98, historicalTicksLast)."""

    reqId: int | None = None
    historicalTicksLast: tuple[HistoricalTickLast, ...] = ()
    isDone: bool = False


class HistoricalTicksRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for past ticks (96, reqHistoricalTicks)."""

    reqId: int | None = None
    contract: Contract = Contract()
    startDateTime: str = ""
    endDateTime: str = ""
    numberOfTicks: int | None = None
    whatToShow: str = ""
    useRTH: bool = False
    ignoreSize: bool = False
    miscOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelHistoricalTicks(ClientMessage, kw_only=True, frozen=True):
    """Stop a historical ticks request (107, since 215, protobuf only)."""

    reqId: int | None = None


class TickByTickData(ServerMessage, kw_only=True, frozen=True):
    """Carry a streamed tick.

    tickType 1 Last and 2 AllLast, 3 BidAsk, 4 MidPoint say which one is set (99, tickByTick).
    """

    reqId: int | None = None
    tickType: int | None = None
    historicalTickLast: HistoricalTickLast | None = None
    historicalTickBidAsk: HistoricalTickBidAsk | None = None
    historicalTickMidPoint: HistoricalTick | None = None


class TickByTickRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to every tick.

    tickType is Last, AllLast, BidAsk or MidPoint (97, reqTickByTickData).
    """

    reqId: int | None = None
    contract: Contract = Contract()
    tickType: str = ""
    numberOfTicks: int | None = None
    ignoreSize: bool = False


class CancelTickByTick(ClientMessage, kw_only=True, frozen=True):
    """End a tick-by-tick subscription (98, cancelTickByTickData)."""

    reqId: int | None = None
