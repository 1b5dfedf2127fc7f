"""Where a catalog is: a local directory, or anything that pyarrow or fsspec can reach."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.fs as pafs

from posei_trader.errors import DataFileError, InvalidRequest, MissingDependency

__all__ = ["AnyFileSystem", "located"]

AnyFileSystem: TypeAlias = object
"""A `pyarrow.fs.FileSystem`, or an `fsspec.AbstractFileSystem`."""


def located(
    root: str | Path, filesystem: AnyFileSystem | None = None
) -> tuple[pafs.FileSystem, str]:
    """Return the file system of a place and the path there.

    Args:
        root: A directory, or a URI: ``s3://...``, ``file:///...``; with fsspec installed, any that
            it knows, such as ``memory://`` or ``sftp://``.
        filesystem: The file system, of pyarrow or of fsspec, when the URI does not say it.

    Raises:
        InvalidRequest: nobody knows such a URI.
        MissingDependency: fsspec, or a package that it needs for this URI, is not installed.
        DataFileError: the place cannot be reached.
    """
    text = str(root)
    if filesystem is not None:
        if isinstance(filesystem, pafs.FileSystem):
            return filesystem, text
        return pafs.PyFileSystem(pafs.FSSpecHandler(filesystem)), text
    if "://" not in text:
        return pafs.LocalFileSystem(), str(Path(text).expanduser().absolute())
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
