"""``posei run``: a trading node from a TOML file, until it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotation when it runs
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from posei_trader.config import TradingNodeConfig

app = typer.Typer(
    help="Run a trading node from a TOML file.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


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
) -> None:
    """Run the node that a file describes; SIGINT and SIGTERM stop it cleanly.

    Strategies and actors are found on the Python path and beside the file.
    """
    from posei_trader import config as settings  # noqa: PLC0415 - --help needs none of it
    from posei_trader.live.node import TradingNode  # noqa: PLC0415 - same

    sys.path.insert(0, str(file.absolute().parent))
    config = settings.TradingNodeConfig.from_toml(file)
    node = TradingNode(config)
    try:
        node.build()
        if check:
            typer.echo(_summary(config))
        else:
            node.run()
    finally:
        node.dispose()


def _summary(config: TradingNodeConfig) -> str:
    counts = (
        ("data clients", ", ".join(config.data_clients) or "none"),
        ("execution clients", ", ".join(config.exec_clients) or "none"),
        ("strategies", ", ".join(one.path for one in config.strategies) or "none"),
        ("actors", ", ".join(one.path for one in config.actors) or "none"),
    )
    lines = (f"  {label + ':':<19}{names}" for label, names in counts)
    return "\n".join([f"{config.trader_id} can be built", *lines])
