"""The TWS protocol as pure functions on bytes: framing, decoding, encoding. No asyncio, no I/O."""
