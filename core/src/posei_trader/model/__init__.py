"""The venue-neutral facts of trading.

Identifiers, values, instruments, data, orders, positions, accounts and reports.
Everything here is a plain fact or a pure state machine over facts: no clock, no socket, no file.
Facts are immutable, compare by content and make a JSON round trip through
:mod:`posei_trader.model.serialization`; identifiers, values, currencies and bar types also have a
string form that parses back, and an order. The state machines over facts (`Order`, `Position`,
`OrderBook`) are mutable: what is stored of them is their terms and events.
"""
