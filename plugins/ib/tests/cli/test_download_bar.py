"""What people see while ``posei ib download`` runs: numbers that they can check."""

from __future__ import annotations

import asyncio
import os
import re
import sys

import pytest

from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig
from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.download_progress import DownloadTracker
from posei_trader.adapters.interactive_brokers.historical.streams import HistoryStream
from posei_trader.adapters.interactive_brokers.traded import Traded
from posei_trader.cli.main import main
from posei_trader.model.bars import BarSpecification, BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence.catalog import ParquetDataCatalog

LINE = re.compile(
    r"(?P<done>\d+)/(?P<streams>\d+) streams\s+\S+\s+(?P<percent>\d+)%\s+"
    r"(?P<records>[\d,]+) records, (?P<rate>[\d,]+)/s(?:\s+(?P<left>[\d:]+) left)?"
)
COLOURS = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


class Terminal:
    """A pseudo-terminal that takes the place of the standard error stream."""

    def __init__(self) -> None:
        self._reading, writing = os.openpty()
        self.stream = os.fdopen(writing, "w", encoding="utf-8")
        self.shown = bytearray()

    def read(self) -> None:
        """Read until the other side is closed, which Linux tells as an error."""
        try:
            while part := os.read(self._reading, 65_536):
                self.shown += part
        except OSError:
            pass  # the end
        finally:
            os.close(self._reading)


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "140")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


async def test_a_terminal_shows_streams_share_records_rate_and_time_left(
    terminal, monkeypatch, tmp_path
):
    config = SimulatedIBGatewayConfig(speed="step", start="2023-11-20T15:00:00Z", pacing=False)
    async with SimulatedIBGateway(config) as gateway:
        # Here, because pytest sets its own stream once more when the fixtures are there.
        monkeypatch.setattr(sys, "stderr", terminal.stream)
        reading = asyncio.create_task(asyncio.to_thread(terminal.read))
        arguments = [
            "AAPL.NASDAQ", "MSFT.NASDAQ", "--bars", "5-MINUTE-LAST",
            "--start", "2023-10-02T13:30", "--end", "2023-10-06T20:00",
            "--catalog", str(tmp_path), "--port", str(gateway.port),
        ]  # fmt: skip
        code = await asyncio.to_thread(main, ["ib", "download", *arguments])
        terminal.stream.close()
        await reading
    assert code == 0
    shown = COLOURS.sub("", terminal.shown.decode())
    lines = [match.groupdict() for match in LINE.finditer(shown)]
    assert lines, shown
    for name in ("done", "percent", "records"):
        values = [int(line[name].replace(",", "")) for line in lines]
        assert values == sorted(values)
    last = lines[-1]
    # Five days of 78 bars, of two instruments: what the bar says is what the catalog holds.
    assert (last["done"], last["streams"], last["percent"]) == ("2", "2", "100")
    assert int(last["records"]) == len(ParquetDataCatalog(tmp_path).bars()) == 2 * 5 * 78
    assert int(last["rate"].replace(",", "")) > 0
    assert last["left"] == "0:00"


def test_rate_and_time_left_are_those_of_the_time_covered_so_far():
    moment = [100.0]
    instrument_id = InstrumentId("AAPL.NASDAQ")
    hours = BarType(instrument_id, BarSpecification.from_str("1-HOUR-LAST"))
    traded = Traded(instrument_id, IBContract(secType="STK", symbol="AAPL"))
    stream = HistoryStream(traded, hours)
    client = InteractiveBrokersClient("127.0.0.1", 1, 1)
    tracker = DownloadTracker(client, 2, None, now=lambda: moment[0])
    tracker.expect(stream, 400 * 3_600 * 10**9, 4)
    assert (tracker.state().fraction, tracker.state().eta_s) == (0.0, None)
    moment[0] += 10.0
    tracker.covered(stream, 100 * 3_600 * 10**9, 390)
    state = tracker.state()
    # A quarter in ten seconds: thirty more; 390 records in ten seconds.
    assert (state.fraction, state.records, state.records_per_s) == (0.25, 390, 39.0)
    assert state.eta_s == pytest.approx(30.0)
    moment[0] += 30.0
    tracker.covered(stream, 300 * 3_600 * 10**9, 1_170)
    tracker.ended(stream)
    state = tracker.state()
    assert (state.fraction, state.streams_done, state.streams) == (1.0, 1, 2)
    assert (state.records, state.records_per_s, state.elapsed_s) == (1_560, 39.0, 40.0)
    assert state.eta_s == 0.0
