"""Questions with answers: asked once, whole or failed, never empty because nothing is known."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise

import pytest

from posei_trader.adapters.interactive_brokers.client.messages import HistoricalBars
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.errors import (
    InstrumentAmbiguous,
    InstrumentNotFound,
    InvalidRequest,
    MarketDataNotPermitted,
    PacingViolation,
    PoseiError,
    RequestRejected,
    RequestTimeout,
    ResourceExhausted,
    RetryLater,
)

HISTORY = {
    "end": "20240102-21:00:00",
    "duration": "1 D",
    "bar_size": "1 min",
    "what_to_show": "TRADES",
    "use_rth": True,
}


def details(req_id: str, symbol: str, con_id: int) -> tuple[object, ...]:
    """Return contract details at server version 178, from the protocol sheet."""
    head = (
        10,
        req_id,
        symbol,
        "STK",
        "",
        0,
        "",
        "SMART",
        "USD",
        symbol,
        "NMS",
        "NMS",
        con_id,
        0.01,
    )
    middle = ("", "LMT,MKT", "SMART,NASDAQ", 1, 0, "Apple Inc", "NASDAQ", "", "Technology")
    tail = ("Computers", "Computers", "US/Eastern", "20240102:0400-20240102:2000", "", "", 0, 0)
    sizes = (1, "", "", "26,26", "", "COMMON", 1, 1, 100)
    return (*head, *middle, *tail, *sizes)


async def test_an_answer_of_several_parts_is_whole(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_contract_details(shop.AAPL))
    req_id = (await gateway.asked(9))[2]
    gateway.send(*details(req_id, "AAPL", 265598))
    gateway.send(*details(req_id, "AAPL", 265599))
    await asyncio.sleep(0)
    assert not asking.done()
    gateway.send(52, 1, req_id)
    answer = await asking
    assert [row.conId for row in answer] == [265598, 265599]
    assert answer[0].longName == "Apple Inc"
    assert answer[0].minTick == 0.01


async def test_the_same_question_at_once_is_asked_once_and_shared(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = [asyncio.create_task(client.get_contract_details(shop.AAPL)) for _ in range(5)]
    req_id = (await gateway.asked(9))[2]
    gateway.send(*details(req_id, "AAPL", 265598))
    gateway.send(52, 1, req_id)
    answers = await asyncio.gather(*asking)
    assert gateway.count(9) == 1
    assert all(answer == answers[0] for answer in answers)
    answers[0].clear()
    assert answers[1]


async def test_different_questions_are_asked_side_by_side(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.gather(
        client.get_contract_details(shop.AAPL),
        client.get_contract_details(IBContract(secType="STK", symbol="MSFT", exchange="SMART")),
    )
    first, second = await gateway.asked(9), await gateway.asked(9)
    gateway.send(*details(second[2], "MSFT", 2))
    gateway.send(52, 1, second[2])
    gateway.send(*details(first[2], "AAPL", 1))
    gateway.send(52, 1, first[2])
    assert [answer[0].conId for answer in await asking] == [1, 2]


async def test_one_who_stops_waiting_does_not_disturb_the_others(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    patient = asyncio.create_task(client.get_contract_details(shop.AAPL))
    other = asyncio.create_task(client.get_contract_details(shop.AAPL))
    req_id = (await gateway.asked(9))[2]
    other.cancel()
    with pytest.raises(asyncio.CancelledError):
        await other
    gateway.send(*details(req_id, "AAPL", 1))
    gateway.send(52, 1, req_id)
    assert len(await patient) == 1


async def test_when_nobody_waits_any_more_ib_is_told(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    req_id = (await gateway.asked(20))[1]
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await gateway.asked(25) == ["25", "1", req_id]
    assert client.pacing().open_historical == 0


async def test_no_answer_in_time_is_a_timeout_and_never_empty(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    with pytest.raises(RequestTimeout) as caught:
        await client.get_positions(timeout=0.05)
    assert "nothing is known" in caught.value.message
    assert caught.value.value == "positions"
    assert await gateway.asked(64)


async def test_half_an_answer_is_a_timeout_too(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_contract_details(shop.AAPL, timeout=0.1))
    req_id = (await gateway.asked(9))[2]
    gateway.send(*details(req_id, "AAPL", 1))
    with pytest.raises(RequestTimeout):
        await asking
    gateway.send(52, 1, req_id)
    assert client.is_connected


@pytest.mark.parametrize(
    ("code", "text", "error"),
    [
        (200, "No security definition has been found for the request", InstrumentNotFound),
        (200, "The contract description specified for AAPL is ambiguous.", InstrumentAmbiguous),
        (321, "Error validating request", RequestRejected),
        (322, "Error processing request: Maximum number of requests", ResourceExhausted),
        (354, "Requested market data is not subscribed.", MarketDataNotPermitted),
        (10089, "Requested market data requires additional subscription", MarketDataNotPermitted),
        (99999, "A code that nobody has ever seen", RequestRejected),
    ],
)
async def test_a_refusal_raises_the_right_error_with_its_code(shop, code, text, error):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_contract_details(shop.AAPL))
    req_id = (await gateway.asked(9))[2]
    gateway.send(4, 2, req_id, code, text, "")
    with pytest.raises(error) as caught:
        await asking
    assert caught.value.code == code
    assert caught.value.message == text
    assert "contract details of STK AAPL SMART USD" in caught.value.value


async def test_a_warning_does_not_end_a_request(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_contract_details(shop.AAPL))
    req_id = (await gateway.asked(9))[2]
    gateway.send(4, 2, req_id, 2174, "Warning: without explicit time zone", "")
    gateway.send(*details(req_id, "AAPL", 1))
    gateway.send(52, 1, req_id)
    assert len(await asking) == 1


async def test_no_data_is_a_known_answer(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    req_id = (await gateway.asked(20))[1]
    text = "Historical Market Data Service error message:HMDS query returned no data: AAPL"
    gateway.send(4, 2, req_id, 162, text, "")
    assert len(await asking) == 0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("No market data permissions for NYSE STK", MarketDataNotPermitted),
        ("Historical data request for greater than 365 days rejected.", RequestRejected),
        ("Trading TWS session is connected from a different IP address", RetryLater),
        ("API historical data query cancelled: 10000", RetryLater),
    ],
)
async def test_other_failures_of_history_are_never_empty(shop, text, error):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    req_id = (await gateway.asked(20))[1]
    gateway.send(4, 2, req_id, 162, f"Historical Market Data Service error message:{text}", "")
    with pytest.raises(error):
        await asking


PACING = "Historical Market Data Service error message:Historical data request pacing violation"


def until_sent(client, clock):
    """Let time pass until a historical request that waits has been sent."""
    while client.pacing().waiting_historical and not client.pacing().open_historical:
        clock.advance(client.pacing().next_historical_s + 0.001)


async def test_a_pacing_violation_is_asked_again_more_slowly_and_in_the_end_raised(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    began = clock.now
    asking = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    times = []
    while not asking.done():
        req_id = (await gateway.asked(20))[1]
        times.append((clock.now - began) / 1e9)
        gateway.send(4, 2, req_id, 162, PACING, "")
        await shop.until(lambda: client.pacing().waiting_historical or asking.done())
        until_sent(client, clock)
    with pytest.raises(PacingViolation, match="longer than it counts back") as caught:
        await asking
    assert caught.value.code == 162
    assert "under this login" in caught.value.remedy
    pauses = [later - earlier for earlier, later in pairwise(times)]
    # An identical request has to wait for fifteen seconds anyway.
    assert pauses[:4] == pytest.approx([15.3, 15.3, 20, 40], abs=0.01)
    assert pauses[4:] == pytest.approx([60] * len(pauses[4:]), abs=0.01)
    assert 660 < times[-1] < 740


async def test_refusals_of_the_pace_are_found_out_about_by_one_request_for_all(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)

    async def ask(day):
        return await client.get_historical_bars(
            shop.AAPL, **{**HISTORY, "end": f"202401{day:02d}-21:00:00", "bar_size": "30 secs"}
        )

    asking = [asyncio.create_task(ask(day)) for day in range(2, 12)]
    for _ in range(6):
        gateway.send(4, 2, (await gateway.asked(20))[1], 162, PACING, "")
    await shop.until(lambda: client.pacing().waiting_historical == 10)
    # Six refusals are one: five seconds, and then ten for the one that finds out.
    for pause in (5, 10):
        clock.advance(pause - 0.1)
        assert client.pacing().open_historical == 0
        clock.advance(0.2)
        assert client.pacing().open_historical == 1
        clock.advance(20)
        assert client.pacing().open_historical == 1
        gateway.send(4, 2, (await gateway.asked(20))[1], 162, PACING, "")
        await shop.until(lambda: client.pacing().open_historical == 0)
    clock.advance(20)
    req_id = (await gateway.asked(20))[1]
    bar = (1704229200, 1.0, 1.0, 1.0, 1.0, 5, 1.0, 3)
    gateway.send(17, req_id, "", "", 1, *bar)
    await shop.until(lambda: client.pacing().open_historical == 5)
    clock.advance(3)
    for _ in range(9):
        gateway.send(17, (await gateway.asked(20))[1], "", "", 1, *bar)
    assert [len(bars) for bars in await asyncio.gather(*asking)] == 10 * [1]


async def test_long_bars_do_not_wait_for_the_ten_minutes_of_small_ones(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    small = asyncio.create_task(
        client.get_historical_bars(shop.AAPL, **{**HISTORY, "bar_size": "30 secs"})
    )
    for _ in range(3):
        gateway.send(4, 2, (await gateway.asked(20))[1], 162, PACING, "")
        await shop.until(lambda: client.pacing().waiting_historical == 1)
        until_sent(client, clock)
    long = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    await shop.until(lambda: client.pacing().open_historical == 2)
    assert client.pacing().waiting_historical == 0
    for task in (small, long):
        task.cancel()


async def test_each_who_shares_an_answer_waits_for_it_as_long_as_it_said(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)

    async def ask(seconds):
        try:
            return len(await client.get_contract_details(shop.AAPL, timeout=seconds))
        except RequestTimeout as error:
            return error.message

    patient_first = asyncio.create_task(ask(50.0))
    req_id = (await gateway.asked(9))[2]
    hasty = await asyncio.wait_for(ask(0.05), 5)
    assert hasty == "IB did not answer within 0.05 s; nothing is known"
    gateway.send(*details(req_id, "AAPL", 1))
    gateway.send(52, 1, req_id)
    assert await patient_first == 1

    hasty_first = asyncio.create_task(ask(0.05))
    req_id = (await gateway.asked(9))[2]
    patient = asyncio.create_task(ask(50.0))
    assert "0.05 s" in await hasty_first
    gateway.send(*details(req_id, "AAPL", 1))
    gateway.send(52, 1, req_id)
    assert await patient == 1
    assert gateway.count(9) == 2
    assert client.health().requests == ()


async def test_ib_is_told_when_the_time_of_the_last_who_shares_an_answer_is_up(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    first = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY, timeout=0.02))
    req_id = (await gateway.asked(20))[1]
    second = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY, timeout=0.1))
    with pytest.raises(RequestTimeout, match=r"within 0\.02 s"):
        await first
    assert gateway.count(25) == 0
    with pytest.raises(RequestTimeout, match=r"within 0\.1 s"):
        await second
    assert await gateway.asked(25) == ["25", "1", req_id]
    assert client.pacing().open_historical == 0


async def test_after_a_pacing_violation_the_answer_still_comes(shop):
    gateway = await shop.gateway()
    clock = shop.VirtualClock()
    client = await shop.connected(gateway, clock=clock)
    asking = asyncio.create_task(client.get_historical_bars(shop.AAPL, **HISTORY))
    req_id = (await gateway.asked(20))[1]
    gateway.send(4, 2, req_id, 100, "Max rate of messages per second has been exceeded", "")
    await shop.until(lambda: client.pacing().waiting_historical)
    clock.advance(16)
    again = (await gateway.asked(20))[1]
    assert again != req_id
    gateway.send(17, again, "s", "e", 1, "1704200000", 1, 2, 0.5, 1.5, 100, 1.2, 7)
    bars = await asking
    assert bars.rows()[0].volume == 100 * 10**9


async def test_a_late_answer_disturbs_nobody(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    with pytest.raises(RequestTimeout):
        await client.get_historical_bars(shop.AAPL, **HISTORY, timeout=0.05)
    req_id = (await gateway.asked(20))[1]
    gateway.send(17, req_id, "s", "e", 1, "1704200000", 1, 2, 0.5, 1.5, 100, 1.2, 7)
    gateway.send(4, 2, req_id, 366, "No historical data query found for ticker id", "")
    await shop.until(lambda: client.health().late == 1)
    assert client.health().malformed == 0


async def test_answers_without_an_id_are_not_mixed_up(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    own = asyncio.create_task(client.get_open_orders())
    await gateway.asked(5)
    everybody = asyncio.create_task(client.get_open_orders(all_clients=True))
    later = asyncio.create_task(client.get_market_rule(26))
    await gateway.asked(91)  # asked after `everybody`, and here already
    assert gateway.count(16) == 0
    gateway.send(93, 26, 1, 0, 0.01)
    gateway.send(53, 1)
    assert await own == []
    assert len(await later) == 1
    await gateway.asked(16)
    gateway.send(53, 1)
    assert await everybody == []


async def test_a_market_rule_is_asked_for_once(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    asking = asyncio.create_task(client.get_market_rule(26))
    await gateway.asked(91)
    gateway.send(93, 26, 2, 0, 0.0001, 1, 0.01)
    rule = await asking
    assert [(row.lowEdge, row.increment) for row in rule] == [(0.0, 0.0001), (1.0, 0.01)]
    assert await client.get_market_rule(26) == rule
    assert gateway.count(91) == 1


async def test_every_failure_of_a_request_is_one_of_ours(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    with pytest.raises(PoseiError):
        await client.get_matching_contracts("caf\u00e9")
    assert client.health().requests == ()


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
async def test_a_timeout_that_is_no_time_is_refused_before_anything_is_asked(shop, seconds):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    with pytest.raises(InvalidRequest, match="a positive number of seconds") as refused:
        await client.server_time(timeout=seconds)
    assert refused.value.field == "timeout"
    assert client.health().requests == ()


async def test_an_answer_is_freed_with_whoever_asked_and_waits_for_no_collection(shop):
    gateway = await shop.gateway()
    client = await shop.connected(gateway)
    gc.collect()
    gc.disable()
    try:
        for minute in range(3):
            asking = asyncio.create_task(
                client.get_historical_bars(
                    shop.AAPL, **{**HISTORY, "end": f"20240102-21:0{minute}:00"}
                )
            )
            req_id = (await gateway.asked(20))[1]
            bar = (1704229200, 1.0, 1.0, 1.0, 1.0, 5, 1.0, 3)
            gateway.send(17, req_id, "", "", 1, *bar)
            assert len((await asking).opens) == 1
            del asking
        await asyncio.sleep(0)
        alive = [one for one in gc.get_objects() if isinstance(one, HistoricalBars)]
        assert alive == []
    finally:
        gc.enable()
