"""Market depth."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class MarketDepthData(Record, kw_only=True, frozen=True):
    """Carry one change of an order book row.

    Operation 0 insert, 1 update, 2 delete; side 0 ask, 1 bid.
    """

    position: int | None = None
    operation: int | None = None
    side: int | None = None
    price: float | None = None
    size: Decimal | None = None
    marketMaker: str = ""
    isSmartDepth: bool = False


class MarketDepth(ServerMessage, kw_only=True, frozen=True):
    """Carry a book change without market maker (12, marketDepth)."""

    reqId: int | None = None
    marketDepthData: MarketDepthData = MarketDepthData()


class MarketDepthL2(ServerMessage, kw_only=True, frozen=True):
    """Carry a book change with market maker or exchange (13, marketDepthL2)."""

    reqId: int | None = None
    marketDepthData: MarketDepthData = MarketDepthData()


class MarketDepthRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to market depth (10, reqMktDepth)."""

    reqId: int | None = None
    contract: Contract = Contract()
    numRows: int | None = None
    isSmartDepth: bool = False
    marketDepthOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelMarketDepth(ClientMessage, kw_only=True, frozen=True):
    """End a market depth subscription (11, cancelMktDepth)."""

    reqId: int | None = None
    isSmartDepth: bool = False
