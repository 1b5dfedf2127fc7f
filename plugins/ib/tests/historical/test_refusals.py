"""What IB refuses, and what makes no sense: a clear error, and everything else unharmed."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.client import (
    HistoricInteractiveBrokersClient,
)
from posei_trader.errors import (
    FixRequest,
    InstrumentNotFound,
    MarketDataNotPermitted,
    PacingViolation,
    RequestRejected,
    RequestTimeout,
    ResourceExhausted,
)
from posei_trader.persistence.catalog import ParquetDataCatalog

AAPL = IBContract(secType="STK", symbol="AAPL", exchange="SMART", primaryExchange="NASDAQ")
MSFT = IBContract(secType="STK", symbol="MSFT", exchange="SMART", primaryExchange="NASDAQ")

SPAN = {
    "start_date_time": dt.datetime(2023, 11, 1, tzinfo=dt.UTC),
    "end_date_time": dt.datetime(2023, 11, 3, tzinfo=dt.UTC),
}
GATEWAY = SimulatedIBGatewayConfig(
    speed="step", start="2023-11-20T15:00:00Z", pacing=False, server_version=178
)
ONE_REQUEST = {
    "start_date_time": dt.datetime(2023, 11, 1, 13, 30, tzinfo=dt.UTC),
    "end_date_time": dt.datetime(2023, 11, 1, 20, tzinfo=dt.UTC),
}
HMDS = "Historical Market Data Service error message:"


@pytest.mark.parametrize(
    ("code", "text", "error", "says"),
    [
        (354, "Requested market data is not subscribed.", MarketDataNotPermitted, "subscri"),
        (10089, "Requested market data requires additional subscription for API.",
         MarketDataNotPermitted, "subscri"),
        (10168, "Requested market data is not subscribed. Delayed market data is not enabled.",
         MarketDataNotPermitted, "subscri"),
        (10186, "Requested market data is not subscribed. Delayed market data is not enabled.",
         MarketDataNotPermitted, "subscri"),
        (162, f"{HMDS}No market data permissions for STK", MarketDataNotPermitted, "subscri"),
        (420, "Invalid Real-time Query:No market data permissions for STK",
         MarketDataNotPermitted, "subscri"),
        (200, "No security definition has been found for the request", InstrumentNotFound, "200"),
        (321, "Error validating request.-'bQ' : cause - Invalid step size", RequestRejected,
         "Invalid step size"),
        (162, f"{HMDS}Time length exceed max.", RequestRejected, "Time length"),
        (162, f"{HMDS}Trading TWS session is connected from a different IP address",
         ResourceExhausted, "other session"),
    ],
)  # fmt: skip
async def test_a_refusal_raises_what_it_means_and_harms_nothing(
    intercepted, code, text, error, says
):
    gateway, client = intercepted
    gateway.refuse("MSFT", code, text)
    with pytest.raises(error, match=says) as caught:
        await client.request_bars(["1-HOUR-LAST"], contracts=[AAPL, MSFT], **SPAN)
    assert caught.value.code == code
    assert "MSFT" in str(caught.value)
    with pytest.raises(error):
        await client.request_ticks("TRADES", contracts=[MSFT], **SPAN)
    assert client.downloads.pending() == ()
    assert len(await client.request_bars(["1-HOUR-LAST"], contracts=[AAPL], **SPAN)) == 14


async def test_a_failed_request_lets_others_of_the_connection_finish(intercepted):
    gateway, client = intercepted
    gateway.refuse("MSFT", 354, "Requested market data is not subscribed.")
    good, bad = await asyncio.gather(
        client.request_bars(["1-HOUR-LAST"], contracts=[AAPL], **SPAN),
        client.request_bars(["1-HOUR-LAST"], contracts=[MSFT], **SPAN),
        return_exceptions=True,
    )
    assert len(good) == 14
    assert isinstance(bad, MarketDataNotPermitted)


async def test_no_data_is_an_empty_answer(intercepted):
    gateway, client = intercepted
    gateway.refuse("MSFT", 162, f"{HMDS}HMDS query returned no data: MSFT@SMART Trades", times=1)
    bars = await client.request_bars(["1-HOUR-LAST"], contracts=[MSFT], **SPAN)
    assert bars == []
    # Empty is said together with what is missing.
    assert [gap.is_whole_session for gap in bars.gaps] == [True, True]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (162, f"{HMDS}Historical data request pacing violation"),
        (162, f"{HMDS}Max number of simultaneous historical requests has been reached"),
        (420, "Invalid Real-time Query:Historical data request pacing violation"),
        (100, "Max rate of messages per second has been exceeded:max=50 rec=51 (1)"),
    ],
)
def test_too_fast_backs_off_and_asks_again(warped, interceptor_of, code, text):
    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            interceptor_of(gateway) as interceptor,
            HistoricInteractiveBrokersClient(interceptor.host, interceptor.port, 5) as client,
        ):
            await client.request_instruments(contracts=[MSFT])
            interceptor.refuse("MSFT", code, text, times=2)
            bars = await client.request_bars(
                ["1-HOUR-LAST"], contracts=[MSFT], check_gaps=False, **ONE_REQUEST
            )
            return len(bars), len(interceptor.asked)

    found, seconds = warped(work())
    assert found == (7, 3)
    # Five seconds, then ten, also for whatever else wants history.
    assert 15 <= seconds < 40


def test_too_fast_for_ever_fails_in_the_end(warped, interceptor_of):
    async def work():
        async with (
            SimulatedIBGateway(GATEWAY) as gateway,
            interceptor_of(gateway) as interceptor,
            HistoricInteractiveBrokersClient(interceptor.host, interceptor.port, 5) as client,
        ):
            await client.request_instruments(contracts=[MSFT])
            interceptor.refuse("MSFT", 162, f"{HMDS}Historical data request pacing violation")
            with pytest.raises(PacingViolation):
                await client.request_bars(
                    ["1-HOUR-LAST"], contracts=[MSFT], check_gaps=False, **ONE_REQUEST
                )
            assert client.downloads.pending() == ()
            return len(interceptor.asked)

    asked, seconds = warped(work())
    # As long as IB counts back and a minute, at most once a minute in the end.
    assert 14 <= asked <= 16
    assert 660 <= seconds < 760


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"20231101-00:00:00\x0020231103-00:00:00\x00three\x00",
        b"20231101-00:00:00\x0020231103-00:00:00\x0099\x001698800000\x00170\x00171",
        b"\xff\xfe\x00\xff\x001\x00soon\x00170\x00171\x00169\x00170\x001\x00170\x001\x00",
        b"20231101-00:00:00\x0020231103-00:00:00\x001\x00soon\x001\x002\x001\x002\x001\x001\x001\x00",
    ],
)
async def test_a_malformed_answer_raises_and_is_never_half_an_answer(
    intercepted, tmp_path, payload
):
    gateway, client = intercepted
    await client.request_instruments(contracts=[AAPL])
    gateway.mangle(17, payload)
    with pytest.raises((RequestTimeout, FixRequest)):
        await client.request_bars(
            ["1-HOUR-LAST"], contracts=[AAPL], timeout=0.5, check_gaps=False, **SPAN
        )
    assert client.downloads.pending() == ()
    # The connection is the same and well.
    assert len(await client.request_bars(["1-HOUR-LAST"], contracts=[MSFT], **SPAN)) == 14
    # Into a catalog it comes whole at the second attempt.
    gateway.mangle(17, payload)
    catalog = ParquetDataCatalog(tmp_path)
    report = await client.download(
        catalog, bar_specifications=["2-HOUR-LAST"], contracts=[AAPL], timeout=0.5, **SPAN
    )
    if report.streams[0].error is None:
        assert report.streams[0].rows == 8
    else:
        assert catalog.bars() == []
    assert catalog.check() == []


async def test_an_answer_that_does_not_decode_is_counted(intercepted):
    gateway, client = intercepted
    await client.request_instruments(contracts=[AAPL])
    gateway.mangle(17, b"20231101-00:00:00\x0020231103-00:00:00\x00three\x00")
    with pytest.raises(RequestTimeout, match=r"1 hour TRADES bars of STK AAPL"):
        await client.request_bars(
            ["1-HOUR-LAST"], contracts=[AAPL], timeout=0.3, check_gaps=False, **SPAN
        )


async def test_an_instrument_that_was_never_loaded_is_loaded_when_it_is_asked_about(connect):
    client = await connect()
    bars = await client.request_bars(["1-DAY-LAST"], instrument_ids=["AAPL.NASDAQ"], **SPAN)
    assert len(bars) == 2
    with pytest.raises(InstrumentNotFound, match="NOSUCHTHING"):
        await client.request_bars(["1-DAY-LAST"], instrument_ids=["NOSUCHTHING.NASDAQ"], **SPAN)
    assert client.is_connected
