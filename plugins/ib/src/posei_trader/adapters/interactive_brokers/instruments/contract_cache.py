"""IB's answers about contracts on disk: the next start asks for what changed only.

One file holds the answer to one question, so a chain is kept expiry by expiry and a window that
moves with the day needs the new expiry alone. A file is written beside its place and renamed into
it, so readers see all of it or nothing; its checksum shows what a crash of the machine tore. What
cannot be read is set aside as ``*.corrupt`` with a warning, and asked for again.

Files live in a directory named after everything that gives questions another meaning: the format's
version, the symbology, the venue settings and the gateway that was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, final

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import (
    IBContractDetails,
    OptionChain,
    PriceIncrement,
)
from posei_trader.adapters.interactive_brokers.instruments.source import SharedQuestions
from posei_trader.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from posei_trader.adapters.interactive_brokers.config import (
        InteractiveBrokersInstrumentProviderConfig,
    )
    from posei_trader.adapters.interactive_brokers.contract_types import (
        ContractDescription,
        IBContract,
    )
    from posei_trader.adapters.interactive_brokers.instruments.source import ContractSource

__all__ = ["CachedContractSource", "ContractCache", "cache_of", "default_cache_directory"]

T = TypeVar("T")

FORMAT_VERSION: Final = 1
_MAGIC: Final = b"posei-ib-contracts"
_DAY_NS: Final = 86_400_000_000_000
_LOG: Final = get_logger("InteractiveBrokersInstrumentProvider")


class _Header(msgspec.Struct, frozen=True, array_like=True):
    version: int
    saved_ns: int
    question: bytes
    checksum: int


def default_cache_directory() -> Path:
    """Return where answers are kept unless told otherwise, after the XDG convention."""
    base = os.environ.get("XDG_CACHE_HOME", "").strip()
    root = Path(base) if base else Path.home() / ".cache"
    return root / "posei-trader" / "ib-contracts"


def cache_of(
    config: InteractiveBrokersInstrumentProviderConfig, gateway: str, now_ns: Callable[[], int]
) -> ContractCache | None:
    """Return the cache that a configuration asks for; None where answers are not to be kept.

    Args:
        config: How long answers count, where they are, and what gives questions another meaning.
        gateway: Name of who is asked.
        now_ns: Tells the time, UNIX ns UTC.
    """
    if not config.cache_validity_days:
        return None
    meaning = {
        "symbology": config.symbology_method.value,
        "mic": config.convert_exchange_to_mic_venue,
        "overrides": dict(config.symbol_to_mic_venue),
        "gateway": gateway,
    }
    return ContractCache(
        config.cache_path or default_cache_directory(),
        meaning=meaning,
        validity_days=config.cache_validity_days,
        now_ns=now_ns,
    )


@final
class ContractCache:
    """Answers by question, in files.

    Args:
        directory: Where they are kept; made when the first is saved.
        meaning: Everything that gives a question another answer.
        validity_days: How long an answer counts.
        now_ns: Tells the time, UNIX ns UTC.
    """

    def __init__(
        self,
        directory: Path,
        *,
        meaning: object,
        validity_days: int,
        now_ns: Callable[[], int],
    ) -> None:
        digest = hashlib.blake2b(
            msgspec.json.encode([FORMAT_VERSION, meaning], order="sorted"), digest_size=8
        )
        self._directory = directory / f"v{FORMAT_VERSION}-{digest.hexdigest()}"
        self._validity_ns = validity_days * _DAY_NS
        self._now_ns = now_ns
        self._writable = True

    @property
    def directory(self) -> Path:
        """Return where this cache's files are."""
        return self._directory

    def get(self, question: bytes, kind: type[T]) -> T | None:
        """Return a valid answer, None when there is none."""
        path = self._path(question)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _LOG.warning("contract cache cannot be read", path=str(path), reason=str(error))
            return None
        try:
            header, body = _parse(content)
            if header.question != question or not self._is_valid(header.saved_ns):
                return None
            return msgspec.msgpack.decode(body, type=kind)
        except (ValueError, msgspec.MsgspecError) as error:
            self._set_aside(path, str(error))
            return None

    def put(self, question: bytes, answer: object) -> None:
        """Keep an answer; a disk that refuses is reported once and does no harm."""
        if not self._writable:
            return
        body = msgspec.msgpack.encode(answer)
        header = _Header(FORMAT_VERSION, self._now_ns(), question, zlib.crc32(body))
        head = msgspec.msgpack.encode(header)
        content = _MAGIC + len(head).to_bytes(4, "big") + head + body
        path = self._path(question)
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            scratch.write_bytes(content)
            scratch.replace(path)
        except OSError as error:
            self._writable = False
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
            _LOG.warning(
                "contracts are not cached: the disk refuses",
                directory=str(self._directory),
                reason=str(error),
            )

    def sweep(self) -> int:
        """Remove what is no longer valid; return how many files went."""
        removed = 0
        for path in self._directory.glob("*.msgpack"):
            try:
                header, _ = _parse(path.read_bytes())
            except (OSError, ValueError, msgspec.MsgspecError) as error:
                self._set_aside(path, str(error))
                continue
            if not self._is_valid(header.saved_ns):
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _is_valid(self, saved_ns: int) -> bool:
        # An answer from the future is as doubtful as an old one.
        return 0 <= self._now_ns() - saved_ns <= self._validity_ns

    def _path(self, question: bytes) -> Path:
        return self._directory / f"{hashlib.blake2b(question, digest_size=16).hexdigest()}.msgpack"

    @staticmethod
    def _set_aside(path: Path, reason: str) -> None:
        aside = path.with_suffix(".corrupt")
        _LOG.warning("contract cache entry set aside", path=str(aside), reason=reason)
        with contextlib.suppress(OSError):
            path.replace(aside)


def _parse(content: bytes) -> tuple[_Header, bytes]:
    start = len(_MAGIC) + 4
    if content[: len(_MAGIC)] != _MAGIC or len(content) < start:
        raise ValueError("not a contract cache file")
    length = int.from_bytes(content[len(_MAGIC) : start], "big")
    header = msgspec.msgpack.decode(content[start : start + length], type=_Header)
    body = content[start + length :]
    if header.version != FORMAT_VERSION or header.checksum != zlib.crc32(body):
        raise ValueError("wrong version or checksum")
    return header, body


@final
class CachedContractSource:
    """A source that asks each question once: at a time, and while an answer on disk is valid.

    What was not found is asked for again: it may exist tomorrow. Market rules are kept for the
    life of this object, with or without a cache on disk.

    Args:
        source: Who knows.
        cache: Where answers are kept; None keeps none.
    """

    def __init__(self, source: ContractSource, cache: ContractCache | None = None) -> None:
        self._source = source
        self._cache = cache
        self._rules: dict[int, list[PriceIncrement]] = {}
        self._details: SharedQuestions[list[IBContractDetails]] = SharedQuestions()
        self._chains: SharedQuestions[list[OptionChain]] = SharedQuestions()
        self._matches: SharedQuestions[list[ContractDescription]] = SharedQuestions()
        self._steps: SharedQuestions[list[PriceIncrement]] = SharedQuestions()
        self._reading = asyncio.Lock()

    async def get_contract_details(self, contract: IBContract) -> list[IBContractDetails]:
        """Return everything that fits a contract. Raises as :class:`ContractSource`."""
        bare = contract.bare()
        question = msgspec.msgpack.encode(("details", bare))

        async def ask() -> list[IBContractDetails]:
            return await self._source.get_contract_details(bare)

        return await self._details.ask(
            question, lambda: self._kept(question, list[IBContractDetails], ask)
        )

    async def get_option_chains(
        self, underlying: IBContract, *, exchange: str = ""
    ) -> list[OptionChain]:
        """Return the option classes on an underlying. Raises as :class:`ContractSource`."""
        question = msgspec.msgpack.encode(("chains", underlying.bare(), exchange))

        async def ask() -> list[OptionChain]:
            return await self._source.get_option_chains(underlying, exchange=exchange)

        return await self._chains.ask(
            question, lambda: self._kept(question, list[OptionChain], ask)
        )

    async def get_matching_contracts(self, pattern: str) -> list[ContractDescription]:
        """Return contracts that begin with a text. Raises as :class:`ContractSource`."""
        return await self._matches.ask(
            pattern, lambda: self._source.get_matching_contracts(pattern)
        )

    async def get_market_rule(self, rule_id: int) -> list[PriceIncrement]:
        """Return the price steps of a market rule. Raises as :class:`ContractSource`."""
        if rule_id not in self._rules:
            question = msgspec.msgpack.encode(("rule", rule_id))

            async def ask() -> list[PriceIncrement]:
                return await self._source.get_market_rule(rule_id)

            self._rules[rule_id] = await self._steps.ask(
                question, lambda: self._kept(question, list[PriceIncrement], ask)
            )
        return self._rules[rule_id]

    async def _kept(self, question: bytes, kind: type[T], ask: Callable[[], Awaitable[T]]) -> T:
        if self._cache is None:
            return await ask()
        async with self._reading:
            # One file in each turn of the loop: a chain has many, and others want to run too.
            await asyncio.sleep(0)
            known = self._cache.get(question, kind)
        if known is not None:
            return known
        answer = await ask()
        self._cache.put(question, answer)
        return answer
