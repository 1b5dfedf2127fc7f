"""What the provider needs to be told about contracts, and the sharing of questions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from posei_trader.adapters.interactive_brokers.contract_types import (
        ContractDescription,
        IBContract,
        IBContractDetails,
        OptionChain,
        PriceIncrement,
    )

__all__ = ["ContractSource", "SharedQuestions"]

T = TypeVar("T")


class ContractSource(Protocol):
    """Answers questions about contracts: the client, a cache in front of it, or a recording.

    Every method answers completely or raises. `RetryLater` means that nothing is known.
    """

    async def get_contract_details(self, contract: IBContract) -> list[IBContractDetails]:
        """Return everything that fits a contract; at least one.

        Raises:
            InstrumentNotFound: nothing fits.
            RetryLater: the answer did not come.
        """

    async def get_option_chains(
        self, underlying: IBContract, *, exchange: str = ""
    ) -> list[OptionChain]:
        """Return the option classes on an underlying with symbol, type and conId.

        Args:
            underlying: The underlying.
            exchange: For futures: the exchange of the options; empty for all.

        Raises:
            RetryLater: the answer did not come.
        """

    async def get_matching_contracts(self, pattern: str) -> list[ContractDescription]:
        """Return contracts whose symbol or name begins with a text; may be none.

        Raises:
            RetryLater: the answer did not come.
        """

    async def get_market_rule(self, rule_id: int) -> list[PriceIncrement]:
        """Return the price steps of a market rule, ascending.

        Raises:
            RetryLater: the answer did not come.
        """


@final
class SharedQuestions(Generic[T]):
    """Lets everybody who asks the same at the same time wait for one answer.

    An answer is not kept. The question goes on as long as somebody waits for it, and is cancelled
    with the last who does.
    """

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[Hashable, tuple[asyncio.Task[T], list[None]]] = {}

    async def ask(self, key: Hashable, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the answer, asking only if nobody has asked yet."""
        entry = self._open.get(key)
        if entry is None:
            entry = self._open[key] = (asyncio.ensure_future(_awaited(ask)), [])
        task, waiting = entry
        waiting.append(None)
        try:
            return await asyncio.shield(task)
        finally:
            waiting.pop()
            if not waiting and self._open.get(key) is entry:
                del self._open[key]
                if not task.done():
                    task.cancel()


async def _awaited(ask: Callable[[], Awaitable[T]]) -> T:
    return await ask()
