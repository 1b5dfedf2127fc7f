"""Our reading of contract details gives what IB's own decoder gives."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("ibapi.protobuf", reason="this release of ibapi has no protobuf")

from posei_trader.adapters.interactive_brokers.contract_conversion import details_from_ibapi
from posei_trader.adapters.interactive_brokers.contract_protobuf import ContractDataReader
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import MessageDecoder

ContractData = import_module("ibapi.protobuf.ContractData_pb2").ContractData
DECODER = MessageDecoder(213)
UNSET_DOUBLE, UNSET_INTEGER = 1.7976931348623157e308, 2**31 - 1
DECIMALS = st.sampled_from(["0", "1", "0.0001", "100", "1e-8", str(2**127 - 1)])
LEFT_TO_IBAPI = {"comboLegs", "deltaNeutralContract", "ineligibilityReasonList"}
ENUMS = {"fundDistributionPolicyIndicator", "fundAssetType"}
DATES = st.sampled_from(
    ["", "20240315", "202403", "20240315 15:00:00 US/Central", "20240315-14:30"]
)
SPECIAL = {
    "lastTradeDateOrContractMonth": DATES,
    "strike": st.one_of(st.just(UNSET_DOUBLE), st.floats(0, 1e6)),
    "multiplier": st.sampled_from([UNSET_DOUBLE, 0.0, 1.0, 50.0, 0.01, 12.5, 1e7, 1e-5]),
    "aggGroup": st.sampled_from([UNSET_INTEGER, 0, 2]),
    "secIdList": st.dictionaries(st.sampled_from(["ISIN", "CUSIP"]), st.text(max_size=12)),
    "minTick": st.sampled_from(["0.01", "0.00005", "1", "0"]),
    **dict.fromkeys(
        ("minSize", "sizeIncrement", "suggestedSizeIncrement", "minAlgoSize",
         "lastPricePrecision", "lastSizePrecision"),
        DECIMALS,
    ),
}  # fmt: skip
BY_TYPE = {
    9: st.text(max_size=8),
    5: st.integers(-(2**31), 2**31 - 1),
    1: st.floats(allow_nan=False),
    8: st.booleans(),
}


def some(name: str, required: tuple[str, ...] = ()) -> st.SearchStrategy[Any]:
    """Return messages with any of the fields that we read."""
    kind = getattr(import_module(f"ibapi.protobuf.{name}_pb2"), name)
    fields = {
        field.name: SPECIAL[field.name] if field.name in SPECIAL else BY_TYPE[field.type]
        for field in kind.DESCRIPTOR.fields
        if field.name not in LEFT_TO_IBAPI | ENUMS
    }
    needed = {key: fields.pop(key) for key in required}
    return st.fixed_dictionaries(needed, optional=fields).map(lambda found: kind(**found))


@given(
    st.lists(st.tuples(st.integers(1, 99), some("Contract"), some("ContractDetails")), max_size=4)
)
def test_it_reads_what_ibapi_reads_one_message_after_another(
    messages: list[tuple[int, Any, Any]],
) -> None:
    reader = ContractDataReader()
    for req_id, contract, details in messages:
        for once_more in (req_id, req_id + 1):
            payload = ContractData(
                reqId=once_more, contract=contract, contractDetails=details
            ).SerializeToString()
            ((_, (asked, theirs)),) = DECODER.decode(210, payload)
            ours = reader.read(payload)
            assert ours is not None
            expected = details_from_ibapi(theirs)
            differing = {
                name: (getattr(ours[1], name), getattr(expected, name))
                for name in expected.__struct_fields__
                if getattr(ours[1], name) != getattr(expected, name)
            }
            assert (ours[0], differing) == (asked, {})


@pytest.mark.parametrize(
    ("contract", "details"),
    [
        ({"comboLegs": [{"conId": 1, "ratio": 1}]}, {}),
        ({"deltaNeutralContract": {"conId": 1}}, {}),
        ({}, {"ineligibilityReasonList": [{"id": "x"}]}),
        ({}, {"fundAssetType": "000"}),
    ],
)
def test_what_is_rare_is_left_to_ibapi(contract: dict[str, Any], details: dict[str, Any]) -> None:
    message = ContractData(reqId=1, contract=contract, contractDetails=details)
    assert ContractDataReader().read(message.SerializeToString()) is None
    assert ContractDataReader().read(ContractData(reqId=1).SerializeToString()) is None
