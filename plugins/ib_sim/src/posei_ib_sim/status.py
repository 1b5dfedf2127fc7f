"""What the command prints while the gateway serves: a status line, or JSON lines for scripts."""

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, Any, final

from rich.console import Console
from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from posei_ib_sim.gateway import SimulatedIBGateway

__all__ = ["report_lines", "report_status", "say"]

_STATUS_SECONDS = 1.0


async def report_lines(gateway: "SimulatedIBGateway", stop: asyncio.Event) -> None:
    """Print JSON lines about a serving gateway until `stop` is set."""
    control = {} if gateway.config.control_port is None else {"control_port": gateway.control_port}
    say(event="listening", host=gateway.host, port=gateway.port, **control)
    meter = _Meter(gateway)
    while not await _pause(stop):
        say(event="status", **meter.read())
    say(event="stopped")


def say(**record: Any) -> None:
    """Print one JSON line at once."""
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


async def report_status(gateway: "SimulatedIBGateway", stop: asyncio.Event) -> None:
    """Show a status line on a terminal until `stop` is set."""
    console = Console()
    console.print(
        f"simulated IB Gateway on [bold]{gateway.host}:{gateway.port}[/], Ctrl-C stops it"
    )
    if gateway.config.control_port is not None:
        console.print(f"control port {gateway.control_port}")
    meter = _Meter(gateway)
    if not console.is_terminal:
        await stop.wait()
        return
    with Live(console=console, refresh_per_second=2, transient=True) as live:
        while not await _pause(stop):
            live.update(Text(_line(meter.read())))


async def _pause(stop: asyncio.Event) -> bool:
    """Wait until the next report is due; `True` when it is time to stop."""
    try:
        await asyncio.wait_for(stop.wait(), _STATUS_SECONDS)
    except TimeoutError:
        return False
    return True


@final
class _Meter:
    """Reads the figures of the status line."""

    def __init__(self, gateway: "SimulatedIBGateway") -> None:
        self._gateway = gateway
        self._sent = 0
        self._received = 0
        self._at = time.monotonic()

    def read(self) -> dict[str, Any]:
        """Return the figures since the last reading."""
        server = self._gateway.server
        now = time.monotonic()
        span = max(now - self._at, 1e-9)
        sent, received = server.frames_sent, server.messages_received
        figures = {
            "time": time.strftime(
                "%Y-%m-%d %H:%M:%S", time.gmtime(self._gateway.clock.now_ns // 1_000_000_000)
            ),
            "clients": len(server.sessions),
            "subscriptions": sum(len(session.subscriptions) for session in server.sessions),
            "orders": len(self._gateway.truth.open_orders),
            "executions": len(self._gateway.truth.executions),
            "sent_per_second": round((sent - self._sent) / span),
            "received_per_second": round((received - self._received) / span),
        }
        self._sent, self._received, self._at = sent, received, now
        return figures


def _line(figures: dict[str, Any]) -> str:
    return (
        f"{figures['time']} UTC  {figures['clients']} clients  "
        f"{figures['subscriptions']} subscriptions  {figures['orders']} open orders  "
        f"{figures['executions']} executions  {figures['sent_per_second']} out/s  "
        f"{figures['received_per_second']} in/s"
    )
