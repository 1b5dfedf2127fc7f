"""Contracts: what exists, what it is called, what its options and price steps are."""

# ruff: noqa: ASYNC109 - a timeout here starts when IB's pacing lets the request go: no caller's scope
# can know that moment

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posei_trader.adapters.interactive_brokers.client.base import ClientPart
from posei_trader.adapters.interactive_brokers.client.describe import described
from posei_trader.adapters.interactive_brokers.client.requests import Question
from posei_trader.adapters.interactive_brokers.contract_conversion import (
    contract_to_ibapi,
    description_from_ibapi,
    details_from_ibapi,
)
from posei_trader.adapters.interactive_brokers.contract_types import (
    ContractDescription,
    IBContract,
    IBContractDetails,
    OptionChain,
    PriceIncrement,
)

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.client.session import Session

__all__ = ["InteractiveBrokersClientContractMixin"]

_CANCEL_CONTRACT_FROM = 215


class InteractiveBrokersClientContractMixin(ClientPart):
    """Look contracts up. Identical concurrent questions share one answer."""

    def _init_contract(self, session: Session) -> None:
        self._rules = _MarketRules()
        session.callbacks.update(
            contractDetails=self._contract_details,
            bondContractDetails=self._contract_details,
            contractDetailsEnd=self._end_of_contracts,
            symbolSamples=self._symbol_samples,
            securityDefinitionOptionParameter=self._option_chain,
            securityDefinitionOptionParameterEnd=self._end_of_contracts,
            marketRule=self._market_rule,
        )

    async def get_contract_details(
        self, contract: IBContract, *, timeout: float | None = None
    ) -> list[IBContractDetails]:
        """Return everything that fits the contract, in IB's order; at least one.

        Source: `reqContractDetails`.

        Raises:
            InstrumentNotFound: IB knows nothing that fits (code 200).
            InstrumentAmbiguous: too little is given.
            RetryLater: the answer did not come.
        """
        asked = contract.bare()
        can_cancel = self._session.server_version >= _CANCEL_CONTRACT_FROM
        return await self._ask(
            Question[IBContractDetails](
                repeats=True,
                key=("contract details", asked),
                subject=f"contract details of {described(asked)}",
                ask=lambda ib, req_id: ib.reqContractDetails(req_id, contract_to_ibapi(asked)),
                cancel=(lambda ib, req_id: ib.cancelContractData(req_id)) if can_cancel else None,
            ),
            timeout,
        )

    async def get_matching_contracts(
        self, pattern: str, *, timeout: float | None = None
    ) -> list[ContractDescription]:
        """Return up to 16 contracts whose symbol or name starts with a text; may be empty.

        Source: `reqMatchingSymbols`.

        Raises:
            RetryLater: the answer did not come.
        """
        return await self._ask(
            Question[ContractDescription](
                repeats=True,
                key=("matching symbols", pattern),
                subject=f"symbols that match {pattern!r}",
                ask=lambda ib, req_id: ib.reqMatchingSymbols(req_id, pattern),
            ),
            timeout,
        )

    async def get_option_chains(
        self, underlying: IBContract, *, exchange: str = "", timeout: float | None = None
    ) -> list[OptionChain]:
        """Return the option classes on an underlying, one row for each exchange and class.

        Source: `reqSecDefOptParams`.

        Args:
            underlying: With `symbol`, `secType` and `conId`.
            exchange: For futures: the exchange of the options; empty for all.
            timeout: Seconds; None for the client's.

        Raises:
            RetryLater: the answer did not come.
            FixRequest: IB refused.
        """
        return await self._ask(
            Question[OptionChain](
                repeats=True,
                key=("option chains", underlying.symbol, underlying.conId, exchange),
                subject=f"option chains on {described(underlying)}",
                ask=lambda ib, req_id: ib.reqSecDefOptParams(
                    req_id, underlying.symbol, exchange, underlying.secType, underlying.conId
                ),
            ),
            timeout,
        )

    async def get_market_rule(
        self, rule_id: int, *, timeout: float | None = None
    ) -> list[PriceIncrement]:
        """Return a market rule: ascending, each increment holds from its `lowEdge` on.

        Rules do not change while a client lives: each is asked for once.

        Source: `reqMarketRule`.

        Raises:
            RetryLater: the answer did not come.
        """
        known = self._rules.by_id.get(rule_id)
        if known is None:
            known = await self._ask(
                Question[PriceIncrement](
                    repeats=True,
                    key=_rule_channel(rule_id),
                    subject=f"market rule {rule_id}",
                    ask=lambda ib, _req_id: ib.reqMarketRule(rule_id),
                    channel=_rule_channel(rule_id),
                ),
                timeout,
            )
            self._rules.by_id[rule_id] = known
        return list(known)

    # --- what IB says -----------------------------------------------------------------------------

    def _contract_details(self, req_id: int, details: Any) -> None:
        self._add_details(req_id, details_from_ibapi(details))

    def _add_details(self, req_id: int, details: IBContractDetails) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            request.add(details)

    def _end_of_contracts(self, req_id: int) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            self._session.requests.complete(request)

    def _symbol_samples(self, req_id: int, descriptions: list[Any]) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            request.rows.extend(map(description_from_ibapi, descriptions))
            self._session.requests.complete(request)

    def _option_chain(
        self,
        req_id: int,
        exchange: str,
        underlying_con_id: int,
        trading_class: str,
        multiplier: str,
        expirations: set[str],
        strikes: set[float],
    ) -> None:
        request = self._session.requests.find(req_id)
        if request is not None:
            request.add(
                OptionChain(
                    exchange=exchange,
                    underlyingConId=underlying_con_id,
                    tradingClass=trading_class,
                    multiplier=multiplier,
                    expirations=tuple(sorted(expirations)),
                    strikes=tuple(sorted(strikes)),
                )
            )

    def _market_rule(self, rule_id: int, increments: list[Any]) -> None:
        request = self._session.requests.on_channel(_rule_channel(rule_id))
        if request is not None:
            request.rows.extend(PriceIncrement(row.lowEdge, row.increment) for row in increments)
            self._session.requests.complete(request)


class _MarketRules:
    """The contract part's state: rules that were fetched."""

    def __init__(self) -> None:
        self.by_id: dict[int, list[PriceIncrement]] = {}


def _rule_channel(rule_id: int) -> str:
    return f"market rule {rule_id}"
