"""What goes wrong with a request, as the error its client gets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from posei_ib_sim.errors import (
    AmbiguousContract,
    ConfigurationError,
    RequestRefused,
    UnknownContract,
)
from posei_ib_sim.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim import wire
    from posei_ib_sim.server.session import Session

__all__ = ["ident_of", "refusals_answered"]

_log = get_logger(__name__)


def ident_of(message: wire.ClientMessage) -> int:
    """Return the request or order id that an error about a message carries."""
    for name in ("reqId", "orderId"):
        value = getattr(message, name, None)
        if isinstance(value, int):
            return value
    return -1


@contextlib.contextmanager
def refusals_answered(session: Session, ident: int, request: str) -> Iterator[None]:
    """Turn whatever is raised while a request is worked on into an error to its client."""
    try:
        yield
    except RequestRefused as refused:
        session.error(ident, refused.code, refused.text)
    except (UnknownContract, AmbiguousContract) as error:
        session.error(ident, 200, str(error))
    except ConfigurationError as error:
        session.error(ident, 321, f"Error validating request.-'bY' : cause - {error}")
    except Exception as error:  # noqa: BLE001 - one client's request must not end the others
        _log.exception("request failed", message=request)
        session.error(ident, 322, f"Error processing request: {type(error).__name__}: {error}")
