"""Run code as a notebook would: pieces in order, in one namespace, awaiting at the top level."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path
from types import FunctionType


async def run(paths: list[str]) -> dict[str, object]:
    """Run files one after the other and return their names."""
    names: dict[str, object] = {"__name__": "notebook"}
    for path in paths:
        text = Path(path).read_text()  # noqa: ASYNC240  nothing else runs
        code = compile(text, path, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        made = FunctionType(code, names)()
        if inspect.isawaitable(made):
            await made
    return names


async def main() -> None:
    """Run the files given, print what they fetched, and hang up."""
    names = await run(sys.argv[1:])
    for name in ("instruments", "bars", "ticks"):
        print(name, len(names[name]))  # type: ignore[arg-type]  # noqa: T201
    for part in (*names["bars"].skipped, *names["ticks"].skipped):  # type: ignore[attr-defined]
        print("skipped", part.instrument, part.what)  # noqa: T201
    print("gaps", len(names["bars"].gaps), len(names["bars"].unchecked))  # type: ignore[attr-defined]  # noqa: T201
    await names["client"].disconnect()  # type: ignore[attr-defined]


asyncio.run(main())
