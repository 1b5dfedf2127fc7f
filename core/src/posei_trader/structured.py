"""structlog, without the library that it draws tracebacks with where that is installed.

Importing it costs a fifth of a second and ten megabytes, and its tracebacks show the values of
local variables, which may be secrets. A program that uses rich itself is left alone.
"""

from __future__ import annotations

import sys

_HIDDEN = "rich"
_hides = _HIDDEN not in sys.modules
if _hides:
    sys.modules[_HIDDEN] = None  # type: ignore[assignment]  # what Python reads as "not installed"
try:
    import structlog
finally:
    if _hides:
        del sys.modules[_HIDDEN]

__all__ = ["structlog"]
