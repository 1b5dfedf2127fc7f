"""Minute bars, encoded before any clock runs: an answer is a header and a slice.

What encoding costs is the server's and no contestant's, and it differs between text and protobuf.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, NamedTuple

import numpy as np

from posei_ib_sim import wire

LAST_MINUTE: Final = 1_709_650_800 // 60  # 2024-03-05 15:00 UTC
_FIRST_MINUTE: Final = LAST_MINUTE - 110_000
_STOP_MINUTE: Final = LAST_MINUTE + 1_500  # who rounds a span up asks beyond its end
_TEXT, _PROTOBUF = 200, 226
_DATED_BELOW: Final = 196  # before it a text answer begins with its dates
_FIELDS: Final = 8  # of a bar in text


class _Encoded(NamedTuple):
    body: bytes
    starts: list[int]  # of each bar, and the end


class Bars:
    """All that can be asked for, in text and in protobuf, with dates of both formats."""

    def __init__(self) -> None:
        self._encoded = {
            (is_text, is_epoch): _encoded(is_text=is_text, is_epoch=is_epoch)
            for is_text in (True, False)
            for is_epoch in (True, False)
        }

    def answer(self, version: int, request: wire.HistoricalDataRequest) -> bytes:
        """Return the frames of an answer."""
        end, seconds = _span(request)
        stop = min(int(end) // 60, _STOP_MINUTE)
        first = max(stop - seconds // 60, _FIRST_MINUTE)
        dates = [_date(minute, is_epoch=False) for minute in (first, stop)]
        request_id = request.reqId or 0
        codec = wire.Codec(version)
        is_text = version <= _TEXT
        body, starts = self._encoded[is_text, request.formatDate == 2]
        found = body[starts[first - _FIRST_MINUTE] : starts[stop - _FIRST_MINUTE]]
        if is_text:
            head = f"17\0{request_id}\0"
            if version < _DATED_BELOW:
                head += f"{dates[0]}\0{dates[1]}\0"
            payload = f"{head}{stop - first}\0".encode() + found
        else:
            # An answer without bars is its frame's header, the message id and the request id.
            empty = wire.BarRows([], np.empty((4, 0)), [], [], np.empty(0, np.int64))
            payload = codec.encode_bars(request_id, *dates, empty)[4:] + found
        answer = len(payload).to_bytes(4, "big") + payload
        if version >= _DATED_BELOW:
            answer += codec.encode(
                wire.HistoricalDataEnd(reqId=request_id, startDateStr=dates[0], endDateStr=dates[1])
            )
        return answer


def _encoded(*, is_text: bool, is_epoch: bool) -> _Encoded:
    minutes = range(_FIRST_MINUTE, _STOP_MINUTE)
    opens = 100 + np.arange(_FIRST_MINUTE, _STOP_MINUTE) % 997 / 100
    rows = wire.BarRows(
        [_date(minute, is_epoch=is_epoch) for minute in minutes],
        np.stack([opens, opens + 0.05, opens - 0.05, opens + 0.01]).round(2),
        [str(minute % 900 + 1) for minute in minutes],
        [f"{price:.2f}" for price in opens],
        np.arange(_FIRST_MINUTE, _STOP_MINUTE) % 90 + 1,
    )
    frame = wire.Codec(_TEXT if is_text else _PROTOBUF).encode_bars(1, "", "", rows)
    if is_text:
        body = frame[4:].split(b"\0", 3)[3]
        ends = np.flatnonzero(np.frombuffer(body, np.uint8) == 0)[_FIELDS - 1 :: _FIELDS] + 1
        return _Encoded(body, [0, *ends.tolist()])
    body = frame[4 + 4 + 2 :]  # size, message id, request id 1
    starts = [0]
    while starts[-1] < len(body):  # field 2, a size of one byte, a bar
        starts.append(starts[-1] + 2 + body[starts[-1] + 1])
    return _Encoded(body, starts)


def _span(request: wire.HistoricalDataRequest) -> tuple[float, int]:
    number, unit = request.duration.split()
    seconds = int(number) * {"S": 1, "D": 86_400, "W": 7 * 86_400, "M": 30 * 86_400}[unit]
    text = request.endDateTime.replace("-", " ").removesuffix(" UTC")
    moment = dt.datetime.strptime(text, "%Y%m%d %H:%M:%S").replace(tzinfo=dt.UTC)
    return moment.timestamp(), seconds


def _date(minute: int, *, is_epoch: bool) -> str:
    if is_epoch:
        return str(minute * 60)
    return f"{dt.datetime.fromtimestamp(minute * 60, dt.UTC):%Y%m%d %H:%M:%S} UTC"
