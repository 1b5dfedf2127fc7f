"""Memory that was freed serves the next answer."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from posei_trader.adapters.interactive_brokers.historical.freed_memory import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(b"x") * 100_000 for _ in range(60)]
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    del blocks
print(faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not care")
def test_an_answer_takes_the_memory_of_the_one_before():
    pages = 60 * 100_000 // 4096
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", PROGRAM, how]))
        for how in ("kept", "returned")
    }
    assert faults["kept"] < pages / 10
    assert faults["returned"] > pages / 2  # else there is nothing to be done any more
