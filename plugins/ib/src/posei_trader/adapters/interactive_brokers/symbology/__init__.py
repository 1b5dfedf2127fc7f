"""IB's contracts and our instrument ids, both ways, by rules alone.

`SimplifiedSymbology` and `RawSymbology` are the two methods; both do no I/O and keep no state.
"""

from __future__ import annotations

from posei_trader.adapters.interactive_brokers.symbology.methods import (
    RawSymbology,
    SimplifiedSymbology,
)
from posei_trader.adapters.interactive_brokers.symbology.spreads import spread_id, spread_legs
from posei_trader.adapters.interactive_brokers.symbology.venues import VenueMap

__all__ = ["RawSymbology", "SimplifiedSymbology", "VenueMap", "spread_id", "spread_legs"]
