"""The table of built-in command groups: name to the typer app that is imported on use.

To add a command, add a row and write the module; it must hold a `typer.Typer` named ``app``.
Plugins add theirs through the ``posei_cli`` hook.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["BUILT_IN", "BuiltIn"]


@final
class BuiltIn(NamedTuple):
    """Where a command group is found, and the line that help shows for it."""

    target: str
    summary: str


BUILT_IN: Final[Mapping[str, BuiltIn]] = MappingProxyType(
    {
        "demo": BuiltIn(
            "posei_trader.cli.demo:app", "Trade real prices on a simulated gateway, start to end."
        ),
        "run": BuiltIn("posei_trader.cli.run:app", "Run a trading node from a TOML file."),
        "status": BuiltIn("posei_trader.cli.status:app", "Show how the running nodes are."),
        "catalog": BuiltIn(
            "posei_trader.cli.catalog:app",
            "List, show, check, plot and tidy what a data catalog holds.",
        ),
        "orders": BuiltIn(
            "posei_trader.cli.orders:app", "List, filter and explain the orders of a node."
        ),
        "halt": BuiltIn(
            "posei_trader.cli.halt:app", "Stop trading at once: no order leaves a halted node."
        ),
        "resume": BuiltIn("posei_trader.cli.halt:resume_app", "Lift a halt."),
        "plugins": BuiltIn(
            "posei_trader.cli.plugins:app", "List, describe and check the installed plugins."
        ),
    }
)
