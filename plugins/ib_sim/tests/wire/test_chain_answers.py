"""The rows of a chain are written fast, and read as any others."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wire_strategies import records

from posei_ib_sim.wire import Codec, EncodeError
from posei_ib_sim.wire import messages as m

VERSIONS = (213, 222)
WORDS = st.sampled_from(["SPX", "SPXW  240308C03705000", "20240308 15:00:00 US/Eastern", "ÖBB"])
NUMBERS = st.floats(-1e300, 1e300)  # the greatest of all means "unset" on the wire
OPTIONS = st.builds(
    m.Contract,
    conId=st.integers(-(2**31), 2**31 - 2),
    symbol=WORDS,
    secType=WORDS,
    lastTradeDateOrContractMonth=WORDS,
    strike=NUMBERS,
    right=st.sampled_from(["C", "P", ""]),
    multiplier=st.one_of(NUMBERS, st.none()),
    exchange=WORDS,
    primaryExch=st.one_of(WORDS, st.just("")),
    currency=WORDS,
    localSymbol=WORDS,
    tradingClass=WORDS,
    secId=st.sampled_from(["", "US0378331005"]),
    lastTradeDate=st.sampled_from(["", "20240308"]),
)


@settings(deadline=None)
@given(st.sampled_from(VERSIONS), st.lists(OPTIONS, max_size=3), records(m.ContractDetails))
def test_rows_that_share_their_details_are_read_back_whole(version, options, details):
    codec = Codec(version)
    plain = m.ContractDetails(longName="between")
    known = codec.decode_server(
        codec.encode(m.ContractData(contractDetails=msgspec.structs.replace(details)))[4:]
    )
    for option in options:
        for shared in (details, details, plain):
            row = m.ContractData(reqId=7, contract=option, contractDetails=shared)
            read = codec.decode_server(codec.encode(row)[4:])
            expected = plain if shared is plain else known.contractDetails
            assert (read.reqId, read.contract, read.contractDetails) == (7, option, expected)


@pytest.mark.parametrize("wrong", [{"conId": 2**31}, {"strike": float("nan")}, {"conId": "7"}])
def test_an_option_that_cannot_travel_is_refused_by_its_field(wrong):
    option = m.Contract(
        conId=1, symbol="SPX", secType="OPT", lastTradeDateOrContractMonth="20240308", strike=5.0,
        right="C", multiplier=100.0, exchange="CBOE", currency="USD", localSymbol="X",
        tradingClass="SPXW",
    )  # fmt: skip
    row = m.ContractData(reqId=7, contract=msgspec.structs.replace(option, **wrong))
    with pytest.raises(EncodeError, match=f"field {next(iter(wrong))}"):
        Codec(222).encode(row)
