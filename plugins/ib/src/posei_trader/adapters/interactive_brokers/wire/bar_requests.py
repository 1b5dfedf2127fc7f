"""Requests for bars on their way out, without a walk over every field for each part of a span.

The parts of a span differ in their id and in where they end. `ibapi` writes the first of them; the
others are that one with two fields changed, as long as everything else is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, final

from posei_trader.adapters.interactive_brokers.wire.framing import (
    frame,
    frame_with_id,
    split_frame,
)
from posei_trader.adapters.interactive_brokers.wire.protobuf_fields import generated

if TYPE_CHECKING:
    from ibapi.contract import Contract

__all__ = ["BarRequests"]

_PROTOBUF_ID: Final = 220
_PREFIX: Final = 4
_REQ_ID: Final = 1
_END: Final = 15
"""Where id and end stand among the fields of a text: behind the message's id, and the contract."""

Write: TypeAlias = Callable[[int, str], bytes]


class _Last(NamedTuple):
    """What was asked for last, and how the like of it is written."""

    contract: dict[str, object]
    terms: tuple[object, ...]
    write: Write


@final
class BarRequests:
    """Write requests for one connection.

    Args:
        is_text: Whether a message's id is written as text, and all that follows.
    """

    def __init__(self, *, is_text: bool) -> None:
        self._is_text = is_text
        self._last: _Last | None = None

    def written(
        self, req_id: int, contract: Contract, end: str, terms: tuple[object, ...]
    ) -> bytes | None:
        """Return the frame of a request; None where `ibapi` has to write it.

        Args:
            req_id: The request.
            contract: Of what.
            end: IB's text for where the bars end.
            terms: What `EClient.reqHistoricalData` takes behind these.
        """
        last = self._last
        if last is None or terms != last.terms or vars(contract) != last.contract:
            return None
        return last.write(req_id, end) if end.isascii() and end.isprintable() else None

    def learn(
        self, req_id: int, contract: Contract, end: str, terms: tuple[object, ...], whole: bytes
    ) -> None:
        """Take note of what `ibapi` wrote, see `written`; `whole` is its frame."""
        write = _text(req_id, end, whole) if self._is_text else _protobuf(whole)
        self._last = None if write is None else _Last(dict(vars(contract)), terms, write)


def _text(req_id: int, end: str, whole: bytes) -> Write | None:
    fields = whole[_PREFIX:].decode().split("\0")
    if fields[_REQ_ID] != str(req_id) or fields[_END] != end:
        return None

    def write(req_id: int, end: str) -> bytes:
        fields[_REQ_ID], fields[_END] = str(req_id), end
        return frame("\0".join(fields).encode())

    return write


def _protobuf(whole: bytes) -> Write | None:
    message_id, body = split_frame(whole)
    if message_id != _PROTOBUF_ID:
        return None
    request: Any = generated("HistoricalDataRequest").FromString(body)

    def write(req_id: int, end: str) -> bytes:
        request.reqId = req_id
        if end:
            request.endDateTime = end
        else:
            request.ClearField("endDateTime")
        return frame_with_id(_PROTOBUF_ID, request.SerializeToString())

    return write
