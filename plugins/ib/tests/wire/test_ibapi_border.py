"""The border to ibapi: what it encodes, what it decodes, and which installation is refused."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.contract import Contract
from ibapi.order import Order

from posei_trader.adapters.interactive_brokers.wire.errors import MalformedMessage, UnknownMessage
from posei_trader.adapters.interactive_brokers.wire.fast_text import FastText
from posei_trader.adapters.interactive_brokers.wire.ibapi_border import (
    MAX_SERVER_VERSION,
    MessageDecoder,
    RequestEncoder,
    check_installation,
    error_fields,
    hello,
)
from posei_trader.errors import InvalidRequest, PluginError, Unsupported

SHARED = Path(__file__).parents[5] / "shared" / "data" / "tws_layouts.json"


def text_frame(*fields: str) -> bytes:
    payload = b"".join(field.encode() + b"\0" for field in fields)
    return len(payload).to_bytes(4, "big") + payload


# --- the installation ---


def installed(folder: Path, name: str, *, package: str = "ibapi") -> None:
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "RECORD").write_text(f"{package}/__init__.py,,\n")


def test_one_distribution_is_fine(tmp_path):
    installed(tmp_path, "ibapi-stable")
    check_installation(tmp_path)


def test_stubs_beside_it_do_no_harm(tmp_path):
    installed(tmp_path, "ibapi-stable")
    installed(tmp_path, "types-ibapi", package="ibapi-stubs")
    check_installation(tmp_path)


def test_two_distributions_that_write_over_each_other_are_refused_by_name(tmp_path):
    installed(tmp_path, "ibapi-stable")
    installed(tmp_path, "nautilus-ibapi")
    with pytest.raises(PluginError) as caught:
        check_installation(tmp_path)
    assert caught.value.value == "ibapi-stable 1.0, nautilus-ibapi 1.0"
    assert "pip uninstall -y ibapi-stable nautilus-ibapi" in caught.value.remedy


def test_our_own_installation_is_accepted():
    check_installation()


# --- requests ---


def test_the_first_words_are_the_prefix_and_the_versions():
    assert hello(178) == b"API\0\0\0\0\x09v157..178"


def test_start_api_as_in_the_protocol_sheet():
    assert RequestEncoder(178, 7)(lambda ib: ib.startApi()) == text_frame("71", "2", "7", "")


@pytest.mark.skipif(MAX_SERVER_VERSION < 213, reason="this release of ibapi has no protobuf")
def test_start_api_in_protobuf_as_in_the_protocol_sheet():
    data = RequestEncoder(225, 7)(lambda ib: ib.startApi())
    assert data[:8] == bytes.fromhex(
        "00 00 00 06 00 00 01 0F".replace("06", f"{len(data) - 4:02x}")
    )
    assert data[8:10] == b"\x08\x07"


def test_a_request_without_protobuf_form_has_a_binary_id_in_the_hybrid_versions():
    if MAX_SERVER_VERSION < 201:
        pytest.skip("this release of ibapi has no binary ids")
    data = RequestEncoder(201, 7)(lambda ib: ib.reqPositions())
    assert data == b"\0\0\0\x06" + (61).to_bytes(4, "big") + b"1\0"


def test_market_rules_are_asked_for_by_number():
    assert RequestEncoder(178, 7)(lambda ib: ib.reqMarketRule(26)) == text_frame("91", "26")


def test_a_plain_stock_order_has_the_documented_number_of_fields():
    contract, order = Contract(), Order()
    contract.symbol, contract.secType, contract.exchange = "AAPL", "STK", "SMART"
    order.action, order.orderType, order.totalQuantity = "BUY", "MKT", 1
    for version, count in ((157, 109), (163, 112), (177, 113), (187, 118)):
        data = RequestEncoder(version, 1)(lambda ib: ib.placeOrder(1, contract, order))
        if version == 187:
            continue  # releases differ about the fields that came with 187 and went with 190
        assert data[4:].count(b"\0") == count + 1, version


def test_a_field_that_the_gateway_does_not_know_is_refused_and_nothing_is_encoded():
    contract, order = Contract(), Order()
    order.duration = 5
    with pytest.raises(Unsupported, match="duration") as caught:
        RequestEncoder(157, 1)(lambda ib: ib.placeOrder(1, contract, order))
    assert caught.value.code == 503
    assert "update" in caught.value.remedy


def test_a_text_that_no_wire_can_carry_is_refused():
    with pytest.raises(InvalidRequest, match="cannot be encoded"):
        RequestEncoder(178, 1)(lambda ib: ib.reqMatchingSymbols(1, "caf\u00e9"))


def test_an_encoder_works_on_after_a_refusal():
    encoder = RequestEncoder(178, 1)
    with pytest.raises(InvalidRequest):
        encoder(lambda ib: ib.reqMatchingSymbols(1, None))
    assert encoder(lambda ib: ib.reqMarketRule(26)) == text_frame("91", "26")


# --- answers ---


def test_an_error_is_the_same_in_every_release():
    old = (7, 200, "No security definition", "{}")
    new = (7, 1700000000000, 200, "No security definition", "{}")
    assert error_fields(old) == (7, 200, "No security definition", "{}", 0)
    assert error_fields(new) == (7, 200, "No security definition", "{}", 1700000000000)


def test_an_error_message_decodes():
    calls = MessageDecoder(178).decode(4, b"2\x007\x00200\x00No security definition\x00\x00")
    assert calls == [("error", (7, 200, "No security definition", "", 0))]


def test_an_unknown_id_says_so():
    with pytest.raises(UnknownMessage, match="id 44"):
        MessageDecoder(178).decode(44, b"1\0")


@pytest.mark.parametrize("payload", [b"", b"1\0", b"1\x00many\0", b"1\x001\x002\0"])
def test_what_ibapi_would_drop_without_a_word_is_malformed(payload):
    with pytest.raises(MalformedMessage):
        MessageDecoder(178).decode(9, payload)


@settings(max_examples=500, deadline=None)
@given(
    version=st.sampled_from([157, 178, min(200, MAX_SERVER_VERSION), MAX_SERVER_VERSION]),
    message_id=st.integers(0, 320),
    payload=st.binary(max_size=200),
)
def test_random_bytes_are_malformed_or_decode(version, message_id, payload):
    with suppress(MalformedMessage):
        MessageDecoder(version).decode(message_id, payload)


@pytest.mark.real_data
@pytest.mark.skipif(not SHARED.exists(), reason="the layouts lie beside the project")
def test_every_documented_text_message_decodes(new_sink):
    layouts = json.loads(SHARED.read_text())
    decoded = 0
    for version, messages in layouts.items():
        if int(version) > MAX_SERVER_VERSION:
            continue
        decoder = MessageDecoder(int(version))
        for name, fields in messages.items():
            number, *rest = fields
            payload = b"".join(field.encode() + b"\0" for field in rest)
            assert decoder.decode(int(number), payload), (version, name)
            sink = new_sink()
            fast = FastText(int(version), sink).table().get(int(number))
            if fast is not None:
                fast(payload)
                assert len(sink.seen) == 1, (version, name)
            decoded += 1
    assert decoded >= 500
