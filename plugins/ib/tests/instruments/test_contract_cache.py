"""Answers on disk: valid for some days, atomic, versioned, and thrown away rather than trusted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from posei_trader.adapters.interactive_brokers.common import (
    ContractDescription,
    IBContract,
    IBContractDetails,
    OptionChain,
    PriceIncrement,
)
from posei_trader.adapters.interactive_brokers.instruments.contract_cache import (
    CachedContractSource,
    ContractCache,
    default_cache_directory,
)
from posei_trader.errors import InstrumentNotFound, RequestTimeout

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000_000_000
SPY = IBContract(secType="STK", symbol="SPY", exchange="SMART")


def files_in(directory: Path, pattern: str = "*") -> list[Path]:
    return sorted(path for path in directory.rglob(pattern) if path.is_file())


class Clock:
    def __init__(self) -> None:
        self.now = 20_000 * DAY

    def __call__(self) -> int:
        return self.now


class Counting:
    """A source that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.open = asyncio.Event()
        self.open.set()
        self.failure: Exception | None = None

    async def _answer(self, question: object) -> None:
        self.asked.append(question)
        await self.open.wait()
        if self.failure is not None:
            raise self.failure

    async def get_contract_details(self, contract: IBContract) -> list[IBContractDetails]:
        await self._answer(contract)
        return [IBContractDetails(contract=contract, longName="SPDR")]

    async def get_option_chains(
        self, underlying: IBContract, *, exchange: str = ""
    ) -> list[OptionChain]:
        await self._answer((underlying, exchange))
        return [
            OptionChain(
                exchange="SMART",
                underlyingConId=1,
                tradingClass="SPY",
                multiplier="100",
                expirations=("20240621",),
                strikes=(500.0,),
            )
        ]

    async def get_matching_contracts(self, pattern: str) -> list[ContractDescription]:
        await self._answer(pattern)
        return []

    async def get_market_rule(self, rule_id: int) -> list[PriceIncrement]:
        await self._answer(rule_id)
        return [PriceIncrement(0.0, 0.01)]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source() -> Counting:
    return Counting()


def cache(
    path: Path, clock: Clock, meaning: object = "IB_SIMPLIFIED", days: int = 1
) -> ContractCache:
    return ContractCache(path, meaning=meaning, validity_days=days, now_ns=clock)


async def ask_all(source: CachedContractSource) -> list[object]:
    return [
        await source.get_contract_details(SPY),
        await source.get_option_chains(SPY, exchange="CBOE"),
        await source.get_market_rule(26),
    ]


async def test_a_second_start_asks_nothing(tmp_path: Path, clock: Clock, source: Counting) -> None:
    first = await ask_all(CachedContractSource(source, cache(tmp_path, clock)))
    assert len(source.asked) == 3
    second = await ask_all(CachedContractSource(source, cache(tmp_path, clock)))
    assert len(source.asked) == 3
    assert first == second


async def test_an_answer_is_valid_for_the_configured_days_and_not_longer(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    clock.now += DAY
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    assert len(source.asked) == 1
    clock.now += 1
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    assert len(source.asked) == 2


async def test_an_answer_from_the_future_is_not_believed(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    clock.now -= 1
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    assert len(source.asked) == 2


async def test_another_symbology_or_venue_setting_is_another_cache(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    for meaning in ({"mic": False}, {"mic": True}, {"mic": True, "overrides": {"ES": "XCME"}}):
        await CachedContractSource(source, cache(tmp_path, clock, meaning)).get_contract_details(
            SPY
        )
    assert len(source.asked) == 3
    await CachedContractSource(
        source, cache(tmp_path, clock, {"overrides": {"ES": "XCME"}, "mic": True})
    ).get_contract_details(SPY)
    assert len(source.asked) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-3],
        lambda content: content[:10],
        lambda content: b"",
        lambda content: b"\x80\x04pickle" + content,
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: content.replace(b"SPDR", b"SPDX"),
    ],
)
async def test_a_damaged_file_is_set_aside_with_a_warning_and_rebuilt(
    tmp_path: Path, clock: Clock, source: Counting, damage, caplog
) -> None:
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    (file,) = files_in(tmp_path)
    file.write_bytes(damage(file.read_bytes()))
    answer = await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    assert answer[0].longName == "SPDR"
    assert len(source.asked) == 2
    assert "set aside" in caplog.text
    assert [path.suffix for path in files_in(tmp_path)] == [".corrupt", ".msgpack"]
    await CachedContractSource(source, cache(tmp_path, clock)).get_contract_details(SPY)
    assert len(source.asked) == 2


async def test_nothing_half_written_is_left_behind(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    await ask_all(CachedContractSource(source, cache(tmp_path, clock)))
    assert {path.suffix for path in files_in(tmp_path)} == {".msgpack"}


async def test_a_disk_that_refuses_is_reported_once_and_does_no_harm(
    tmp_path: Path, clock: Clock, source: Counting, caplog
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    cached = CachedContractSource(source, cache(blocked, clock))
    assert len(await ask_all(cached)) == 3
    assert caplog.text.count("the disk refuses") == 1


async def test_what_was_not_found_is_asked_again(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    source.failure = InstrumentNotFound("no such contract")
    cached = CachedContractSource(source, cache(tmp_path, clock))
    for _ in range(2):
        with pytest.raises(InstrumentNotFound):
            await cached.get_contract_details(SPY)
    assert len(source.asked) == 2


async def test_the_sweep_removes_what_is_too_old(
    tmp_path: Path, clock: Clock, source: Counting
) -> None:
    await ask_all(CachedContractSource(source, cache(tmp_path, clock)))
    clock.now += DAY // 2
    assert cache(tmp_path, clock).sweep() == 0
    clock.now += DAY
    assert cache(tmp_path, clock).sweep() == 3
    assert files_in(tmp_path) == []


def test_the_directory_follows_the_users_convention(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_directory() == tmp_path / "posei-trader" / "ib-contracts"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_directory().name == "ib-contracts"


# -- sharing --


async def test_the_same_question_at_the_same_time_is_asked_once(source: Counting) -> None:
    source.open.clear()
    cached = CachedContractSource(source)
    waiting = [asyncio.ensure_future(cached.get_contract_details(SPY)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.open.set()
    answers = await asyncio.gather(*waiting)
    assert len(source.asked) == 1
    assert all(answer == answers[0] for answer in answers)


async def test_one_who_gives_up_does_not_spoil_it_for_the_others(source: Counting) -> None:
    source.open.clear()
    cached = CachedContractSource(source)
    first, second = (asyncio.ensure_future(cached.get_market_rule(26)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await second == [PriceIncrement(0.0, 0.01)]
    assert len(source.asked) == 1


async def test_the_question_ends_when_nobody_waits_for_it(source: Counting) -> None:
    source.open.clear()
    cached = CachedContractSource(source)
    before = asyncio.all_tasks()
    waiting = asyncio.ensure_future(cached.get_contract_details(SPY))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


async def test_a_failure_reaches_everybody_and_is_not_kept(source: Counting) -> None:
    source.failure = RequestTimeout("no answer")
    cached = CachedContractSource(source)
    results = await asyncio.gather(
        *(cached.get_market_rule(26) for _ in range(3)), return_exceptions=True
    )
    assert [type(result) for result in results] == [RequestTimeout] * 3
    source.failure = None
    assert await cached.get_market_rule(26)
