"""Streaming market data and option calculations."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract, DeltaNeutralContract


class TickPrice(ServerMessage, kw_only=True, frozen=True):
    """Carry a price tick; attrMask bit 0 canAutoExecute, 1 pastLimit, 2 preOpen (1, tickPrice)."""

    reqId: int | None = None
    tickType: int | None = None
    price: float | None = None
    size: Decimal | None = None
    attrMask: int | None = None


class TickSize(ServerMessage, kw_only=True, frozen=True):
    """Carry a size tick (2, tickSize)."""

    reqId: int | None = None
    tickType: int | None = None
    size: Decimal | None = None


class TickOptionComputation(ServerMessage, kw_only=True, frozen=True):
    """Carry computed option values (21, tickOptionComputation)."""

    reqId: int | None = None
    tickType: int | None = None
    tickAttrib: int | None = None
    impliedVol: float | None = None
    delta: float | None = None
    optPrice: float | None = None
    pvDividend: float | None = None
    gamma: float | None = None
    vega: float | None = None
    theta: float | None = None
    undPrice: float | None = None


class TickGeneric(ServerMessage, kw_only=True, frozen=True):
    """Carry a numeric tick (45, tickGeneric)."""

    reqId: int | None = None
    tickType: int | None = None
    value: float | None = None


class TickString(ServerMessage, kw_only=True, frozen=True):
    """Carry a textual tick (46, tickString)."""

    reqId: int | None = None
    tickType: int | None = None
    value: str = ""


class TickEFP(ServerMessage, kw_only=True, frozen=True):
    """Carry an exchange-for-physical tick (47, tickEFP, text only)."""

    reqId: int | None = None
    tickType: int | None = None
    basisPoints: float | None = None
    formattedBasisPoints: str = ""
    totalDividends: float | None = None
    holdDays: int | None = None
    futureLastTradeDate: str = ""
    dividendImpact: float | None = None
    dividendsToLastTradeDate: float | None = None


class TickSnapshotEnd(ServerMessage, kw_only=True, frozen=True):
    """End a market data snapshot (57, tickSnapshotEnd)."""

    reqId: int | None = None


class MarketDataType(ServerMessage, kw_only=True, frozen=True):
    """Tell which kind of data follows: 1 live, 2 frozen, 3 delayed, 4 delayed frozen (58)."""

    reqId: int | None = None
    marketDataType: int | None = None


class TickReqParams(ServerMessage, kw_only=True, frozen=True):
    """Tell the tick size and permissions of a subscription (81, tickReqParams)."""

    reqId: int | None = None
    minTick: Decimal | None = None
    bboExchange: str = ""
    snapshotPermissions: int | None = None
    lastPricePrecision: Decimal | None = None
    lastSizePrecision: Decimal | None = None


class DeltaNeutralValidation(ServerMessage, kw_only=True, frozen=True):
    """Confirm the hedging contract of a combo's request (56, text only)."""

    reqId: int | None = None
    deltaNeutralContract: DeltaNeutralContract = DeltaNeutralContract()


class RerouteMarketDataRequest(ServerMessage, kw_only=True, frozen=True):
    """Name the contract whose market data to ask for instead (91, rerouteMktDataReq)."""

    reqId: int | None = None
    conId: int | None = None
    exchange: str = ""


class RerouteMarketDepthRequest(ServerMessage, kw_only=True, frozen=True):
    """Name the contract whose depth to ask for instead (92, rerouteMktDepthReq)."""

    reqId: int | None = None
    conId: int | None = None
    exchange: str = ""


class MarketDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to market data or ask for a snapshot (1, reqMktData)."""

    reqId: int | None = None
    contract: Contract = Contract()
    genericTickList: str = ""
    snapshot: bool = False
    regulatorySnapshot: bool = False
    marketDataOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelMarketData(ClientMessage, kw_only=True, frozen=True):
    """End a market data subscription (2, cancelMktData)."""

    reqId: int | None = None


class MarketDataTypeRequest(ClientMessage, kw_only=True, frozen=True):
    """Choose live, frozen, delayed or delayed frozen data (59, reqMarketDataType)."""

    marketDataType: int | None = None


class CalculateImpliedVolatilityRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the volatility that gives a price (54, calculateImpliedVolatility)."""

    reqId: int | None = None
    contract: Contract = Contract()
    optionPrice: float | None = None
    underPrice: float | None = None
    impliedVolatilityOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CalculateOptionPriceRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the price that a volatility gives (55, calculateOptionPrice)."""

    reqId: int | None = None
    contract: Contract = Contract()
    volatility: float | None = None
    underPrice: float | None = None
    optionPriceOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelCalculateImpliedVolatility(ClientMessage, kw_only=True, frozen=True):
    """Drop a volatility calculation (56)."""

    reqId: int | None = None


class CancelCalculateOptionPrice(ClientMessage, kw_only=True, frozen=True):
    """Drop an option price calculation (57)."""

    reqId: int | None = None
