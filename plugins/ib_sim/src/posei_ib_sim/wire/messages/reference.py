"""Reference data other than contract details: symbols, chains, rules, exchanges."""

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class ContractDescription(Record, kw_only=True, frozen=True):
    """Carry one match of a symbol search with the derivatives it has."""

    contract: Contract = Contract()
    derivativeSecTypes: tuple[str, ...] = ()


class SymbolSamples(ServerMessage, kw_only=True, frozen=True):
    """Answer reqMatchingSymbols (79, symbolSamples)."""

    reqId: int | None = None
    contractDescriptions: tuple[ContractDescription, ...] = ()


class MatchingSymbolsRequest(ClientMessage, kw_only=True, frozen=True):
    """Search contracts by a part of symbol or name (81, reqMatchingSymbols)."""

    reqId: int | None = None
    pattern: str = ""


class SecDefOptParameter(ServerMessage, kw_only=True, frozen=True):
    """List the option chain of one exchange (75, securityDefinitionOptionParameter)."""

    reqId: int | None = None
    exchange: str = ""
    underlyingConId: int | None = None
    tradingClass: str = ""
    multiplier: str = ""
    expirations: tuple[str, ...] = ()
    strikes: tuple[float, ...] = ()


class SecDefOptParameterEnd(ServerMessage, kw_only=True, frozen=True):
    """End the option chains (76)."""

    reqId: int | None = None


class SecDefOptParamsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the option chains of an underlying (78, reqSecDefOptParams)."""

    reqId: int | None = None
    underlyingSymbol: str = ""
    futFopExchange: str = ""
    underlyingSecType: str = ""
    underlyingConId: int | None = None


class PriceIncrement(Record, kw_only=True, frozen=True):
    """Carry one step of a market rule: from lowEdge on, prices move by increment."""

    lowEdge: float | None = None
    increment: float | None = None


class MarketRule(ServerMessage, kw_only=True, frozen=True):
    """Answer reqMarketRule (93, marketRule)."""

    marketRuleId: int | None = None
    priceIncrements: tuple[PriceIncrement, ...] = ()


class MarketRuleRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the price increments of a rule (91, reqMarketRule)."""

    marketRuleId: int | None = None


class SmartComponent(Record, kw_only=True, frozen=True):
    """Map one bit of a bboExchange to an exchange and its letter."""

    bitNumber: int | None = None
    exchange: str = ""
    exchangeLetter: str = ""


class SmartComponents(ServerMessage, kw_only=True, frozen=True):
    """Answer reqSmartComponents (82, smartComponents)."""

    reqId: int | None = None
    smartComponents: tuple[SmartComponent, ...] = ()


class SmartComponentsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask what a bboExchange stands for (83, reqSmartComponents)."""

    reqId: int | None = None
    bboExchange: str = ""


class DepthMarketDataDescription(Record, kw_only=True, frozen=True):
    """Carry one exchange that offers market depth."""

    exchange: str = ""
    secType: str = ""
    listingExch: str = ""
    serviceDataType: str = ""
    aggGroup: int | None = None


class MarketDepthExchanges(ServerMessage, kw_only=True, frozen=True):
    """Answer reqMktDepthExchanges (80, mktDepthExchanges)."""

    depthMarketDataDescriptions: tuple[DepthMarketDataDescription, ...] = ()


class MarketDepthExchangesRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask which exchanges offer market depth (82, reqMktDepthExchanges)."""
