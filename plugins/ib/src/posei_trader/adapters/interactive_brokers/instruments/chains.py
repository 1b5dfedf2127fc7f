"""Derivatives of an underlying: what to ask IB for, and in how few questions.

IB answers one question about a class and an expiry with all its strikes, so a chain costs one
question for each of them (and one for the list), not one for each option. Questions run at the
same time, a bounded number at once; answers are passed on as they come.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments.resolver import distinct
from posei_trader.adapters.interactive_brokers.instruments.sessions import parse_date
from posei_trader.errors import InstrumentNotFound, InvalidRequest
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from posei_trader.adapters.interactive_brokers.contract_types import (
        IBContractDetails,
        OptionChain,
    )
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource

__all__ = ["ChainRequest", "ChainWalker", "ExpiryWindow"]

_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")
_MONTH_LENGTH: Final = 6
# Up to here it is cheaper to ask for single strikes than for all of an expiry.
_FEW_STRIKES: Final = 2


class ExpiryWindow(NamedTuple):
    """Which expiries are wanted, in whole days from today; both ends are included.

    Attributes:
        today: The date at the exchange.
        min_days: 0 includes what expires today.
        max_days: None has no end.
        only: ``YYYYMMDD`` or ``YYYYMM``: this expiry alone; empty takes all.
    """

    today: dt.date
    min_days: int = 0
    max_days: int | None = None
    only: str = ""

    def includes(self, expiry: str) -> bool:
        """Return whether an expiry, ``YYYYMMDD``, is wanted."""
        date = parse_date(expiry[:8])
        if date is None:
            return False
        if self.only:
            return expiry.startswith(self.only)
        days = (date - self.today).days
        return days >= self.min_days and (self.max_days is None or days <= self.max_days)


class ChainRequest(NamedTuple):
    """Which derivatives of an underlying are wanted.

    Attributes:
        window: Expiries.
        exchange: Of the options; empty takes the underlying's, or smart routing.
        trading_class: Only this class; empty takes all, as SPX and SPXW.
        right: ``C`` or ``P``; empty takes both.
        min_strike: Lowest strike, None has no limit.
        max_strike: Highest strike, None has no limit.
    """

    window: ExpiryWindow
    exchange: str = ""
    trading_class: str = ""
    right: str = ""
    min_strike: float | None = None
    max_strike: float | None = None

    def wants_strike(self, strike: float) -> bool:
        """Return whether a strike is wanted."""
        low, high = self.min_strike, self.max_strike
        return (low is None or strike >= low) and (high is None or strike <= high)


@final
class ChainWalker:
    """Asks for chains.

    Args:
        source: Who is asked.
        concurrency: Most questions at once.
    """

    __slots__ = ("_concurrency", "_slots", "_source")

    def __init__(self, source: ContractSource, concurrency: int) -> None:
        self._source = source
        self._concurrency = concurrency
        self._slots = asyncio.Semaphore(concurrency)

    async def futures(self, family: IBContract, window: ExpiryWindow) -> list[IBContractDetails]:
        """Return the futures of a family that expire in a window, by expiry.

        Raises:
            InstrumentNotFound: the family has no futures.
            RetryLater: IB did not answer.
        """
        question = IBContract(
            secType="FUT",
            symbol=family.symbol,
            exchange=family.exchange,
            currency=family.currency,
            tradingClass=family.tradingClass,
            multiplier=family.multiplier,
        )
        async with self._slots:
            rows = await self._source.get_contract_details(question)
        wanted = [row for row in distinct(rows, family.exchange) if _in_window(row, window)]
        return sorted(wanted, key=lambda row: row.contract.lastTradeDateOrContractMonth)

    async def options(
        self, underlyings: Sequence[IBContractDetails], request: ChainRequest
    ) -> AsyncIterator[list[IBContractDetails]]:
        """Yield the options on some underlyings, one class and expiry at a time, as answers come.

        Raises:
            InvalidRequest: the exchange has no options on one of them; names those that have.
            RetryLater: IB did not answer; what was yielded before holds.
        """
        lists = await asyncio.gather(*(self._questions(base, request) for base in underlyings))
        # Neighbouring futures share expiries; each is asked for once.
        questions = dict.fromkeys(question for questions in lists for question in questions)
        con_ids = frozenset(base.conId for base in underlyings)
        async for rows in self._answers(questions):
            yield [row for row in rows if _is_wanted(row, con_ids, request)]

    async def _questions(
        self, underlying: IBContractDetails, request: ChainRequest
    ) -> list[IBContract]:
        contract = underlying.contract
        of_future = contract.secType == "FUT"
        fop_exchange = (request.exchange or contract.exchange) if of_future else ""
        async with self._slots:
            chains = await self._source.get_option_chains(contract, exchange=fop_exchange)
        return [
            question
            for chain in _at_one_exchange(chains, underlying, request)
            if request.trading_class in {"", chain.tradingClass}
            for question in _questions_of(chain, contract, request)
        ]

    async def _ask(self, question: IBContract) -> list[IBContractDetails]:
        async with self._slots:
            try:
                return await self._source.get_contract_details(question)
            except InstrumentNotFound:
                _LOG.warning("IB lists an expiry without contracts", question=str(question))
                return []

    def _start(
        self,
        waiting: Iterator[IBContract],
        running: set[asyncio.Task[list[IBContractDetails]]],
    ) -> None:
        for question in itertools.islice(waiting, self._concurrency - len(running)):
            running.add(asyncio.ensure_future(self._ask(question)))

    async def _answers(
        self, questions: Iterable[IBContract]
    ) -> AsyncIterator[list[IBContractDetails]]:
        # No more tasks than may ask: a long chain is neither queued nor collected in memory.
        waiting = iter(questions)
        running: set[asyncio.Task[list[IBContractDetails]]] = set()
        done: set[asyncio.Task[list[IBContractDetails]]] = set()
        try:
            while True:
                self._start(waiting, running)
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                while done:
                    answer = done.pop().result()
                    # The next question is on its way while this answer is worked on.
                    self._start(waiting, running)
                    yield answer
                    # Answers that came together must not keep the loop from everybody else.
                    await asyncio.sleep(0)
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, *done, return_exceptions=True)


def _in_window(row: IBContractDetails, window: ExpiryWindow) -> bool:
    expiry = row.contract.lastTradeDateOrContractMonth or row.realExpirationDate
    if len(window.only) == _MONTH_LENGTH:
        # Six digits name the contract month, which is not always the month of the last trade.
        return (row.contractMonth or expiry).startswith(window.only)
    return window.includes(expiry)


def _at_one_exchange(
    chains: Iterable[OptionChain], underlying: IBContractDetails, request: ChainRequest
) -> list[OptionChain]:
    by_exchange: dict[str, list[OptionChain]] = {}
    for chain in chains:
        by_exchange.setdefault(chain.exchange, []).append(chain)
    if request.exchange:
        if by_exchange and request.exchange not in by_exchange:
            raise InvalidRequest(
                "no options on this underlying trade there",
                field="options_chain_exchange",
                value=request.exchange,
                remedy=f"IB lists them at {', '.join(sorted(by_exchange))}",
            )
        return by_exchange.get(request.exchange, [])
    for exchange in (underlying.contract.exchange, "SMART", *by_exchange):
        if exchange in by_exchange:
            return by_exchange[exchange]
    return []


def _questions_of(
    chain: OptionChain, underlying: IBContract, request: ChainRequest
) -> Iterable[IBContract]:
    strikes = [strike for strike in chain.strikes if request.wants_strike(strike)]
    if not strikes:
        return
    filtered = len(strikes) < len(chain.strikes)
    asked: Sequence[float | None] = (
        strikes if filtered and len(strikes) <= _FEW_STRIKES else (None,)
    )
    for expiry in chain.expirations:
        if request.window.includes(expiry):
            for strike in asked:
                yield IBContract(
                    secType="FOP" if underlying.secType == "FUT" else "OPT",
                    symbol=underlying.symbol,
                    exchange=chain.exchange,
                    currency=underlying.currency,
                    tradingClass=chain.tradingClass,
                    multiplier=chain.multiplier,
                    lastTradeDateOrContractMonth=expiry,
                    strike=strike,
                    right=request.right,
                )


def _is_wanted(row: IBContractDetails, con_ids: frozenset[int], request: ChainRequest) -> bool:
    contract = row.contract
    if row.underConId and row.underConId not in con_ids:
        return False
    if request.right and contract.right[:1] != request.right:
        return False
    return contract.strike is None or request.wants_strike(contract.strike)
