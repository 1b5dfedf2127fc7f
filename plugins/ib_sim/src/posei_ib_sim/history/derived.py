"""Series that are computed from prices: volatilities, borrow fees, bond yields.

Each is derived tick by tick from the contract's tape, so it is as repeatable.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from typing import TYPE_CHECKING, Final

import numpy as np

from posei_ib_sim.market.columns import TickColumns, middle
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.history.aggregate import Bar
    from posei_ib_sim.market.columns import Floats, Moments

__all__ = [
    "DERIVED",
    "borrow_fee",
    "derive",
    "derive_yields",
    "realized_volatility",
    "yield_at",
]

DERIVED: Final[dict[str, str]] = {
    "HISTORICAL_VOLATILITY": "MIDPOINT",
    "OPTION_IMPLIED_VOLATILITY": "MIDPOINT",
    "FEE_RATE": "MIDPOINT",
    "YIELD_BID": "BID",
    "YIELD_ASK": "ASK",
    "YIELD_BID_ASK": "BID_ASK",
    "YIELD_LAST": "MIDPOINT",
}
"""The computed kinds of data, with the kind of bar that their values make."""

WINDOW: Final = 30
"""Trade dates that a historical volatility looks back on."""

_YEAR_NS: Final = 365.25 * 86_400e9
_TRADING_DAYS: Final = 252
_ATM: Final = 0.18


def derive_yields(
    what: str, contract: SimContract, events: Iterator[MarketEvent]
) -> Iterator[MarketEvent]:
    """Yield the yields of a bond as quotes, one for each event of the right kind."""
    for event in events:
        if isinstance(event, Quote) == (what == "YIELD_LAST"):
            continue
        bid, ask = (event.bid, event.ask) if isinstance(event, Quote) else (event.price,) * 2
        years = _years(contract, event.ts_ns)
        low, high = yield_at(bid, contract.coupon, years), yield_at(ask, contract.coupon, years)
        yield Quote(event.ts_ns, low, high, 0.0, 0.0)


def derive(
    what: str,
    contract: SimContract,
    ticks: TickColumns,
    volatilities: Callable[[Moments], Floats],
) -> TickColumns:
    """Return the values of a computed kind as quotes, one for each quote and each trade.

    Args:
        what: A key of `DERIVED`, but no yield.
        contract: Whose ticks these are.
        ticks: The contract's quotes and trades.
        volatilities: Historical volatilities that were known at moments.
    """
    # A trade follows the quote of its row.
    prices = np.full((len(ticks), 2), np.nan)
    if ticks.bid is not None:
        prices[:, 0] = middle(ticks.bid, ticks.ask)
    if ticks.price is not None:
        prices[:, 1] = ticks.price
    real = ~np.isnan(prices.ravel())
    prices, ts = prices.ravel()[real], np.repeat(ticks.ts, 2)[real]
    if what == "FEE_RATE":
        values = np.full(len(ts), borrow_fee(contract))
    elif what == "HISTORICAL_VOLATILITY":
        values = volatilities(ts)
    else:
        known, places = np.unique(prices, return_inverse=True)
        reference = contract.reference_price
        values = np.array([_implied(price, reference) for price in known.tolist()])[places]
    nothing = np.zeros(len(ts))
    return TickColumns(ts, values, values, nothing, nothing)


def realized_volatility(bars: Sequence[Bar]) -> float:
    """Return the yearly volatility of the closes of daily bars, 0 with fewer than three."""
    returns = [
        math.log(after.close / before.close)
        for before, after in itertools.pairwise(bars)
        if before.close > 0 and after.close > 0
    ]
    if len(returns) < 2:
        return 0.0
    mean = sum(returns) / len(returns)
    variance = sum((one - mean) ** 2 for one in returns) / (len(returns) - 1)
    return math.sqrt(variance * _TRADING_DAYS)


def borrow_fee(contract: SimContract) -> float:
    """Return what borrowing a stock costs, in percent a year: that of shares easy to borrow."""
    return round(0.25 + contract.con_id % 7 * 0.05, 2)


def yield_at(price: float, coupon: float, years: float) -> float:
    """Return the yield to maturity, in percent, of a bond paying its coupon twice a year."""
    if price <= 0.0 or years <= 0.0:
        return 0.0
    periods = max(1, round(years * 2))
    low, high = -0.99, 4.0
    for _ in range(60):
        rate = (low + high) / 2.0
        discount = (1.0 + rate / 2.0) ** -periods
        value = 100.0 * discount + (
            coupon * periods / 2.0 if abs(rate) < 1e-12 else coupon * (1.0 - discount) / rate
        )
        low, high = (rate, high) if value > price else (low, rate)
    return round((low + high) * 50.0, 6)


def _implied(price: float, reference: float) -> float:
    # Volatility rises as prices fall.
    return round(max(0.05, _ATM - 0.4 * math.log(price / reference)), 6) if price > 0 else _ATM


def _years(contract: SimContract, ts_ns: int) -> float:
    text = contract.maturity or contract.last_trade_date
    if len(text) < 8:
        return 0.0
    end = dt.datetime(int(text[:4]), int(text[4:6]), int(text[6:8]), tzinfo=dt.UTC)
    return (end.timestamp() * 1e9 - ts_ns) / _YEAR_NS
