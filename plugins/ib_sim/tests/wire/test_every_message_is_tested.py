"""No message, and no server version, is left out of the proofs beside this file."""

import importlib
import random

import ibapi.message
import pytest
from ibapi.decoder import Decoder
from test_ibapi_reads_us import EXPECTED, Recorder, client_calls, received
from test_round_trip import MESSAGES, PROTOBUF_VERSIONS, TEXT_VERSIONS
from test_we_read_ibapi import REQUESTS
from wire_carried import in_protobuf
from wire_ibapi import CapturingClient
from wire_strategies import saturated

from posei_ib_sim.wire import (
    CLIENT_MESSAGE_IDS,
    SERVER_MESSAGE_IDS,
    SUPPORTED_VERSIONS,
    Codec,
    FrameBuffer,
)
from posei_ib_sim.wire import messages as m

# Went from the official client in 10.47; ib_async still reads and writes them.
RETIRED = {m.FundamentalData, m.FundamentalDataRequest, m.CancelFundamentalData}
# The official client hands these over as protobuf alone.
RAW = {
    m.ConfigResponse: "configResponseProtoBuf",
    m.UpdateConfigResponse: "updateConfigResponseProtoBuf",
}
RAW_REQUESTS = {m.ConfigRequest: "reqConfigProtoBuf", m.UpdateConfigRequest: "updateConfigProtoBuf"}


def numbers(side):
    return {
        value for name, value in vars(side).items() if isinstance(value, int) and name[0] != "_"
    }


def test_messages_travel_both_ways_at_every_version():
    assert {*TEXT_VERSIONS, *PROTOBUF_VERSIONS} == set(SUPPORTED_VERSIONS)
    assert set(SUPPORTED_VERSIONS) == {*range(157, 201), *range(213, 227)}
    assert set(MESSAGES) == {*SERVER_MESSAGE_IDS, *CLIENT_MESSAGE_IDS}


def test_every_message_that_servers_send_is_read_by_the_official_decoder():
    assert set(SERVER_MESSAGE_IDS) - RETIRED == {*EXPECTED, *RAW}
    assert numbers(ibapi.message.IN) == {
        number for kind, number in SERVER_MESSAGE_IDS.items() if kind not in RETIRED
    }


def test_every_request_of_the_official_client_is_read():
    assert set(CLIENT_MESSAGE_IDS) - RETIRED == {*REQUESTS, *RAW_REQUESTS}
    assert numbers(ibapi.message.OUT) == {
        number for kind, number in CLIENT_MESSAGE_IDS.items() if kind not in RETIRED
    }


@pytest.mark.parametrize("version", [221, 226])
@pytest.mark.parametrize("kind", RAW, ids=lambda kind: kind.__name__)
def test_answers_about_the_configuration_are_handed_over_whole(kind, version):
    handed = []
    recorder = Recorder()
    setattr(recorder, RAW[kind], handed.append)
    message = received(saturated(kind, random.Random(version)), version)
    payload = Codec(version).encode(message)[4:]
    wire_id = int.from_bytes(payload[:4], "big")
    Decoder(recorder, version).processProtoBuf(payload[4:], wire_id - 200)
    (theirs,) = handed
    again = payload[:4] + theirs.SerializeToString(deterministic=True)
    assert Codec(version).decode_server(again) == message
    assert client_calls(message, version) == []


@pytest.mark.parametrize("kind", RAW_REQUESTS, ids=lambda kind: kind.__name__)
def test_requests_about_the_configuration_are_read_as_they_were_meant(kind):
    request = in_protobuf(saturated(kind, random.Random(1)), 226)
    module = importlib.import_module(f"ibapi.protobuf.{kind.__name__}_pb2")
    official = getattr(module, kind.__name__)
    client = CapturingClient(226)
    payload = Codec(226).encode_client(request)[8:]
    getattr(client, RAW_REQUESTS[kind])(official.FromString(payload))
    (sent,) = FrameBuffer().feed(client.sent)
    assert Codec(226).decode(sent) == request
