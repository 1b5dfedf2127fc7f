"""Chains as streams of instruments: the underlying first, then futures, then options."""

from __future__ import annotations

from typing import TYPE_CHECKING, final

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments.resolver import distinct
from posei_trader.adapters.interactive_brokers.instruments.sessions import today_in

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Callable, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails
    from posei_trader.adapters.interactive_brokers.instruments.chain_requests import ChainPlan
    from posei_trader.adapters.interactive_brokers.instruments.chains import ChainWalker
    from posei_trader.adapters.interactive_brokers.instruments.registration import Registration
    from posei_trader.adapters.interactive_brokers.instruments.resolver import Resolver
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource
    from posei_trader.model.instruments import Instrument

__all__ = ["ChainLoader"]

_FAMILIES = frozenset({"FUT", "CONTFUT"})


@final
class ChainLoader:
    """Loads a contract with its derivatives.

    Args:
        source: Who is asked.
        resolver: Finds the underlying.
        walker: Asks for chains.
        registration: Makes instruments of the answers.
        now_ns: Tells the time, UNIX ns UTC.
    """

    __slots__ = ("_now_ns", "_registration", "_resolver", "_source", "_walker")

    def __init__(
        self,
        source: ContractSource,
        resolver: Resolver,
        walker: ChainWalker,
        registration: Registration,
        now_ns: Callable[[], int],
    ) -> None:
        self._source = source
        self._resolver = resolver
        self._walker = walker
        self._registration = registration
        self._now_ns = now_ns

    async def stream(self, contract: IBContract, plan: ChainPlan) -> AsyncIterator[Instrument]:
        """Yield the instruments of a contract and of its chains, each as soon as it is known.

        A contract of type FUT that describes a whole family is not loaded for itself: its chain
        says which of its futures are wanted.

        Raises:
            FixRequest: the contract, or its chain, cannot be found or used.
            RetryLater: IB could not be asked; what was yielded stays loaded.
        """
        underlyings = await self._underlyings(contract)
        if contract.secType != "FUT":
            for instrument in await self._registration.add_all(underlyings):
                yield instrument
        plan = _on(plan, today_in(underlyings[0].timeZoneId, self._now_ns()))
        family = _family(contract, underlyings[0])
        if plan.futures:
            futures = await self._walker.futures(family, plan.futures_window)
            for instrument in await self._registration.add_all(futures):
                yield instrument
        if plan.options:
            if contract.secType == "CONTFUT":
                # A far future may have options that expire soon: all that are alive are asked.
                window = plan.futures_window._replace(min_days=0, max_days=None, only="")
                underlyings = await self._walker.futures(family, window)
            async for rows in self._walker.options(underlyings, plan.request):
                for instrument in await self._registration.add_all(rows):
                    yield instrument

    async def _underlyings(self, contract: IBContract) -> Sequence[IBContractDetails]:
        bare = msgspec.structs.replace(contract.bare(), right="")
        if bare.secType != "FUT":
            # Here the date picks an expiry of the chain, it does not describe the underlying.
            bare = msgspec.structs.replace(bare, lastTradeDateOrContractMonth="")
        if bare.secType in _FAMILIES:
            return distinct(await self._source.get_contract_details(bare), bare.exchange)
        return [await self._resolver.resolve(bare)]


def _on(plan: ChainPlan, today: dt.date) -> ChainPlan:
    """Return a plan whose days count from the date at the exchange."""
    window = plan.request.window._replace(today=today)
    return plan._replace(
        futures_window=plan.futures_window._replace(today=today),
        request=plan.request._replace(window=window),
    )


def _family(contract: IBContract, front: IBContractDetails) -> IBContract:
    """Return what all futures of a family have in common, completed from one of them."""
    known = front.contract
    return IBContract(
        secType="FUT",
        symbol=contract.symbol or known.symbol,
        exchange=contract.exchange or known.exchange,
        currency=contract.currency,
        tradingClass=contract.tradingClass,
        multiplier=contract.multiplier,
    )
