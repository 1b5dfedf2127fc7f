"""The commands `record` and `replay-wire`."""

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posei_ib_sim.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

__all__ = ["record", "replay_wire"]

_BAD_INPUT = 2


def record(
    file: Annotated[Path, typer.Option("--record", help="File to write; it must not exist yet.")],
    upstream: Annotated[str, typer.Option(help="HOST:PORT of the gateway to record.")] = "",
    port: Annotated[int, typer.Option(help="Port to listen on at 127.0.0.1; 0 for any.")] = 4003,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Text to replace in the file, such as the login; may be repeated."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Record a client's session with a real gateway; accounts and user names are replaced.

    Point the client at this port. Ctrl-C completes the file.
    """
    from posei_ib_sim.recording.proxy import WireRecorder  # noqa: PLC0415 - `--help` is instant

    async def recording() -> None:
        async with WireRecorder(file, _address(upstream), port=port, names=name or ()) as recorder:
            _say(json_, "recording", port=recorder.port, file=str(file))
            await _interrupted()
            lines = recorder.lines
        _say(json_, "recorded", lines=lines, file=str(file))

    _run(recording, as_json=json_)


def replay_wire(
    file: Annotated[Path, typer.Option("--replay-wire", help="File written by `record`.")],
    port: Annotated[int, typer.Option(help="Port to listen on at 127.0.0.1; 0 for any.")] = 4002,
    speed: Annotated[str, typer.Option(help='Recorded seconds per second, or "max".')] = "1",
    json_: Annotated[bool, typer.Option("--json", help="Print JSON lines.")] = False,
) -> None:
    """Play the gateway's side of a recording back to a client."""
    from posei_ib_sim.recording.player import WirePlayer  # noqa: PLC0415 - `--help` is instant

    async def playing() -> None:
        async with WirePlayer(file, port=port, speed=_speed(speed)) as player:
            _say(json_, "playing", port=player.port, file=str(file))
            await _interrupted()
            _say(json_, "stopped", unmatched=[type(one).__name__ for one in player.unmatched])

    _run(playing, as_json=json_)


def _run(main: "Callable[[], Coroutine[None, None, None]]", *, as_json: bool) -> None:
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(message)s"
    )
    try:
        asyncio.run(main())
    except ConfigurationError as error:
        if as_json:
            _say(as_json, "error", error=str(error))
        else:
            sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(_BAD_INPUT) from None


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


def _say(as_json: bool, event: str, **details: object) -> None:
    if as_json:
        text = json.dumps({"event": event, **details})
    else:
        text = f"{event}  " + "  ".join(f"{name} {value}" for name, value in details.items())
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not (colon and host and port.isdigit()):
        raise ConfigurationError(
            f"--upstream {text!r} is no HOST:PORT; name the gateway to record, such as "
            "127.0.0.1:4001"
        )
    return host.strip("[]"), int(port)


def _speed(text: str) -> float | Literal["max"]:
    if text == "max":
        return "max"
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(
            f'--speed {text!r} is no speed; write a number above 0 or "max"'
        ) from None
