"""The records of an order store, read back: by the node that owns it and by whoever looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from posei_trader.engine.store import ChangedTerms
from posei_trader.errors import PoseiError, StoreCorrupt
from posei_trader.model.events import AnyOrderEvent
from posei_trader.model.instruments import AnyInstrument
from posei_trader.model.orders import OrderTerms
from posei_trader.model.serialization import from_builtin

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CHANGES", "EVENTS", "INSTRUMENTS", "TERMS", "decoded"]

T = TypeVar("T")

EVENTS: Final = msgspec.json.Decoder(AnyOrderEvent, dec_hook=from_builtin)
TERMS: Final = msgspec.json.Decoder(OrderTerms, dec_hook=from_builtin)
CHANGES: Final = msgspec.json.Decoder(ChangedTerms, dec_hook=from_builtin)
INSTRUMENTS: Final = msgspec.json.Decoder(AnyInstrument, dec_hook=from_builtin)


def decoded(path: Path, decoder: msgspec.json.Decoder[T], body: str) -> T:
    """Return what a record says.

    Raises:
        StoreCorrupt: it cannot be read; names the store.
    """
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, PoseiError) as error:
        raise StoreCorrupt(
            f"a record of the order store cannot be read: {error}",
            field=str(path),
            value=body,
            remedy="restore the file from a backup, or move it away and reconcile by hand",
        ) from error
