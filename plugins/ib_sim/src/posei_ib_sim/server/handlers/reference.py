"""Contracts and other reference data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.contracts import MARKET_RULES
from posei_ib_sim.contracts.described import query_of
from posei_ib_sim.errors import RequestRefused, UnknownContract
from posei_ib_sim.server.descriptions import Descriptions

if TYPE_CHECKING:
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["ReferenceHandlers"]

_SMART: Final = (
    (1, "NYSE", "N"),
    (2, "NASDAQ", "Q"),
    (3, "ARCA", "P"),
    (4, "BATS", "Z"),
    (5, "IEX", "V"),
    (6, "EDGEA", "J"),
    (7, "MEMX", "U"),
)
_DEPTH: Final = (
    ("ISLAND", "STK", "NASDAQ", "Deep2", None),
    ("NYSE", "STK", "", "Deep", None),
    ("ARCA", "STK", "NYSE", "Deep2", None),
    ("BATS", "STK", "", "Deep", None),
    ("IDEALPRO", "CASH", "", "Deep", 4),
    ("CME", "FUT", "", "Deep", None),
    ("CBOT", "FUT", "", "Deep", None),
    ("NYMEX", "FUT", "", "Deep", None),
    ("COMEX", "FUT", "", "Deep", None),
    ("EUREX", "FUT", "", "Deep", None),
    ("PAXOS", "CRYPTO", "", "Deep", None),
)


@final
class ReferenceHandlers:
    """Answers questions about contracts."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._descriptions = Descriptions()

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.ContractDataRequest, self.details)
        routes.add(wire.CancelContractData, self.nothing_to_cancel)
        routes.add(wire.MatchingSymbolsRequest, self.matching_symbols)
        routes.add(wire.SecDefOptParamsRequest, self.option_chains)
        routes.add(wire.MarketRuleRequest, self.market_rule)
        routes.add(wire.SmartComponentsRequest, self.smart_components)
        routes.add(wire.MarketDepthExchangesRequest, self.depth_exchanges)
        routes.add(wire.SoftDollarTiersRequest, self.soft_dollar_tiers)

    def details(self, session: Session, message: wire.ContractDataRequest) -> None:
        """Answer every contract that fits, or error 200."""
        query = query_of(message.contract)
        named = query.con_id or query.sec_id or query.local_symbol or query.symbol
        if not (named or query.trading_class or query.issuer_id):
            raise RequestRefused(
                321,
                "Error validating request.-'bZ' : cause - Please enter a symbol, local symbol, "
                "conId or security id",
            )
        if not (query.sec_type or query.con_id or query.sec_id):
            raise RequestRefused(
                321,
                "Error validating request.-'bZ' : cause - Please enter a valid security type",
            )
        database = self._server.simulation.contracts
        found = database.find(query)
        if not found:
            raise UnknownContract("No security definition has been found for the request")
        now_ns = self._server.now_ns
        for contract in found:
            described, details = self._descriptions.describe(contract, database.hours, now_ns)
            answer = wire.BondContractData if contract.sec_type == "BOND" else wire.ContractData
            session.send(answer(reqId=message.reqId, contract=described, contractDetails=details))
        session.send(wire.ContractDataEnd(reqId=message.reqId))

    def nothing_to_cancel(self, session: Session, message: wire.CancelContractData) -> None:
        """Accept a cancellation that comes after the answer."""

    def matching_symbols(self, session: Session, message: wire.MatchingSymbolsRequest) -> None:
        """Answer contracts whose symbol or name begins with a pattern."""
        database = self._server.simulation.contracts
        found = database.matching_symbols(message.pattern)
        session.send(
            wire.SymbolSamples(
                reqId=message.reqId,
                contractDescriptions=tuple(
                    wire.ContractDescription(
                        contract=wire.Contract(
                            conId=contract.con_id,
                            symbol=contract.symbol,
                            secType=contract.sec_type,
                            primaryExch=contract.primary_exchange or contract.exchange,
                            currency=contract.currency,
                            description=contract.long_name,
                        ),
                        derivativeSecTypes=tuple(database.derivative_types(contract)),
                    )
                    for contract in found
                ),
            )
        )

    def option_chains(self, session: Session, message: wire.SecDefOptParamsRequest) -> None:
        """Answer the option chains of an underlying, one message an exchange and class."""
        for chain in self._server.simulation.option_chains(
            message.underlyingConId or 0, message.futFopExchange
        ):
            for exchange in chain.exchanges:
                session.send(
                    wire.SecDefOptParameter(
                        reqId=message.reqId,
                        exchange=exchange,
                        underlyingConId=message.underlyingConId,
                        tradingClass=chain.trading_class,
                        multiplier=chain.multiplier,
                        expirations=chain.expirations,
                        strikes=chain.strikes,
                    )
                )
        session.send(wire.SecDefOptParameterEnd(reqId=message.reqId))

    def market_rule(self, session: Session, message: wire.MarketRuleRequest) -> None:
        """Answer the price increments of a rule."""
        steps = MARKET_RULES.get(message.marketRuleId or 0)
        if steps is None:
            session.error(-1, 321, f"Market rule {message.marketRuleId} is unknown")
            return
        session.send(
            wire.MarketRule(
                marketRuleId=message.marketRuleId,
                priceIncrements=tuple(
                    wire.PriceIncrement(lowEdge=float(low), increment=float(step))
                    for low, step in steps
                ),
            )
        )

    def smart_components(self, session: Session, message: wire.SmartComponentsRequest) -> None:
        """Answer which exchanges a bboExchange code stands for."""
        session.send(
            wire.SmartComponents(
                reqId=message.reqId,
                smartComponents=tuple(
                    wire.SmartComponent(bitNumber=bit, exchange=exchange, exchangeLetter=letter)
                    for bit, exchange, letter in _SMART
                ),
            )
        )

    def depth_exchanges(self, session: Session, _: wire.MarketDepthExchangesRequest) -> None:
        """Answer which exchanges offer market depth."""
        session.send(
            wire.MarketDepthExchanges(
                depthMarketDataDescriptions=tuple(
                    wire.DepthMarketDataDescription(
                        exchange=exchange,
                        secType=sec_type,
                        listingExch=listing,
                        serviceDataType=service,
                        aggGroup=group,
                    )
                    for exchange, sec_type, listing, service, group in _DEPTH
                )
            )
        )

    def soft_dollar_tiers(self, session: Session, message: wire.SoftDollarTiersRequest) -> None:
        """Answer that there are no soft dollar tiers."""
        session.send(wire.SoftDollarTiers(reqId=message.reqId))
