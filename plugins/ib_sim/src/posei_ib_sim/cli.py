"""The command `posei-ib-sim`, also mounted as `posei ib-sim`."""

import asyncio
import json
import logging
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text
from typer.core import TyperGroup

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recording.commands import record, replay_wire

if TYPE_CHECKING:
    from posei_ib_sim.gateway import SimulatedIBGateway, SimulatedIBGatewayConfig

__all__ = ["app", "run"]

_BAD_INPUT = 2
_STATUS_SECONDS = 1.0


class _ServeByDefault(TyperGroup):
    """Lets `posei-ib-sim --port 4002` mean `posei-ib-sim serve --port 4002`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front of options that come without one."""
        if not args or (args[0] not in self.commands and args[0] not in {"--help", "-h"}):
            named = {option.partition("=")[0] for option in args}
            default = "record" if "--record" in named else "serve"
            args = ["replay-wire" if "--replay-wire" in named else default, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_ServeByDefault,
    help="A simulated IB Gateway that any IB client can trade against.",
    no_args_is_help=False,
    add_completion=False,
)


@app.callback()
def main() -> None:
    """A simulated IB Gateway that any IB client can trade against."""


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for a free one.")] = 4002,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote",
            help="Permit an address that others can reach. Dangerous: there is no login, whoever "
            "reaches the port can trade the simulated accounts and read all data.",
        ),
    ] = False,
    replay: Annotated[
        list[Path] | None,
        typer.Option(help="CSV or Parquet file to replay; may be given several times."),
    ] = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(help="STEM=CONTRACT: the contract of a file, for example usdjpy=USD.JPY."),
    ] = None,
    speed: Annotated[str, typer.Option(help='Simulated seconds per real second, or "max".')] = "1",
    start: Annotated[
        str | None, typer.Option(help="Simulated time at the start, ISO 8601, UTC.")
    ] = None,
    start_on: Annotated[
        str | None, typer.Option(help='"immediately" or "first_subscription".')
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option(help="Account id; may be given several times.")
    ] = None,
    cash: Annotated[
        list[str] | None, typer.Option(help="CURRENCY=AMOUNT: opening balance of each account.")
    ] = None,
    contracts: Annotated[
        Path | None, typer.Option(help="TOML or JSON file with more contracts.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Makes synthetic prices and ids repeatable.")] = 1,
    server_version: Annotated[
        int | None, typer.Option(help="Protocol version to speak, 157-200 or 213-226.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse orders.")] = False,
    no_pacing: Annotated[
        bool, typer.Option("--no-pacing", help="Do not enforce IB's limits.")
    ] = False,
    scenario: Annotated[
        str | None,
        typer.Option(help="Built-in scenario of faults, or path of a scenario file (.toml)."),
    ] = None,
    control_port: Annotated[
        int | None, typer.Option(help="Loopback port for control by JSON lines; 0 for a free one.")
    ] = None,
    log_wire: Annotated[
        Path | None, typer.Option(help="Append every frame to this file, as JSON lines.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Record clients' sessions with the real gateway at --upstream."),
    ] = None,
    upstream: Annotated[
        str | None, typer.Option(help="HOST:PORT of a real gateway, with --record.")
    ] = None,
    replay_wire: Annotated[
        Path | None, typer.Option(help="Play the server's side of a recording.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="Print JSON lines, no status line.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log to standard error.")
    ] = False,
) -> None:
    """Serve IB clients until interrupted."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    try:
        if record is not None or replay_wire is not None:
            asyncio.run(_serve_recording(port, record, upstream, replay_wire, as_json=json_))
            return
        settings: dict[str, Any] = {
            "host": host,
            "port": port,
            "allow_remote": allow_remote,
            "replay": tuple(replay or ()),
            "symbols": _pairs("--symbol", symbol),
            "speed": _speed(speed),
            "start": start,
            "start_on": start_on,
            "seed": seed,
            "server_version": server_version,
            "read_only": read_only,
            "pacing": not no_pacing,
            "scenario": scenario,
            "control_port": control_port,
            "log_wire": log_wire,
        }
        if account:
            settings["account_ids"] = tuple(account)
        if cash:
            settings["initial_cash"] = _pairs("--cash", cash)
        if contracts is not None:
            settings["contracts"] = contracts
        asyncio.run(_serve(settings, as_json=json_))
    except ConfigurationError as error:
        if json_:
            _say(event="error", error=str(error))
        else:
            Console(stderr=True).print(
                f"error: {error}", markup=False, highlight=False, soft_wrap=True
            )
        raise typer.Exit(_BAD_INPUT) from None


app.command("record")(record)
app.command("replay-wire")(replay_wire)


def run() -> NoReturn:
    """Run the command and exit."""
    app(prog_name="posei-ib-sim")
    raise SystemExit(0)


def _config(settings: dict[str, Any]) -> "SimulatedIBGatewayConfig":
    from posei_ib_sim.gateway import SimulatedIBGatewayConfig  # noqa: PLC0415 - `--help` is instant

    return SimulatedIBGatewayConfig(**settings)


async def _serve(settings: dict[str, Any], *, as_json: bool) -> None:
    from posei_ib_sim.gateway import SimulatedIBGateway  # noqa: PLC0415 - same

    stop = _stop_on_signals()
    async with SimulatedIBGateway(_config(settings)) as gateway:
        if as_json:
            await _report_lines(gateway, stop)
        else:
            await _report_status(gateway, stop)


async def _serve_recording(
    port: int, record: Path | None, upstream: str | None, played: Path | None, *, as_json: bool
) -> None:
    from posei_ib_sim.recorder import RecordingProxy, WirePlayer  # noqa: PLC0415 - seldom used

    host, colon, far_port = (upstream or "").rpartition(":")
    server: RecordingProxy | WirePlayer
    if played is not None:
        server = WirePlayer(played, port=port)
    elif record is not None and colon and far_port.isdigit():
        server = RecordingProxy((host, int(far_port)), record, port=port)
    else:
        raise ConfigurationError(
            f"--upstream {upstream!r} is no HOST:PORT; name the gateway to record, such as "
            "127.0.0.1:4001"
        )
    stop = _stop_on_signals()
    await server.start()
    try:
        if as_json:
            _say(event="listening", host="127.0.0.1", port=server.port)
        else:
            Console().print(f"listening on 127.0.0.1:{server.port}, Ctrl-C stops it")
        await stop.wait()
    finally:
        await server.stop()


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


async def _report_lines(gateway: "SimulatedIBGateway", stop: asyncio.Event) -> None:
    _say(event="listening", host=gateway.host, port=gateway.port)
    meter = _Meter(gateway)
    while not await _pause(stop):
        _say(event="status", **meter.read())
    _say(event="stopped")


def _say(**record: Any) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


async def _report_status(gateway: "SimulatedIBGateway", stop: asyncio.Event) -> None:
    console = Console()
    console.print(
        f"simulated IB Gateway on [bold]{gateway.host}:{gateway.port}[/], Ctrl-C stops it"
    )
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


def _speed(text: str) -> float | str:
    if text in {"max", "step"}:
        return text
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f'--speed {text!r} is no speed; write a number above 0 or "max"'
        ) from None


def _pairs(option: str, texts: list[str] | None) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not (equals and key and value):
            raise ConfigurationError(f"{option} {text!r} is no KEY=VALUE; write for example A=B")
        pairs[key] = value
    return pairs
