"""The three kinds of struct: records nested in messages, and messages of either direction."""

import msgspec


class Record(msgspec.Struct, kw_only=True, frozen=True, gc=False):
    """Be an immutable part of a message.

    Field names are IB's own. Unset is ``""`` for text, ``None`` for numbers (distinct from zero),
    ``False`` for switches, empty for lists and maps. Sizes and quantities are ``Decimal``.
    """


class ServerMessage(Record, kw_only=True, frozen=True):
    """Be a message from the server to a client."""


class ClientMessage(Record, kw_only=True, frozen=True):
    """Be a message from a client to the server."""
