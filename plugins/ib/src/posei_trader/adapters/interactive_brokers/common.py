"""The names that users of the adapter write in their configuration: IB's contracts and order tags.

The types live in :mod:`.contract_types` and :mod:`.order_tags`; this is their public import path.
"""

from __future__ import annotations

from typing import Final

from posei_trader.adapters.interactive_brokers.contract_types import (
    ComboLeg,
    ContractDescription,
    DeltaNeutralContract,
    IBContract,
    IBContractDetails,
    IneligibilityReason,
    OptionChain,
    PriceIncrement,
    TagValue,
)
from posei_trader.adapters.interactive_brokers.order_tags import (
    ExecutionCondition,
    IBOrderTags,
    MarginCondition,
    OrderCondition,
    PercentChangeCondition,
    PriceCondition,
    SoftDollarTier,
    TimeCondition,
    VolumeCondition,
)
from posei_trader.model.identifiers import Venue

__all__ = [
    "IB",
    "IB_VENUE",
    "ComboLeg",
    "ContractDescription",
    "DeltaNeutralContract",
    "ExecutionCondition",
    "IBContract",
    "IBContractDetails",
    "IBOrderTags",
    "IneligibilityReason",
    "MarginCondition",
    "OptionChain",
    "OrderCondition",
    "PercentChangeCondition",
    "PriceCondition",
    "PriceIncrement",
    "SoftDollarTier",
    "TagValue",
    "TimeCondition",
    "VolumeCondition",
]

IB: Final = "IB"
"""The name under which the adapter's clients are configured in a node."""

IB_VENUE: Final = Venue("INTERACTIVE_BROKERS")
"""The venue of the account: what the portfolio is bound to."""
