"""Lists of fields and the bytes they travel as."""

import re

from posei_ib_sim.wire.errors import EncodeError

_ESCAPE = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")


def join_server_fields(fields: list[str]) -> bytes:
    r"""Terminate fields for a client: ASCII only, anything else as ``\uXXXX``.

    Raises:
        EncodeError: a field holds a NUL, which would end it early.
    """
    text = _terminate(fields)
    return text.encode("ascii") if text.isascii() else _escape(text).encode("ascii")


def join_client_fields(fields: list[str]) -> bytes:
    """Terminate fields for a server, as UTF-8.

    Raises:
        EncodeError: a field holds a NUL or half a character.
    """
    try:
        return _terminate(fields).encode()
    except UnicodeEncodeError as error:
        raise EncodeError(f"a text is not valid Unicode: {error}") from error


def split_fields(body: bytes) -> list[str]:
    """Split a body into its fields; the last terminator may be missing.

    Raises:
        ValueError: the body is not UTF-8.
    """
    fields = body.decode().split("\0")
    if not fields[-1]:
        fields.pop()
    return fields


def _terminate(fields: list[str]) -> str:
    text = "\0".join(fields) + "\0"
    if text.count("\0") != len(fields):
        (bad, *_) = (field for field in fields if "\0" in field)
        raise EncodeError(f"the text {bad[:80]!r} holds a NUL, which ends a field; remove it")
    return text


def _escape(text: str) -> str:
    """Write every UTF-16 unit beyond ASCII as an escape, as Java does."""
    units = text.encode("utf-16-be", "surrogatepass")
    codes = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 0x80 else f"\\u{code:04x}" for code in codes)


def unescape(text: str) -> str:
    r"""Turn ``\uXXXX`` back into characters."""
    return _ESCAPE.sub(_unescape_run, text) if "\\u" in text else text


def _unescape_run(match: re.Match[str]) -> str:
    units = bytes.fromhex(match[0].replace("\\u", ""))
    return units.decode("utf-16-be", "surrogatepass")
