"""Where a catalog is: a local directory, or anything that pyarrow or fsspec can reach."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import pyarrow as pa
import pyarrow.fs as pafs

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["AnyFileSystem", "located"]

AnyFileSystem: TypeAlias = object
"""A `pyarrow.fs.FileSystem`, or an `fsspec.AbstractFileSystem`."""

_SCHEMES: Final[Mapping[str, Collection[str]]] = MappingProxyType(
    {
        "gcs": ("gs", "gcs"),
        "abfs": ("abfs", "abfss"),
        "hdfs": ("hdfs", "viewfs"),
    }
)
"""How addresses begin that pyarrow's file systems know, where it is not their name."""


def located(
    root: str | Path, filesystem: AnyFileSystem | None = None
) -> tuple[pafs.FileSystem, str]:
    """Return the file system of a place and the path there.

    Args:
        root: A directory, or a URI: ``s3://...``, ``file:///...``; with fsspec installed, any that
            it knows, such as ``memory://`` or ``sftp://``.
        filesystem: The file system, of pyarrow or of fsspec, when the URI does not say it.

    Raises:
        InvalidRequest: nobody knows such a URI, or what was given is no file system.
        MissingDependency: fsspec, or a package that it needs for this URI, is not installed.
        DataFileError: the place cannot be reached.
    """
    text = str(root)
    if filesystem is not None:
        return _given(filesystem, text)
    if "://" not in text:
        return pafs.LocalFileSystem(), _local(text)
    try:
        found, path = pafs.FileSystem.from_uri(text)
    except pa.ArrowInvalid:
        return _from_fsspec(text)
    except OSError as error:
        raise DataFileError(
            f"the catalog cannot be reached: {error}",
            field="path",
            value=text,
            remedy="check the address, the network and the credentials",
        ) from error
    return found, path.rstrip("/")


def _given(filesystem: AnyFileSystem, text: str) -> tuple[pafs.FileSystem, str]:
    """Return a file system that was given, and a path as its own listings spell it."""
    if isinstance(filesystem, pafs.SubTreeFileSystem):
        # Its root has no name of its own; the one below it has.
        below = filesystem.base_path.rstrip("/")
        path = filesystem.normalize_path(text).strip("/")
        return filesystem.base_fs, f"{below}/{path}".rstrip("/")
    if isinstance(filesystem, pafs.LocalFileSystem):
        if "://" in text:
            _check_scheme(text, {"file"})
            return located(text)
        return filesystem, _local(text)
    if isinstance(filesystem, pafs.FileSystem):
        if "://" in text:
            _check_scheme(text, _SCHEMES.get(filesystem.type_name, {filesystem.type_name}))
            text = text.partition("://")[2]
        return filesystem, filesystem.normalize_path(text).rstrip("/")
    strip = getattr(filesystem, "_strip_protocol", None)
    protocol = getattr(filesystem, "protocol", None)
    if not callable(strip) or not isinstance(protocol, str | tuple):
        raise InvalidRequest(
            "this is no file system",
            field="filesystem",
            value=filesystem,
            remedy="give one of pyarrow.fs or of fsspec, or an address and no file system",
        )
    if "://" in text:
        _check_scheme(text, {protocol} if isinstance(protocol, str) else set(protocol))
    path = str(strip(text)).rstrip("/")
    return pafs.PyFileSystem(pafs.FSSpecHandler(filesystem)), path


def _local(text: str) -> str:
    return str(Path(text).expanduser().absolute())


def _check_scheme(uri: str, schemes: Collection[str]) -> None:
    if uri.partition("://")[0] not in schemes:
        raise InvalidRequest(
            "the address is not of the file system that was given",
            field="path",
            value=uri,
            remedy="give the path only, or leave the file system out",
        )


def _from_fsspec(uri: str) -> tuple[pafs.FileSystem, str]:
    try:
        url_to_fs = importlib.import_module("fsspec.core").url_to_fs
    except ImportError as error:
        raise _missing(uri, "fsspec") from error
    try:
        filesystem, path = url_to_fs(uri)
    except ImportError as error:
        raise _missing(uri, str(error)) from error
    except ValueError as error:
        raise InvalidRequest(
            "nobody knows such an address",
            field="path",
            value=uri,
            remedy="give a directory, or a URI such as s3://bucket/path",
        ) from error
    return pafs.PyFileSystem(pafs.FSSpecHandler(filesystem)), path.rstrip("/")


def _missing(uri: str, package: str) -> MissingDependency:
    return MissingDependency(
        f"this address needs a package that is not installed: {package}",
        field="path",
        value=uri,
        remedy="pip install fsspec, and what it needs for this address",
    )
