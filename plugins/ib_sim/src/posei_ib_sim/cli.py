"""The command `posei-ib-sim`, also mounted as `posei ib-sim`."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from posei_ib_sim.errors import ConfigurationError
from posei_ib_sim.recording.commands import record, replay_wire
from posei_ib_sim.status import report_lines, report_status, say

if TYPE_CHECKING:
    from posei_ib_sim.gateway import SimulatedIBGatewayConfig

__all__ = ["app", "run"]

_BAD_INPUT = 2
_DEFAULT = "serve"
_HELP = "A simulated IB Gateway that any IB client can trade against."


class _ServeByDefault(TyperGroup):
    """Lets `posei-ib-sim --port 4002` mean `posei-ib-sim serve --port 4002`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the command's name in front of options that come without one."""
        if not args or (args[0] not in self.commands and args[0] not in {"--help", "-h"}):
            named = {option.partition("=")[0] for option in args}
            default = "record" if "--record" in named else _DEFAULT
            args = ["replay-wire" if "--replay-wire" in named else default, *args]
        return super().parse_args(ctx, args)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options of the default command, then the commands."""
        self.commands[_DEFAULT].format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


app = typer.Typer(
    cls=_ServeByDefault,
    help=f"{_HELP}\n\nWithout a command it serves, with the options below.",
    subcommand_metavar="[COMMAND] [ARGS]...",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def main() -> None:
    """Hold the commands; `serve` is the default."""


_Port = Annotated[int, typer.Option(help="Port to listen on; 0 for a free one.")]
_Host = Annotated[str, typer.Option(help="Address to listen on.")]
_AllowRemote = Annotated[
    bool,
    typer.Option(
        "--allow-remote",
        help="Permit an address that others can reach. Dangerous: there is no login, whoever "
        "reaches the port can trade the simulated accounts and read all data.",
    ),
]
_Replay = Annotated[
    list[Path] | None,
    typer.Option(help="CSV or Parquet file to replay; may be given several times."),
]
_Symbol = Annotated[
    list[str] | None,
    typer.Option(help="STEM=CONTRACT: the contract of a file, for example usdjpy=USD.JPY."),
]
_Speed = Annotated[str, typer.Option(help='Simulated seconds per real second, or "max".')]
_Start = Annotated[str | None, typer.Option(help="Simulated time at the start, ISO 8601, UTC.")]
_StartOn = Annotated[str | None, typer.Option(help='"immediately" or "first_subscription".')]
_Account = Annotated[list[str] | None, typer.Option(help="Account id; may be given several times.")]
_Cash = Annotated[
    list[str] | None, typer.Option(help="CURRENCY=AMOUNT: opening balance of each account.")
]
_Contracts = Annotated[Path | None, typer.Option(help="TOML or JSON file with more contracts.")]
_Seed = Annotated[int, typer.Option(help="Makes synthetic prices and ids repeatable.")]
_ServerVersion = Annotated[
    int | None, typer.Option(help="Protocol version to speak, 157-200 or 213-226.")
]
_ReadOnly = Annotated[bool, typer.Option("--read-only", help="Refuse orders.")]
_NoPacing = Annotated[bool, typer.Option("--no-pacing", help="Do not enforce IB's limits.")]
_Scenario = Annotated[
    str | None,
    typer.Option(help="Built-in scenario of faults, or path of a scenario file (.toml)."),
]
_Fault = Annotated[
    list[str] | None,
    typer.Option(
        help='A fault and its moment, such as "drop at=60 after_bytes=10" or "farm_broken '
        'on=order"; may be given several times.'
    ),
]
_ControlPort = Annotated[
    int | None, typer.Option(help="Loopback port for control by JSON lines; 0 for a free one.")
]
_LogWire = Annotated[
    Path | None, typer.Option(help="Append every frame to this file, as JSON lines.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON lines, no status line.")]
_Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error.")]


@app.command(_DEFAULT)
def serve(
    port: _Port = 4002,
    host: _Host = "127.0.0.1",
    allow_remote: _AllowRemote = False,
    replay: _Replay = None,
    symbol: _Symbol = None,
    speed: _Speed = "1",
    start: _Start = None,
    start_on: _StartOn = None,
    account: _Account = None,
    cash: _Cash = None,
    contracts: _Contracts = None,
    seed: _Seed = 1,
    server_version: _ServerVersion = None,
    read_only: _ReadOnly = False,
    no_pacing: _NoPacing = False,
    scenario: _Scenario = None,
    fault: _Fault = None,
    control_port: _ControlPort = None,
    log_wire: _LogWire = None,
    json_: _Json = False,
    verbose: _Verbose = False,
) -> None:
    """Serve IB clients until interrupted."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    try:
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
            "faults": tuple(fault or ()),
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
            say(event="error", error=str(error))
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
            await report_lines(gateway, stop)
        else:
            await report_status(gateway, stop)


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


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
