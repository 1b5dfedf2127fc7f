"""IB's contracts, details and order tags as values, and their way to and from ibapi."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from typing import Any

import ibapi.contract as ib
import ibapi.order
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from posei_trader.adapters.interactive_brokers import common
from posei_trader.adapters.interactive_brokers.common import (
    IB,
    IB_VENUE,
    ComboLeg,
    DeltaNeutralContract,
    IBContract,
    IBContractDetails,
    IBOrderTags,
    IneligibilityReason,
    PriceCondition,
    TagValue,
    TimeCondition,
)
from posei_trader.adapters.interactive_brokers.contract_conversion import (
    contract_from_ibapi,
    contract_to_ibapi,
    details_from_ibapi,
    details_to_ibapi,
)
from posei_trader.config import PoseiConfig
from posei_trader.errors import ConfigError, InvalidRequest

texts = st.text(st.characters(codec="ascii", categories=["L", "N"]), max_size=8)
numbers = st.integers(0, 2**31 - 2)
prices = st.floats(-1e9, 1e9)
sizes = st.decimals(0, 10**6, places=8) | st.none()

legs = st.builds(
    ComboLeg,
    conId=numbers,
    ratio=st.integers(1, 100),
    action=st.sampled_from(["BUY", "SELL"]),
    exchange=texts,
    openClose=st.integers(0, 3),
    shortSaleSlot=st.integers(0, 2),
    designatedLocation=texts,
    exemptCode=st.integers(-1, 9),
)
hedges = st.builds(DeltaNeutralContract, conId=numbers, delta=prices, price=prices)


def _filled(kind: type, **given_fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    by_type = {"str": texts, "int": numbers, "float": prices, "bool": st.booleans()}
    chosen = {
        field.name: given_fields.get(field.name, by_type.get(getattr(field.type, "__name__", "")))
        for field in msgspec.structs.fields(kind)
        if not field.name.startswith(("build_", "options_chain", "min_ex", "max_ex"))
        and field.name not in {"min_strike", "max_strike"}
    }
    return st.builds(kind, **chosen)


contracts = _filled(
    IBContract,
    strike=st.none() | st.floats(0, 1e6),
    comboLegs=st.lists(legs, max_size=3).map(tuple),
    deltaNeutralContract=st.none() | hedges,
)
pairs = st.builds(TagValue, texts, texts)
details_values = _filled(
    IBContractDetails,
    contract=contracts,
    aggGroup=st.none() | numbers,
    secIdList=st.lists(pairs, max_size=3).map(tuple),
    ineligibilityReasonList=st.lists(st.builds(IneligibilityReason, texts, texts), max_size=2).map(
        tuple
    ),
    fundDistributionPolicyIndicator=st.sampled_from(["", "AccumulationFund", "IncomeFund"]),
    fundAssetType=st.sampled_from(["", "Others", "MoneyMarket", "Equity", "Alternative"]),
    **dict.fromkeys(
        [
            "minSize",
            "sizeIncrement",
            "suggestedSizeIncrement",
            "minAlgoSize",
            "lastPricePrecision",
            "lastSizePrecision",
        ],
        sizes,
    ),
)


# -- contracts --


def test_the_names_of_the_guide_are_there() -> None:
    assert (IB, IB_VENUE) == ("IB", "INTERACTIVE_BROKERS")
    for name in common.__all__:
        assert getattr(common, name) is not None


def test_importing_them_does_not_import_ibapi() -> None:
    code = (
        "import sys, posei_trader.adapters.interactive_brokers.common;"
        "sys.exit('ibapi' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_contracts_live_in_sets_and_cannot_be_changed() -> None:
    leg = ComboLeg(conId=1, ratio=1, action="BUY")
    contract = IBContract(secType="BAG", symbol="SPY", comboLegs=(leg,))
    twin = IBContract(secType="BAG", symbol="SPY", comboLegs=(leg,))
    assert frozenset([contract, twin]) == frozenset([twin])
    with pytest.raises(AttributeError):
        contract.symbol = "QQQ"  # type: ignore[misc]


def test_legs_may_be_given_as_a_list() -> None:
    legs_given: Any = [ComboLeg(conId=1, ratio=1, action="BUY")]
    assert hash(IBContract(secType="BAG", comboLegs=legs_given))


def test_zero_is_a_value() -> None:
    contract = IBContract(secType="OPT", strike=0, min_expiry_days=0)
    assert contract.strike == 0
    assert contract.min_expiry_days == 0
    assert IBContract(secType="OPT").strike is None
    assert contract != IBContract(secType="OPT")
    assert contract_to_ibapi(contract).strike == 0.0
    assert contract_to_ibapi(IBContract()).strike == UNSET_DOUBLE


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"symbol": 700}, "IBContract.symbol"),
        ({"lastTradeDateOrContractMonth": 20240315}, "IBContract.lastTradeDateOrContractMonth"),
        ({"multiplier": 50}, "IBContract.multiplier"),
        ({"min_expiry_days": -1}, "IBContract.min_expiry_days"),
        (
            {"min_expiry_days": 30, "max_expiry_days": 10},
            "IBContract.min_expiry_days, max_expiry_days",
        ),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        IBContract(secType="STK", **fields)
    assert caught.value.field == wrong
    assert caught.value.remedy


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(TypeError, match="sectype"):
        IBContract(sectype="STK")  # type: ignore[call-arg]


def test_text_shows_what_is_set_and_nothing_else() -> None:
    contract = IBContract(secType="STK", symbol="SPY", build_options_chain=True)
    assert str(contract) == "IBContract(secType='STK', symbol='SPY', build_options_chain=True)"
    assert eval(str(contract)) == contract  # noqa: S307 - the text is meant to be pasted


class _Config(PoseiConfig):
    contracts: frozenset[IBContract] = frozenset()


def test_a_configuration_takes_contracts_and_tables() -> None:
    table = {"secType": "STK", "symbol": "SPY", "strike": 1}
    made = IBContract(secType="STK", symbol="SPY", strike=1.0)
    assert _Config.from_mapping({"contracts": [table]}) == _Config(contracts=frozenset([made]))
    assert _Config.json_schema()
    dumped = _Config(contracts=frozenset([made])).model_dump_json()
    assert dumped == '{"contracts":[{"secType":"STK","symbol":"SPY","strike":1.0}]}'


@pytest.mark.parametrize(
    ("table", "named"),
    [
        ({"secType": "STK", "sybmol": "SPY"}, "sybmol"),
        ({"symbol": 5}, "symbol"),
        ("SPY", "IBContract"),
    ],
)
def test_a_wrong_table_in_a_configuration_is_explained(table: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _Config.from_mapping({"contracts": [table]})
    assert named in str(caught.value)


# -- ibapi --


@given(contracts)
def test_a_contract_goes_to_ibapi_and_back_unchanged(contract: IBContract) -> None:
    assert contract_from_ibapi(contract_to_ibapi(contract)) == contract


@given(details_values)
def test_details_go_to_ibapi_and_back_unchanged(details: IBContractDetails) -> None:
    assert details_from_ibapi(details_to_ibapi(details)) == details


def test_what_ibapi_leaves_unset_is_unset_in_our_values() -> None:
    details = details_from_ibapi(ib.ContractDetails())
    assert details.contract == IBContract()
    assert (details.minSize, details.sizeIncrement, details.secIdList) == (None, None, ())
    raw = ib.ContractDetails()
    raw.aggGroup = UNSET_INTEGER
    assert details_from_ibapi(raw).aggGroup is None
    assert details_to_ibapi(details).minSize == UNSET_DECIMAL


def test_every_field_of_ibapi_has_a_field_of_ours() -> None:
    assert set(vars(ib.Contract())) <= set(IBContract.__struct_fields__)
    assert set(vars(ib.ContractDetails())) <= set(IBContractDetails.__struct_fields__)
    assert set(vars(ib.ComboLeg())) == set(ComboLeg.__struct_fields__)


def test_fields_that_an_older_ibapi_lacks_read_as_unset() -> None:
    old = ib.ContractDetails()
    for name in ("minAlgoSize", "lastPricePrecision", "fundAssetType", "ineligibilityReasonList"):
        delattr(old, name)
    details = details_from_ibapi(old)
    assert (details.minAlgoSize, details.fundAssetType) == (None, "")


def test_the_instructions_to_the_provider_do_not_reach_ib() -> None:
    contract = IBContract(secType="STK", symbol="SPY", build_options_chain=True, min_strike=5.0)
    assert contract_from_ibapi(contract_to_ibapi(contract)) == contract.bare()


def test_security_ids_are_found_wherever_ib_put_them() -> None:
    bond = IBContract(secType="BOND", secIdType="ISIN", secId="US0378331005")
    details = IBContractDetails(contract=bond, cusip="037833100")
    assert details.security_id("ISIN") == "US0378331005"
    assert details.security_id("CUSIP") == "037833100"
    assert details.security_id("SEDOL") is None
    assert IBContractDetails(contract=bond).security_id("CUSIP") is None


# -- order tags --


def test_the_guides_tags_become_a_text_and_come_back() -> None:
    tags = IBOrderTags(
        allOrNone=True,
        ocaGroup="MyGroup1",
        ocaType=1,
        activeStartTime="20240315 09:30:00 EST",
        activeStopTime="20240315 16:00:00 EST",
        goodAfterTime="20240315 09:35:00 EST",
    )
    assert str(tags) == (
        'IBOrderTags:{"ocaGroup":"MyGroup1","ocaType":1,'
        '"activeStartTime":"20240315 09:30:00 EST","activeStopTime":"20240315 16:00:00 EST",'
        '"goodAfterTime":"20240315 09:35:00 EST","allOrNone":true}'
    )
    assert IBOrderTags.parse(tags.value) == tags
    assert IBOrderTags.is_tag(tags.value)
    assert not IBOrderTags.is_tag("momentum")


def test_only_what_differs_from_ibs_defaults_is_set() -> None:
    assert IBOrderTags().set_fields() == {}
    assert IBOrderTags(hidden=True, minQty=0).set_fields() == {"minQty": 0, "hidden": True}


def test_conditions_may_be_written_as_plain_tables() -> None:
    tags = IBOrderTags(
        conditions=[  # type: ignore[arg-type]
            {"type": "price", "conId": 265598, "exchange": "SMART", "price": 250.0},
            {"type": "time", "time": "20240315-14:30:00", "conjunction": "or", "isMore": False},
        ],
        algoParams={"adaptivePriority": "Normal"},  # type: ignore[arg-type]
    )
    price, time = tags.conditions
    assert isinstance(price, PriceCondition)
    assert isinstance(time, TimeCondition)
    assert tags.algoParams == (TagValue("adaptivePriority", "Normal"),)
    assert IBOrderTags.parse(tags.value) == tags
    assert hash(tags)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"ocaType": 4}, "IBOrderTags.ocaType"),
        ({"goodAfterTime": "9:35"}, "IBOrderTags.goodAfterTime"),
        ({"activeStartTime": "2024-03-15 09:30"}, "IBOrderTags.activeStartTime"),
        ({"conditions": [{"type": "weather"}]}, "IBOrderTags.conditions"),
        ({"conditions": [{"type": "margin"}]}, "IBOrderTags.conditions"),
        ({"openClose": "X"}, "IBOrderTags.openClose"),
    ],
)
def test_an_impossible_tag_is_refused_with_its_name(fields: dict[str, Any], wrong: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        IBOrderTags(**fields)
    assert caught.value.field == wrong


@pytest.mark.parametrize(
    "text",
    ['IBOrderTags:{"ocaGrup":"x"}', "IBOrderTags:{", 'IBOrderTags:{"hidden":"yes"}', '{"a":1}'],
)
def test_a_text_that_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest):
        IBOrderTags.parse(text)


def test_every_tag_is_a_field_of_ibapis_order() -> None:
    fields = set(vars(ibapi.order.Order()))
    assert set(IBOrderTags.__struct_fields__) - fields == {"NonGuaranteed"}


def test_a_condition_is_joined_by_and_or_or() -> None:
    with pytest.raises(InvalidRequest, match="'and' or 'or'"):
        TimeCondition(time="20240315-14:30:00", conjunction="xor")


def test_sizes_stay_exact() -> None:
    raw = ib.ContractDetails()
    raw.minSize = Decimal("0.00000001")
    assert details_from_ibapi(raw).minSize == Decimal("0.00000001")
