"""``posei run``: a trading node from a TOML file, until it is stopped."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotation when it runs
from typing import TYPE_CHECKING, Annotated, Final

import typer

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from posei_trader.config import TradingNodeConfig

app = typer.Typer(
    help="Run a trading node from a TOML file.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

_LABELS: Final = {"data_clients": "data clients", "exec_clients": "execution clients"}


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="The node's TOML file.")],
    *,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Build the node that the file describes, and connect nothing."
        ),
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="With --check: print JSON, for scripts.")
    ] = False,
) -> None:
    """Run the node that a file describes; SIGINT and SIGTERM stop it cleanly.

    Strategies and actors are found on the Python path and beside the file.
    """
    if json and not check:
        raise InvalidRequest(
            "a node that runs prints no JSON",
            field="--json",
            value=True,
            remedy="add --check; the log of a running node is JSON with log_file_format = 'json'",
        )
    from posei_trader import config as settings  # noqa: PLC0415 - --help needs none of it
    from posei_trader.live.node import TradingNode  # noqa: PLC0415 - same

    sys.path.insert(0, str(file.absolute().parent))
    config = settings.TradingNodeConfig.from_toml(file)
    node = TradingNode(config)
    try:
        node.build()
        if check:
            parts = _parts(config)
            typer.echo(
                jsonlib.dumps({"trader_id": str(config.trader_id), **parts}, indent=2)
                if json
                else _summary(config.trader_id, parts)
            )
        else:
            node.run()
    finally:
        node.dispose()


def _parts(config: TradingNodeConfig) -> dict[str, list[str]]:
    return {
        "data_clients": list(config.data_clients),
        "exec_clients": list(config.exec_clients),
        "strategies": [one.path for one in config.strategies],
        "actors": [one.path for one in config.actors],
    }


def _summary(trader_id: str, parts: dict[str, list[str]]) -> str:
    lines = (
        f"  {_LABELS.get(part, part) + ':':<19}{', '.join(names) or 'none'}"
        for part, names in parts.items()
    )
    return "\n".join([f"{trader_id} can be built", *lines])
