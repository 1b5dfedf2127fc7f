"""What is traded: an instrument, IB's contract of it, and the unit in which IB quotes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.instruments import contract_of, price_scale_of
from posei_trader.adapters.interactive_brokers.wire_values import is_set, price_from_wire
from posei_trader.model.instruments import Instrument

if TYPE_CHECKING:
    from posei_trader.model.values import Price


class Traded(msgspec.Struct, frozen=True):
    """An instrument as IB trades it, resolved once.

    Attributes:
        instrument: The instrument.
        contract: IB's contract of it.
        magnifier: IB's price is ours times this.
    """

    instrument: Instrument
    contract: IBContract
    magnifier: int = 1

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """Resolve an instrument that the IB provider made.

        Raises:
            InvalidRequest: it does not come from IB.
        """
        return cls(instrument, contract_of(instrument), price_scale_of(instrument).magnifier)

    @property
    def sec_type(self) -> str:
        """Return IB's type of the contract."""
        return self.contract.secType

    @property
    def is_continuous(self) -> bool:
        """Return whether it is a continuous future: IB serves its history up to now only."""
        return self.contract.secType == "CONTFUT"

    def price(self, value: float) -> Price:
        """Return a price of IB's in our unit."""
        return price_from_wire(value, self.magnifier, self.instrument.price_precision)

    def price_if_set(self, value: float) -> Price | None:
        """Return a price of IB's, or None where it is not set."""
        return self.price(value) if is_set(value) else None
