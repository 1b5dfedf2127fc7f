"""What the program exits with, and how it reports what went wrong.

==== ==========================================================================
code meaning
==== ==========================================================================
0    done
1    done, and the answer is "not well": a plugin failed, a check found a fault
2    change the request: the command line, a setting, a file, a missing plugin
3    nothing is wrong with the request: try again later
4    stop and look: an account, a login or an order needs a person
70   a fault in the program or in a plugin
130  interrupted from the keyboard
==== ==========================================================================

Codes from 19 to 69 are left to plugins whose failures scripts must tell apart: the error's own
`exit_code`. ``posei gateway --help`` lists those of the dockerized gateway, 19 to 50.

An error is one block on the standard error stream; the traceback comes with ``posei --debug``.

With ``--json`` a command prints exactly one JSON document on the standard output, or nothing when
it fails: an error stays that same block of text on the standard error stream, and the exit code
says of what sort it is. (``posei gateway`` adds ``{"error": ...}``, which holds the diagnosis.) A
command that finds something "not well" (code 1) has not failed.
"""

from __future__ import annotations

import sys
from typing import Final

from posei_trader.errors import PoseiError

__all__ = ["INTERNAL", "INTERRUPTED", "NOT_WELL", "OK", "USAGE", "report"]

OK: Final = 0
NOT_WELL: Final = 1
USAGE: Final = 2
INTERNAL: Final = 70
INTERRUPTED: Final = 130


def report(error: BaseException, *, debug: bool = False) -> int:
    """Print an error as one readable block and return the exit code that it means."""
    if debug:
        import traceback  # noqa: PLC0415 - only for whoever asked for it

        traceback.print_exception(error, file=sys.stderr)
    if isinstance(error, PoseiError):
        print(f"error: {error}{_cause(error)}", file=sys.stderr)
        return error.exit_code
    text = f"error: a fault in the program: {type(error).__name__}: {error}"
    hint = "" if debug else "\n  remedy: run `posei --debug ...` and report what it prints"
    print(f"{text}{hint}", file=sys.stderr)
    return INTERNAL


def _cause(error: PoseiError) -> str:
    cause = error.__cause__
    told = str(error)
    if cause is None or isinstance(cause, PoseiError) or str(cause) in told:
        return ""
    if isinstance(cause, OSError) and cause.strerror and cause.strerror in told:
        return ""
    return f"\n  cause:  {type(cause).__name__}: {cause}"
