"""Read what another program writes, without waiting for ever."""

from __future__ import annotations

import os
import select
import time


def read_until(stream, wanted, within=60):
    """Return what comes up to the chunk in which `wanted` is complete.

    Raises:
        AssertionError: The stream ended before, or the time is up.
    """
    read, deadline = b"", time.monotonic() + within
    while wanted not in read:
        left = max(0.0, deadline - time.monotonic())
        ready = select.select([stream], [], [], left)[0]
        chunk = os.read(stream.fileno(), 65_536) if ready else b""
        assert chunk, f"{wanted!r} did not come after {read!r}"
        read += chunk
    return read
