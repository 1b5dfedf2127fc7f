"""Which recorded request a live one means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from posei_ib_sim.wire import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_ib_sim.recording.script import RecordedRequest
    from posei_ib_sim.wire import ClientMessage

__all__ = ["find_request"]

# What differs between two runs of one program: numbers it counts up, the account, the time.
_FREE: Final = frozenset(
    {
        "account",
        "acctCode",
        "clientId",
        "clearingAccount",
        "endDateTime",
        "optionalCapabilities",
        "orderId",
        "orderRef",
        "parentId",
        "permId",
        "reqId",
        "startDateTime",
    }
)
# What a request is about; an answer about something else would be a lie.
_CONTRACT: Final = ("symbol", "secType", "lastTradeDateOrContractMonth", "strike", "right")
_SUBJECT: Final = (
    "articleId",
    "barSizeSetting",
    "marketRuleId",
    "pattern",
    "subscribe",
    "tickType",
    "underlyingSymbol",
    "whatToShow",
)


def find_request(
    live: ClientMessage, recorded: Iterable[RecordedRequest]
) -> RecordedRequest | None:
    """Return the recorded request most like a live one, an unused one first.

    Ids, accounts and times may differ, other fields count against a match; kind, contract and what
    is asked about it must be the same. `None` when nothing fits.
    """
    best, best_rank = None, (-1, 0.0)
    for request in recorded:
        message = request.message
        if message is None or type(message) is not type(live) or not _same_subject(live, message):
            continue
        rank = (-request.uses, _likeness(live, message))
        if best is None or rank > best_rank:
            best, best_rank = request, rank
    return best


def _same_subject(live: Record, recorded: Record) -> bool:
    if any(getattr(live, name, None) != getattr(recorded, name, None) for name in _SUBJECT):
        return False
    sides = [getattr(getattr(one, "order", None), "action", None) for one in (live, recorded)]
    return sides[0] == sides[1] and _same_contract(live, recorded)


def _same_contract(live: Record, recorded: Record) -> bool:
    mine, theirs = getattr(live, "contract", None), getattr(recorded, "contract", None)
    if mine is None or theirs is None:
        return mine is theirs
    if mine.conId and theirs.conId:
        return bool(mine.conId == theirs.conId)
    return all(
        getattr(mine, name) == getattr(theirs, name)
        for name in _CONTRACT
        if getattr(mine, name) and getattr(theirs, name)
    )


def _likeness(live: Record, recorded: Record) -> float:
    """Return the share of fields that agree, nested records counted as deep as they go."""
    names = [name for name in live.__struct_fields__ if name not in _FREE]
    total = 0.0
    for name in names:
        mine, theirs = getattr(live, name), getattr(recorded, name)
        if isinstance(mine, Record) and isinstance(theirs, Record):
            total += _likeness(mine, theirs)
        else:
            total += mine == theirs
    return total / len(names) if names else 1.0
