"""The names of streams as callers give them: one or several, as texts or as what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_trader.errors import InvalidRequest
from posei_trader.model.bars import BarType
from posei_trader.model.identifiers import InstrumentId
from posei_trader.persistence import schemas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.persistence.schemas import Columns

__all__ = ["bar_types_of", "instrument_ids_of", "stream_key"]


def stream_key(columns: Columns, key: str | BarType) -> InstrumentId | BarType:
    """Return the key of a stream: a bar type for bars, an instrument id for all else.

    Raises:
        InvalidRequest: it is neither, or the other one.
    """
    if columns is schemas.BARS:
        return key if isinstance(key, BarType) else BarType.from_str(_text(key, "key"))
    if isinstance(key, BarType):
        raise InvalidRequest(
            f"{columns.name} are stored by instrument, not by bar type",
            field="key",
            value=str(key),
            remedy=f"give {str(key.instrument_id)!r}",
        )
    return InstrumentId(_text(key, "key"))


def instrument_ids_of(names: Iterable[str] | str | None) -> set[InstrumentId] | None:
    """Return the instruments that are asked for; None for all of them.

    Raises:
        InvalidRequest: a name is none.
    """
    if names is None:
        return None
    field = "instrument_ids"
    return {InstrumentId(_text(one, field)) for one in _several(names, field)}


def bar_types_of(names: Iterable[str | BarType] | str | BarType | None) -> set[BarType] | None:
    """Return the bar types that are asked for; None for all of them.

    Raises:
        InvalidRequest: a name is none.
    """
    if names is None:
        return None
    field = "bar_types"
    return {
        one if isinstance(one, BarType) else BarType.from_str(_text(one, field))
        for one in _several(names, field)
    }


def _several(names: Iterable[str | BarType] | str | BarType, field: str) -> Iterable[str | BarType]:
    # A text is a list of letters to Python, and one name to everybody else.
    if isinstance(names, str | BarType):
        return [names]
    try:
        return list(names)
    except TypeError as error:
        raise _no_name(names, field) from error


def _text(name: object, field: str) -> str:
    if isinstance(name, str):
        return name
    raise _no_name(name, field)


def _no_name(name: object, field: str) -> InvalidRequest:
    return InvalidRequest(
        "this names no stream",
        field=field,
        value=name,
        remedy="give an instrument id such as 'AAPL.XNAS', or a bar type for bars",
    )
