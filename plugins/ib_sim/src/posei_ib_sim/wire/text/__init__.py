"""The text dialect: NUL-terminated fields, laid out by tables that know every version gate."""

from posei_ib_sim.wire.text.dialect import TextBodies, TextDialect

__all__ = ["TextBodies", "TextDialect"]
