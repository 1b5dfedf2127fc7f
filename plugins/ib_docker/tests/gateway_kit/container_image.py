"""Build the test image from this machine's own Python: no registry, no network, a few seconds.

It has two layers. The base holds the interpreter, its standard library, what the simulated Gateway
depends on, the shared libraries all of it needs, and a shell with `sleep` and `rm`. On top lie the
stub and the simulated Gateway themselves, which change more often, and what Python compiled when
the simulated Gateway ran once: without that every container would compile it anew.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import io
import re
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

REPOSITORY = "localhost/posei-test/ib-gateway"
LABEL = "io.posei.test-image"
READY = b"Ctrl-C stops it"
"""What the simulated Gateway prints when it listens."""

_SKIPPED = {"__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip"}
_SKIPPED |= {"site-packages", "dist-packages", "config-3.11-x86_64-linux-gnu", "lib2to3"}
_STUB = Path(__file__).with_name("stub_gateway.py")
_HOME = "home/ibgateway"
_SIMULATOR = "posei-ib-sim"
# What the simulator needs for files of prices only, which the tests do not use.
_LEFT_OUT = {"pyarrow"}
_UNNEEDED = {"..", "tests", "include"}


def base_tag() -> str:
    """Return the name of the base image: it changes with everything that goes into it."""
    digest = hashlib.sha256(f"{sys.version}{sys.base_prefix}".encode())
    digest.update(Path(__file__).read_bytes())
    for name in _dependencies():
        digest.update(f"{name} {importlib.metadata.version(name)}".encode())
    return f"{REPOSITORY}:base-{digest.hexdigest()[:12]}"


def tag() -> str:
    """Return the name of the test image: it changes with everything that goes into it."""
    digest = hashlib.sha256(base_tag().encode())
    for file in (_STUB, *simulator_files()):
        digest.update(file.read_bytes())
    return f"{REPOSITORY}:{digest.hexdigest()[:12]}"


def simulator_files() -> list[Path]:
    """Return the source files of the simulated Gateway, if it is installed."""
    spec = importlib.util.find_spec("posei_ib_sim")
    if spec is None or spec.origin is None:
        return []
    files = Path(spec.origin).parent.rglob("*")
    return sorted(path for path in files if path.is_file() and path.suffix != ".pyc")


def build_base() -> bytes:
    """Return the base as one tar archive."""
    packages = _packages()
    compiled = [source for source, _ in packages if source.suffix == ".so"]
    paths = [*_interpreter(), *_tools()]
    files = [(path, str(path)) for path in (*paths, *_libraries([*paths, *compiled]))]
    directories = (("tmp", 0o1777), (_HOME, 0o777))
    return _archive([*files, *packages], directories)


def build_top() -> bytes:
    """Return what lies on the base as one tar archive, to be unpacked at the root."""
    sources = simulator_files()
    files = [(_STUB, f"/{_HOME}/stub_gateway.py")]
    if sources:
        root = next(path for path in sources[0].parents if path.name == "posei_ib_sim").parent
        place = f"/{_HOME}/packages"
        files += [(path, f"{place}/{path.relative_to(root)}") for path in sources]
    return _archive(files)


def settings() -> list[str]:
    """Return the settings of the image."""
    return [
        "USER 1000:1000",
        f"WORKDIR /{_HOME}",
        f"LABEL {LABEL}=1",
        f'CMD ["{_python()}", "/{_HOME}/stub_gateway.py"]',
        f"ENV PYTHONPATH=/{_HOME}/packages",
        f"ENV HOME=/{_HOME}",
        "ENV PYTHONUNBUFFERED=1",
    ]


def first_run() -> list[str]:
    """Return the command that runs the simulated Gateway, to have it compiled; it says `READY`."""
    return [str(_python()), "-m", "posei_ib_sim", "serve"]


def _archive(files: list[tuple[Path, str]], directories: tuple[tuple[str, int], ...] = ()) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for directory, mode in directories:
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for source, target in files:
            _add(tar, source, target)
    return content.getvalue()


def _python() -> Path:
    return Path(sysconfig.get_config_var("BINDIR")) / f"python3.{sys.version_info.minor}"


def _interpreter() -> list[Path]:
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
    files = [
        path
        for path in library.rglob("*")
        if path.is_file() and not _SKIPPED & set(path.relative_to(library).parts)
    ]
    return [_python(), *(path for path in files if path.suffix in {".py", ".so"})]


def _tools() -> list[Path]:
    return [Path("/bin/sh"), Path("/bin/sleep"), Path("/bin/rm")]


def _libraries(paths: list[Path]) -> list[Path]:
    binaries = [path for path in paths if path.suffix in {".so", ""} or path == _python()]
    found = subprocess.run(
        ["ldd", *map(str, binaries)], capture_output=True, text=True, check=False
    ).stdout
    names = set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", found, re.MULTILINE))
    # What a package brings itself it finds by its own place.
    return [Path(name) for name in sorted(names) if "site-packages" not in name]


def _dependencies() -> list[str]:
    """Return the distributions that the simulator needs, if it is installed."""
    found: set[str] = set()
    waiting = _needs(_SIMULATOR) if _installed(_SIMULATOR) else []
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _needs(name)
    return sorted(found)


def _packages() -> list[tuple[Path, str]]:
    """Return the files of those distributions, with their places in the image."""
    files = [
        (Path(str(part.locate())), f"/{_HOME}/packages/{part}")
        for name in _dependencies()
        for part in importlib.metadata.files(name) or ()
        if not _UNNEEDED & set(part.parts) and part.suffix not in {".pyc", ".pth", ".h", ".a"}
    ]
    return [(path, place) for path, place in files if path.is_file()]


def _needs(distribution: str) -> list[str]:
    wanted = []
    for line in importlib.metadata.requires(distribution) or ():
        requirement = re.match(r"[A-Za-z0-9._-]+", line)
        name = requirement[0].lower().replace("_", "-") if requirement else ""
        if name not in _LEFT_OUT and "extra ==" not in line and _installed(name):
            wanted.append(name)
    return wanted


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _add(tar: tarfile.TarFile, path: Path, target: str) -> None:
    entry = tar.gettarinfo(str(path.resolve()), arcname=target.lstrip("/"))
    # Never as a link to an earlier file: the same one may be in the image under two names.
    entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
    entry.uid = entry.gid = 0
    entry.mtime = 0
    with path.open("rb") as content:
        tar.addfile(entry, content)
