"""Our protobuf schemas are those of the official client, field by field."""

import importlib
from types import SimpleNamespace

import pytest
from google.protobuf.descriptor import FieldDescriptor

from posei_ib_sim.wire import HistoricalData, messages
from posei_ib_sim.wire.fields import fields_of
from posei_ib_sim.wire.protobuf.descriptors import field_names, message_class, schema_names

TYPES = {
    FieldDescriptor.TYPE_INT32: "int32",
    FieldDescriptor.TYPE_INT64: "int64",
    FieldDescriptor.TYPE_DOUBLE: "double",
    FieldDescriptor.TYPE_BOOL: "bool",
    FieldDescriptor.TYPE_STRING: "string",
}


def described(descriptor):
    return {
        field.number: SimpleNamespace(
            name=field.name,
            type=TYPES.get(field.type) or field.message_type.name,
            repeated=field.is_repeated,
            presence=field.has_presence,
            map=bool(field.message_type and field.message_type.GetOptions().map_entry),
        )
        for field in descriptor.fields
    }


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_a_schema_is_the_official_one(name):
    module = importlib.import_module(f"ibapi.protobuf.{name}_pb2")
    official = described(module.DESCRIPTOR.message_types_by_name[name])
    assert described(message_class(name).DESCRIPTOR) == official


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_a_struct_has_the_fields_of_its_schema(name):
    struct = getattr(messages, name)
    text_only = {"startDateStr", "endDateStr"} if struct is HistoricalData else set()
    assert set(fields_of(struct)) - text_only == field_names(name)


def test_there_is_a_schema_for_all_but_the_text_only_messages():
    structs = {
        name
        for name in messages.__all__
        if name not in {"ClientMessage", "ServerMessage", "Record"}
    }
    without = {
        "BondContractData",  # travels as ContractData
        "TickEFP", "DeltaNeutralValidation", "FundamentalData", "FundamentalDataRequest",
        "CancelFundamentalData", "VerifyAndAuthRequest", "VerifyAndAuthMessage",
        "VerifyAndAuthMessageApi", "VerifyAndAuthCompleted",
    }  # fmt: skip
    assert structs - without == schema_names()
