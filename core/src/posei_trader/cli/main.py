"""The entry point of ``posei``.

Two commands are answered here without the command line library, because they must be instant and
work where everything else is broken: ``posei --version`` and ``posei plugins list``. The rest goes
to `posei_trader.cli.application`. See `posei_trader.cli.exits` for the exit codes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, NoReturn

from posei_trader.cli.exits import INTERRUPTED, OK, report

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "run"]

_LIST_OPTIONS: Final = frozenset({"--json", "--failed"})


def run() -> NoReturn:
    """Run the program on the arguments of the process and exit."""
    sys.exit(main(sys.argv[1:]))


def main(arguments: Sequence[str]) -> int:
    """Run the program and return its exit code; every error has been printed."""
    try:
        return _dispatched(list(arguments))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone. Keep the interpreter's last flush from complaining.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 - the last boundary: one block instead of a traceback
        return report(error, debug=_wants_debug(arguments))


def version() -> str:
    """Return the version of the installed ``posei-trader``."""
    from importlib.metadata import version as installed  # noqa: PLC0415 - costs as much as the rest

    return installed("posei-trader")


def _dispatched(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        print(f"posei {version()}")
        return OK
    if arguments[:2] == ["plugins", "list"] and _LIST_OPTIONS.issuperset(arguments[2:]):
        from posei_trader.cli.listing import list_plugins  # noqa: PLC0415 - costs a start-up
        from posei_trader.plugins import default_registry  # noqa: PLC0415 - same

        return list_plugins(
            default_registry(), json="--json" in arguments, failed="--failed" in arguments
        )
    from posei_trader.cli.application import invoke  # noqa: PLC0415 - imports typer

    return invoke(arguments)


def _wants_debug(arguments: Sequence[str]) -> bool:
    for argument in arguments:
        if argument == "--debug":
            return True
        if not argument.startswith("-"):
            break
    return os.environ.get("POSEI_DEBUG", "") not in {"", "0"}
