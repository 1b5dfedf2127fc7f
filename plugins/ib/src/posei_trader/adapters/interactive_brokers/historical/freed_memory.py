"""Let the memory that one answer needed serve the next.

glibc gives freed memory above a threshold back to the kernel at once, and each 4 KiB of it that are
wanted again cost a page fault: a fifth of the time of a long download. The threshold becomes twice
the size of the largest block that was freed (mallopt(3), M_MMAP_THRESHOLD). Other C libraries do
not care.
"""

from __future__ import annotations

from typing import Final

__all__ = ["keep_freed_memory"]

_LARGEST_ANSWER: Final = 8 << 20


def keep_freed_memory() -> None:
    """Keep up to twice the size of the largest answer for the next."""
    block = bytes(_LARGEST_ANSWER)  # which the kernel does not fill before somebody reads it
    del block
