"""What venues compute and publish about derivatives beside prices: greeks, and open interest."""

from __future__ import annotations

import msgspec

from posei_trader.model.enums import GreeksBasis
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.values import Quantity


class OptionGreeks(msgspec.Struct, frozen=True):
    """An option's implied volatility and sensitivities, as the venue computes them.

    None is what the venue could not compute. They are estimates, so they are floats, in the units
    of the price: `delta` for a move of the underlying by one, `vega` for one volatility point of
    0.01, `theta` for one day.

    Attributes:
        instrument_id: The option.
        basis: The price that they were computed of.
        implied_vol: Yearly volatility: 0.2 is 20 %.
        delta: Change of the option's price with the underlying's.
        gamma: Change of delta with the underlying's price.
        vega: Change of the option's price with the volatility.
        theta: Change of the option's price with time.
        option_price: The price of the basis.
        underlying_price: The underlying's price that was used.
        pv_dividend: Present value of dividends expected until expiry.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    basis: GreeksBasis
    implied_vol: float | None
    delta: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    option_price: float | None
    underlying_price: float | None
    pv_dividend: float | None
    ts_event: int
    ts_init: int


class OpenInterest(msgspec.Struct, frozen=True, gc=False):
    """How many contracts of a derivative are held open.

    Attributes:
        instrument_id: The derivative.
        value_raw: Contracts, in units of 10^-9.
        size_precision: Decimals to show.
        ts_event: When it happened, UNIX ns UTC.
        ts_init: When the object was made, UNIX ns UTC.
    """

    instrument_id: InstrumentId
    value_raw: int
    size_precision: int
    ts_event: int
    ts_init: int

    @property
    def value(self) -> Quantity:
        """Return the contracts."""
        return Quantity.from_raw(self.value_raw, self.size_precision)
