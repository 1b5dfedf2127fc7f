"""The tape of an option, derived from the tape of its underlying."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim.contracts.market_rules import increment_at
from posei_ib_sim.market.events import MarketEvent, Quote, Trade
from posei_ib_sim.market.option_model import model_volatility, value, years_between

if TYPE_CHECKING:
    from collections.abc import Iterator

    from posei_ib_sim.contracts.hours import HoursBook
    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.market.tape import Tape

__all__ = ["OptionTape", "expiry_ns"]

_SECOND_NS: Final = 1_000_000_000
_QUOTE_EVERY_NS: Final = 5 * _SECOND_NS
_TRADE_EVERY: Final = 12
_SPREAD_SHARE: Final = 0.01
_TRADE_SIZE: Final = 3.0


def expiry_ns(contract: SimContract, hours: HoursBook) -> int:
    """Return the moment a contract stops trading: the close of its last session."""
    text = contract.last_trade_date
    date = dt.date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    sessions = hours.between(contract.hours, date, date)
    if sessions:
        return sessions[0].close_ns
    midnight = dt.datetime.combine(date, dt.time(16), tzinfo=hours.zone(contract.hours))
    return int(midnight.timestamp()) * _SECOND_NS


@final
class OptionTape:
    """Quotes around the model's value at each move of the underlying, at most one in 5 seconds.

    Args:
        contract: The option.
        underlying: The tape of what it is on.
        hours: The sessions.
    """

    def __init__(self, contract: SimContract, underlying: Tape, hours: HoursBook) -> None:
        self._contract = contract
        self._underlying = underlying
        self._expiry_ns = expiry_ns(contract, hours)
        self._strike = float(contract.strike)
        self._call = contract.right == "C"

    @property
    def first_ns(self) -> int | None:
        """Time of the underlying's first event."""
        return self._underlying.first_ns

    @property
    def last_ns(self) -> int | None:
        """Time of the underlying's last event, or the expiry before it."""
        last = self._underlying.last_ns
        return None if last is None else min(last, self._expiry_ns)

    def events(self, start_ns: int, end_ns: int) -> Iterator[MarketEvent]:
        """Yield the events of a range."""
        # Where the quote grid stands does not depend on the range, so every range agrees.
        last_slot = -1
        stop = min(end_ns, self._expiry_ns)
        begin = start_ns - start_ns % _QUOTE_EVERY_NS
        for event in self._underlying.events(begin, stop):
            slot = event.ts_ns // _QUOTE_EVERY_NS
            if slot == last_slot:
                continue
            last_slot = slot
            if event.ts_ns < start_ns:
                continue
            quote = self._quote(event)
            yield quote
            if slot % _TRADE_EVERY == 0 and quote.bid > 0:
                yield Trade(event.ts_ns, quote.ask if slot % 2 else quote.bid, _TRADE_SIZE)

    def _quote(self, event: MarketEvent) -> Quote:
        spot = event.mid if isinstance(event, Quote) else event.price
        years = years_between(event.ts_ns, self._expiry_ns)
        volatility = model_volatility(spot, self._strike, years)
        fair = value(spot, self._strike, years, volatility, call=self._call).price
        tick = float(increment_at(self._contract.market_rule, Decimal(repr(round(fair, 6)))))
        half = max(fair * _SPREAD_SHARE, tick) / 2.0
        bid = _snap(fair - half, tick, up=False)
        ask = max(_snap(fair + half, tick, up=True), tick)
        if bid <= 0:
            return Quote(event.ts_ns, -1.0, ask, 0.0, 10.0)
        return Quote(event.ts_ns, bid, ask, 10.0 + (event.ts_ns // _QUOTE_EVERY_NS) % 40, 12.0)


def _snap(price: float, tick: float, *, up: bool) -> float:
    steps = price / tick
    whole = int(steps)
    if up and steps - whole > 1e-9:
        whole += 1
    return round(whole * tick, 10)
