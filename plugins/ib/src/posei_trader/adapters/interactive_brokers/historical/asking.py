"""What people may ask of history, checked before anything is sent."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.historical.results import Skipped
from posei_trader.config import LoggingConfig
from posei_trader.errors import InvalidRequest, Unsupported
from posei_trader.logs import configure_logging, get_logger
from posei_trader.model.bars import BarSpecification

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from posei_trader.model.identifiers import InstrumentId

__all__ = [
    "TICK_TYPES",
    "Form",
    "Skips",
    "bar_specs",
    "check_form",
    "need_something",
    "set_level",
    "tick_kinds",
]

_log = get_logger("HistoricInteractiveBrokersClient")

_TREE: Final = "posei"
TICK_TYPES: Final = ("TRADES", "BID_ASK")
"""The kinds of ticks that IB keeps, by its own names."""

Form: TypeAlias = Literal["objects", "arrow"]
"""How records are returned: as our structs, or as Arrow tables with the catalog's columns."""


def check_form(to: str) -> bool:
    """Return whether Arrow tables are wanted.

    Raises:
        InvalidRequest: there is no such form.
    """
    if to not in {"objects", "arrow"}:
        raise InvalidRequest(
            "records are returned as objects or as Arrow tables",
            field="to",
            value=to,
            remedy="give to='objects' or to='arrow'",
        )
    return to == "arrow"


@final
class Skips:
    """Collects what IB does not have, and raises when that is everything."""

    def __init__(self) -> None:
        self._found: list[Skipped] = []
        self._first: Unsupported | None = None

    def add(self, instrument_id: InstrumentId, what: str, error: Unsupported) -> None:
        """Note a part of the request, and warn."""
        self._first = self._first or error
        _log.warning(
            "skipped: IB does not have it",
            instrument=str(instrument_id),
            what=what,
            reason=error.message,
            remedy=error.remedy,
        )
        self._found.append(Skipped(str(instrument_id), what, error.message, error.remedy or ""))

    def check(self, *, has_work: bool) -> None:
        """Raise the first of them, unless something else was asked for."""
        if not has_work and self._first is not None:
            raise self._first

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What was skipped."""
        return tuple(self._found)


def bar_specs(bar_specifications: Sequence[str] | str) -> list[BarSpecification]:
    """Return the bar specifications, each once.

    Raises:
        InvalidRequest: none is given, or one cannot be read.
    """
    texts = [bar_specifications] if isinstance(bar_specifications, str) else bar_specifications
    if not texts:
        raise InvalidRequest(
            "no bar specification was given",
            field="bar_specifications",
            value=bar_specifications,
            remedy="give a list such as ['1-MINUTE-LAST', '1-DAY-MID']",
        )
    return list(dict.fromkeys(BarSpecification.from_str(text) for text in texts))


def tick_kinds(tick_types: Sequence[str] | str | None, tick_type: str | None) -> list[str]:
    """Return the kinds of ticks, each once.

    Raises:
        InvalidRequest: none is given, or one is unknown.
    """
    wanted: Iterable[str] = [tick_types] if isinstance(tick_types, str) else tick_types or ()
    kinds = list(dict.fromkeys([*wanted, *([tick_type] if tick_type is not None else [])]))
    for kind in kinds or [""]:
        if kind not in TICK_TYPES:
            raise InvalidRequest(
                "unknown kind of ticks" if kind else "no kind of ticks was given",
                field="tick_types",
                value=kind or None,
                remedy=f"give a list of {', '.join(TICK_TYPES)}",
            )
    return kinds


def need_something(
    contracts: Sequence[IBContract] | None, instrument_ids: Sequence[str] | None
) -> None:
    """Check that some contract is given.

    Raises:
        InvalidRequest: none is, or one is no `IBContract`.
    """
    for contract in contracts or ():
        if not isinstance(contract, IBContract):
            raise InvalidRequest(
                "a contract is an IBContract",
                field="contracts",
                value=contract,
                remedy="write IBContract(secType='STK', symbol='AAPL', exchange='SMART')",
            )
    if not contracts and not instrument_ids:
        raise InvalidRequest(
            "nothing to ask about",
            field="contracts, instrument_ids",
            value=(contracts, instrument_ids),
            remedy="give contracts=[IBContract(...)], or instrument_ids=['AAPL.NASDAQ']",
        )


def set_level(log_level: str) -> None:
    """Let through what is wanted; a program that set up no logging gets it on the console."""
    if log_level.upper() not in logging.getLevelNamesMapping():
        raise InvalidRequest(
            "unknown log level",
            field="log_level",
            value=log_level,
            remedy="give DEBUG, INFO, WARNING, ERROR or CRITICAL",
        )
    logger = logging.getLogger(_TREE)
    if logger.hasHandlers():
        logger.setLevel(log_level.upper())
    else:
        configure_logging(LoggingConfig.model_validate({"log_level": log_level}))
