"""Which market data a client may see, and the errors and notices that say so."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from posei_ib_sim.errors import RequestRefused

if TYPE_CHECKING:
    from posei_ib_sim.contracts import SimContract
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["COMPETING", "COMPETING_TEXT", "Allowed", "Service", "check_permission", "check_service"]

COMPETING = 10197
COMPETING_TEXT = "No market data during competing live session"
_DELAYED_TYPES = frozenset({3, 4})
_ADDITIONAL = (
    "Requested market data requires additional subscription for API. See link in 'Market Data "
    "Connections' dialog for more details.Delayed market data is available."
)


_ELSEWHERE = "Trading TWS session is connected from a different IP address"


class Service(Enum):
    """Data beside level 1: the code and the text with which IB refuses each."""

    TICKS = (10189, "Failed to request tick-by-tick data.")
    LIVE_BARS = (420, "Invalid Real-time Query:")
    HISTORY = (162, "Historical Market Data Service error message:")
    PAST_TICKS = (10187, "Failed to request historical ticks:")
    DEPTH = (354, "Requested market data is not subscribed.")


class Allowed(Enum):
    """What of a contract's data a client gets."""

    LIVE = "live"
    DELAYED = "delayed"
    COMPUTED = "computed"
    """Only ticks that need no subscription: model computations."""


def check_service(server: Server, contract: SimContract, service: Service) -> None:
    """Refuse data beside level 1 that a client may not see; none of it is ever delayed.

    Raises:
        RequestRefused: With the service's code, or 10197 for depth while another session has the
            data.
    """
    code, text = service.value
    if server.competing_session:
        if service is Service.DEPTH:
            raise RequestRefused(COMPETING, COMPETING_TEXT)
        raise RequestRefused(code, text + _ELSEWHERE)
    if _is_live(server, contract) and not _needs_more(server, contract):
        return
    if service is Service.DEPTH:
        name = f"{contract.symbol} {contract.exchange}/{contract.sec_type}/Deep"
        raise RequestRefused(code, f"{text}Delayed market data is not available.{name}")
    raise RequestRefused(
        code, f"{text}No market data permissions for {contract.exchange} {contract.sec_type}"
    )


def _is_live(server: Server, contract: SimContract) -> bool:
    permissions = server.config.data_permissions
    return permissions == "live" or (permissions == "partial" and contract.exchange == "SMART")


def _needs_more(server: Server, contract: SimContract) -> bool:
    """Tell whether only what needs no subscription is live: of options, the model's values."""
    return server.config.data_permissions == "partial" and contract.sec_type in {"OPT", "FOP"}


def check_permission(
    server: Server, session: Session, req_id: int, contract: SimContract
) -> Allowed:
    """Return what a client may see of a contract, after telling it what it may not.

    Raises:
        RequestRefused: 10197 another session has the data, 354 no data at all, 10168 only delayed
            data that the client has not enabled, 10089 live data needs another subscription.
    """
    if server.competing_session:
        raise RequestRefused(COMPETING, COMPETING_TEXT)
    permissions = server.config.data_permissions
    wants_delayed = session.market_data_type in _DELAYED_TYPES
    if _is_live(server, contract):
        if not _needs_more(server, contract):
            return Allowed.LIVE
        session.error(
            req_id,
            10090,
            "Part of requested market data is not subscribed. Subscription-independent ticks are "
            "still active.Delayed market data is available.",
        )
        return Allowed.COMPUTED
    if permissions == "none":
        raise RequestRefused(
            354, "Requested market data is not subscribed.Delayed market data is not available."
        )
    if not wants_delayed and permissions == "partial":
        raise RequestRefused(10089, _ADDITIONAL)
    if not wants_delayed:
        raise RequestRefused(
            10168, "Requested market data is not subscribed. Delayed market data is not enabled."
        )
    session.error(
        req_id, 10167, "Requested market data is not subscribed. Displaying delayed market data."
    )
    return Allowed.DELAYED
