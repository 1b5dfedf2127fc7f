"""The ``posei`` command line: a group whose commands are imported when they are used."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand, TyperGroup

from posei_trader.cli.commands import BUILT_IN, BuiltIn
from posei_trader.cli.exits import OK
from posei_trader.cli.main import version
from posei_trader.errors import PluginBroken
from posei_trader.plugins import default_registry
from posei_trader.plugins.references import resolve

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    # What typer's own signatures name; only the type checker looks at it.
    from typer._click.core import Command, Context

__all__ = ["app", "invoke"]


class LazyGroup(TyperGroup):
    """A command group that knows its commands by name and summary only, until one is used."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Return the built-in names, then those of plugins; a built-in name always wins."""
        del ctx
        return list(self._rows)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a stand-in that help can list without importing the command."""
        del ctx
        row = self._row(cmd_name)
        return TyperCommand(cmd_name, help=row.summary) if row else None

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Return the command itself, now that it is needed.

        Raises:
            PluginError: it cannot be imported.
        """
        if self._row(args[0]) is None:
            self.commands = {name: TyperCommand(name) for name in self._rows}  # "did you mean"
        name, command, rest = super().resolve_command(ctx, args)
        row = self._row(name) if name else None
        return name, _imported(name, row.target) if name and row else command, rest

    def _row(self, name: str) -> BuiltIn | None:
        # A built-in command must work however many plugins are installed, or broken.
        return BUILT_IN.get(name) or self._rows.get(name)

    @cached_property
    def _rows(self) -> Mapping[str, BuiltIn]:
        rows = dict(BUILT_IN)
        for command in default_registry().commands:
            if command.name in BUILT_IN:
                print(
                    f"warning: a plugin's command {command.name!r} is hidden by the built-in one",
                    file=sys.stderr,
                )
            else:
                rows[command.name] = BuiltIn(command.target, command.summary)
        return rows


app = typer.Typer(
    name="posei",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 not well, 2 change the request, 3 try later, 4 a person must "
    "look, 70 a fault in the program, 130 interrupted.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"posei {version()}")
        raise typer.Exit


@app.callback()
def posei(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """PoseiTrader: one trading framework, any venue, by plugins."""
    del show_version, debug  # handled by their callback, and where errors are reported


def invoke(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; errors of commands propagate."""
    try:
        typer.main.get_command(app).main(args=list(arguments), prog_name="posei")
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else OK
    return OK


def _imported(name: str, target: str) -> Command:
    found = resolve(target, owner=f"command {name!r}")
    if not isinstance(found, typer.Typer):
        raise PluginBroken(
            f"command {name!r} is no typer app",
            field=target,
            value=type(found).__name__,
            remedy="make it a typer.Typer",
        )
    command = typer.main.get_command(found)
    command.name = name
    return command
