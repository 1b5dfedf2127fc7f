"""The venue-neutral facts of trading.

Identifiers, values, instruments, data, orders, positions, accounts and reports.
Everything here is a plain fact or a pure state machine over facts: no clock, no socket, no file.
Every type can be hashed or compared where that has a meaning, has a string form that parses back,
and makes a JSON round trip through :mod:`posei_trader.model.serialization`.
"""
