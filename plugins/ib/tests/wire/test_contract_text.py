"""Our reading of contract details in text gives what IB's own decoder gives, row after row."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_trader.adapters.interactive_brokers.contract_conversion import details_from_ibapi
from posei_trader.adapters.interactive_brokers.contract_text import ContractTextReader
from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    MessageDecoder,
)

VERSIONS = [one for one in (157, 163, 164, 179, 182, 187, 200) if one <= MAX_SERVER_VERSION]


class Row(NamedTuple):
    """What differs from row to row, and some of what usually does not."""

    request: str
    strike: str
    right: str
    local_symbol: str
    number: str
    date: str
    multiplier: str
    long_name: str
    ids: tuple[str, ...]


ROWS = st.builds(
    Row,
    request=st.integers(1, 2**31 - 1).map(str),
    strike=st.sampled_from(["", "0", "0.0", "4200.0", "12.5", "1.7976931348623157E308"]),
    right=st.sampled_from(["", "C", "P"]),
    local_symbol=st.sampled_from(["", "SPXW  240308C03705000", "ÖBB", "a b"]),
    number=st.integers(0, 2**31 - 1).map(str),
    date=st.sampled_from(["", "20240308", "20240308 15:00:00 US/Eastern", "20240308-20:00"]),
    multiplier=st.sampled_from(["", "100"]),
    long_name=st.sampled_from(["", "S&P 500", "M\\u00fcnchner R\\u00fcck"]),
    ids=st.sampled_from([("0",), ("1", "ISIN", "US0378331005")]),
)


def payload(version: int, row: Row) -> bytes:
    """Return a message as IB documents its fields for a server version."""
    fields = [] if version >= 164 else ["8"]
    fields += [row.request, "SPX", "OPT", row.date]
    fields += ["20240308"] if version >= 182 else []
    fields += [row.strike, row.right, "CBOE", "USD", row.local_symbol, "SPXW", "SPXW", row.number]
    fields += ["0.05"]
    fields += [] if version >= 164 else ["100"]
    fields += [row.multiplier, "LMT,MKT", "CBOE,SMART", "1", "416904", row.long_name, "CBOE"]
    fields += ["202403", "Indices", "Broad", "*", "US/Eastern", "20240304:CLOSED", "", "", "0"]
    fields += [*row.ids, "2", "SPX", "IND", "109,109", "20240308", ""]
    fields += ["1"] if version == 163 else []
    fields += ["1", "1", "100"] if version >= 164 else []
    fields += ["0"] if version >= 186 else []
    return b"".join(field.encode() + b"\0" for field in fields)


@settings(deadline=None)
@given(st.sampled_from(VERSIONS), st.lists(ROWS, min_size=1, max_size=6))
def test_it_reads_what_ibapi_reads_row_after_row(version: int, rows: list[Row]) -> None:
    reader, theirs = ContractTextReader(version), MessageDecoder(version)
    for row in (*rows, *rows):
        # Rows of one series follow each other: only the four fields of their own differ.
        for own in (row, rows[0]._replace(strike=row.strike, right=row.right, number=row.number)):
            message = payload(version, own)
            ((_, (request_id, details)),) = theirs.decode(10, message)
            assert reader.read(message) == (request_id, details_from_ibapi(details))


@pytest.mark.parametrize("damage", [b"1\0SPX\0", b""])
def test_a_message_without_its_fields_is_malformed(damage: bytes) -> None:
    with pytest.raises(MalformedMessage, match="fields only"):
        ContractTextReader(187).read(damage)


def test_a_row_of_a_series_whose_number_is_none_is_refused_like_the_first() -> None:
    row: Any = Row("1", "5", "C", "X", "7", "20240308", "100", "", ("0",))
    reader = ContractTextReader(187)
    reader.read(payload(187, row))
    with pytest.raises((MalformedMessage, ValueError)):
        reader.read(payload(187, row._replace(number="seven")))
    with pytest.raises((MalformedMessage, ValueError)):
        ContractTextReader(187).read(payload(187, row._replace(number="seven")))
