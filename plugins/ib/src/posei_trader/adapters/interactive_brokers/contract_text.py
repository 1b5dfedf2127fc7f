"""Contract details from text messages, without decoding again what a chain repeats.

`ibapi` decodes field by field into mutable objects. The rows of one class and expiry differ in four
fields: what it decoded of the first is used again while the other fields are the same bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from ibapi.const import UNSET_DOUBLE

from posei_trader.adapters.interactive_brokers.contract_conversion import details_from_ibapi
from posei_trader.adapters.interactive_brokers.contract_series import member_of
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.fast_text import text
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MessageDecoder

if TYPE_CHECKING:
    from posei_trader.adapters.interactive_brokers.contract_types import IBContractDetails

__all__ = ["CONTRACT_DETAILS", "ContractTextReader"]

CONTRACT_DETAILS: Final = 10
"""The message's id on the wire."""

_UNVERSIONED_FROM: Final = 164
_LAST_TRADE_DATE_FROM: Final = 182


@final
class ContractTextReader:
    """Reads contract details of one server version."""

    __slots__ = (
        "_decoder",
        "_local",
        "_number",
        "_request",
        "_rest",
        "_right",
        "_series",
        "_strike",
    )

    def __init__(self, server_version: int) -> None:
        self._decoder = MessageDecoder(server_version)
        # request id, symbol, type, date, [last trade date], strike, right, exchange, currency,
        # local symbol, market name, class, conId, then what never differs within a series
        self._request = 0 if server_version >= _UNVERSIONED_FROM else 1
        dated = 1 if server_version >= _LAST_TRADE_DATE_FROM else 0
        self._strike = self._request + 4 + dated
        self._right = self._strike + 1
        self._local = self._strike + 4
        self._number = self._strike + 7
        self._rest: list[bytes] = []
        self._series: IBContractDetails | None = None

    def read(self, payload: bytes) -> tuple[int, IBContractDetails]:
        """Return the request id and the details.

        Raises:
            MalformedMessage: the payload is none of this message.
        """
        fields = payload.split(b"\0", self._number + 1)
        if len(fields) <= self._number:
            raise MalformedMessage(f"contract details have {len(fields)} fields only")
        own = [fields[at] for at in (self._request, self._strike, self._right, self._local)]
        number = fields[self._number]
        for at in (self._request, self._strike, self._right, self._local, self._number):
            fields[at] = b""
        if self._series is None or fields != self._rest:
            return self._decode(payload, fields)
        request_id, strike, right, local_symbol = own
        price = float(strike or 0)
        return int(request_id or 0), member_of(
            self._series,
            int(number or 0),
            None if price == UNSET_DOUBLE else price,
            text(right),
            text(local_symbol),
        )

    def _decode(self, payload: bytes, rest: list[bytes]) -> tuple[int, IBContractDetails]:
        ((_, (request_id, decoded)),) = self._decoder.decode(CONTRACT_DETAILS, payload)
        details = details_from_ibapi(decoded)
        self._series, self._rest = details, rest
        return request_id, details
