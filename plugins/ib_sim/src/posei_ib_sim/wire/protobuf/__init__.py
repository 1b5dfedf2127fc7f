"""The protobuf dialect: a binary id, then a protobuf message (or text where there is no schema)."""

from posei_ib_sim.wire.protobuf.dialect import ProtobufDialect

__all__ = ["ProtobufDialect"]
