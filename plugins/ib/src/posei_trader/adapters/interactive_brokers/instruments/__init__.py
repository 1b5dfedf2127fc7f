"""From IB's contract details to instruments, and back to the contract that IB knows."""

from __future__ import annotations

from posei_trader.adapters.interactive_brokers.instruments.builders import (
    INSTRUMENT_TYPES,
    InstrumentBuilder,
)
from posei_trader.adapters.interactive_brokers.instruments.increments import rule_of_exchange
from posei_trader.adapters.interactive_brokers.instruments.price_scale import (
    PriceScale,
    price_scale,
)
from posei_trader.adapters.interactive_brokers.instruments.raw_details import (
    contract_of,
    details_of,
    price_scale_of,
)
from posei_trader.adapters.interactive_brokers.instruments.spreads import (
    combo_contract,
    make_spread,
)

__all__ = [
    "INSTRUMENT_TYPES",
    "InstrumentBuilder",
    "PriceScale",
    "combo_contract",
    "contract_of",
    "details_of",
    "make_spread",
    "price_scale",
    "price_scale_of",
    "rule_of_exchange",
]
