"""The contestants' environments: one interpreter for all, and what each of them installs.

NautilusTrader's newest releases need Python 3.12 or later. The newest Python that is found on the
``PATH``, below pyenv's folder, or that ``uv python install`` can fetch runs every contestant, ours
included; ``--python`` names another. Where there is none, the present one does, with the newest
release of NautilusTrader that it can install, and without the Rust node, which that lacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "posei-benchmarks"

WANTED = ((3, 13), (3, 12), (3, 14))
OURS = ("-e", str(ROOT / "core"), "-e", str(ROOT / "plugins" / "ib"))
NAUTILUS = ("nautilus_trader[ib]==1.231.0",)
NAUTILUS_BEFORE_312 = ("nautilus_trader[ib]==1.221.0",)


class Contestant(NamedTuple):
    """Who takes part."""

    script: str
    packages: tuple[str, ...]  # none: the bare interpreter
    port: str = "newest"  # "text": the server speaks text only
    skips: tuple[str, ...] = ()  # kinds of measurement that it has no part in


def contestants(python: str) -> dict[str, Contestant]:
    """Return who can take part with this interpreter."""
    is_new = version_of(python) >= (3, 12)
    nautilus = NAUTILUS if is_new else NAUTILUS_BEFORE_312
    # Until 1.221.0 it asked for the top of the book wherever quotes were wanted tick by tick.
    skips = () if is_new else ("quotes", "start")
    found = {
        "floor": Contestant("floor.py", ()),
        "ours": Contestant("ours.py", OURS, "text"),
        "ours (protobuf)": Contestant("ours.py", OURS),
        "ib_async": Contestant("peer_ib_async.py", ("ib_async==2.1.0",)),
        "ibapi": Contestant("peer_ibapi.py", ("ibapi-stable==10.50.2",)),
        "nautilus (python)": Contestant("peer_nautilus_python.py", nautilus, skips=skips),
        "nautilus (rust)": Contestant("peer_nautilus_rust.py", nautilus),
    }
    if not is_new:
        del found["nautilus (rust)"]
    return found


def version_of(python: str) -> tuple[int, int]:
    """Return an interpreter's version, (0, 0) if it does not run or lacks what clients need."""
    code = "import sqlite3, ssl, sys; print(*sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        return 0, 0
    major, minor = done.stdout.split()
    return int(major), int(minor)


def newest_python() -> str:
    """Return the interpreter that all contestants run in."""
    for version in WANTED:
        if sys.version_info[:2] == version:
            return sys.executable
        for path in _candidates(version):
            if version_of(path) == version:
                return path
    wanted = ".".join(map(str, WANTED[0]))
    subprocess.run([_uv(), "python", "install", "-q", wanted], check=False, capture_output=True)
    done = subprocess.run(
        [_uv(), "python", "find", "--managed-python", wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or sys.executable


def _candidates(version: tuple[int, int]) -> list[str]:
    name = f"python{version[0]}.{version[1]}"
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [str(path) for path in pyenv.glob(f"{version[0]}.{version[1]}.*/bin/python")]
    on_path = shutil.which(name)
    return [on_path, *found] if on_path else found


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    return str(beside) if beside.exists() else "uv"


def installed(contestant: Contestant, python: str) -> str:
    """Return the interpreter of a contestant, installing what it needs once."""
    if not contestant.packages:
        return python
    major, minor = version_of(python)
    name = "-".join([f"py{major}{minor}", *map(_short, contestant.packages)])
    home = CACHE / name
    mark, wanted = home / ".packages", _wanted(contestant.packages)
    found = str(home / "bin" / "python")
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing {' '.join(contestant.packages)}", file=sys.stderr)
        subprocess.run([_uv(), "venv", "-q", "--clear", "--python", python, str(home)], check=True)
        install = [_uv(), "pip", "install", "-q", "--compile-bytecode", "--python", found]
        subprocess.run([*install, *contestant.packages], check=True)
        mark.write_text(wanted)
    if contestant.packages == OURS:  # as an installer leaves it: a start compiles nothing
        sources = [str(Path(folder) / "src") for folder in OURS[1::2]]
        subprocess.run([found, "-m", "compileall", "-q", *sources], check=True)
    return found


def _wanted(packages: tuple[str, ...]) -> str:
    """Return what an environment has: our own packages may come to need others."""
    manifests = [Path(one) / "pyproject.toml" for one in packages if Path(one).is_absolute()]
    return "\n".join([repr(packages), *(manifest.read_text() for manifest in manifests)])


def _short(package: str) -> str:
    """Return a name for a folder."""
    if package == "-e":
        return ""
    return "".join(c if c.isalnum() or c in "._" else "-" for c in Path(package).name)
