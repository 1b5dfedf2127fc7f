"""Algorithms: orders that IB works in slices, over time and against the market's volume.

IB publishes what each algorithm is for and which parameters it takes, not how it decides. What is
simulated is the published purpose, as a schedule: how much of the order may have traded by now.
"""

from __future__ import annotations

import datetime as dt
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, Literal, final

import msgspec

from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.history.bar_sizes import parse_moment
from posei_ib_sim.market.events import MarketEvent, Quote

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from posei_ib_sim.contracts.model import SimContract
    from posei_ib_sim.wire import Order

__all__ = ["AlgoProgress", "Patience", "algo_of", "check_algo"]

Patience = Literal["take", "middle", "join", "last"]
"""At which price a slice is willing to trade: of the other side, the middle, its own side, the last
trade."""

_ORDER_TYPES: Final = frozenset({"MKT", "LMT"})
_NO_ALGO: Final = frozenset({"BAG", "BOND", "FUND", "WAR", "IOPT"})
_TIMES: Final = frozenset({"startTime", "endTime", "allowPastEndTime"})
_URGENCY: Final = {
    "Get Done": 6.0,
    "Urgent": 4.0,
    "Aggressive": 3.0,
    "Neutral": 2.0,
    "Passive": 1.0,
}
_PRIORITIES: Final = {"Urgent": 0, "Normal": 15, "Patient": 60}
# The part of the time after which a completion is forced, and how much faster "speed up" is.
_FORCED: Final = 0.95
_SPEED_UP: Final = 1.25
_FLAGS: Final = frozenset({"0", "1", "true", "false", "True", "False"})
_TWAP_STYLES: Final = frozenset(
    {
        "Marketable",
        "Matching Midpoint",
        "Midpoint",
        "Matching Same Side",
        "Matching Last",
    }
)


class _Strategy(msgspec.Struct, frozen=True):
    """An algorithm: the parameters it knows, those it needs, and how it paces itself."""

    known: frozenset[str]
    needed: tuple[str, ...] = ()
    front: bool = False
    by_volume: bool = False
    even: bool = True


_STRATEGIES: Final[dict[str, _Strategy]] = {
    "Adaptive": _Strategy(frozenset({"adaptivePriority"}), even=False),
    "Twap": _Strategy(_TIMES | {"strategyType", "monetaryValue"}),
    "Vwap": _Strategy(
        _TIMES | {"maxPctVol", "noTakeLiq", "speedUp", "monetaryValue"}, needed=("maxPctVol",)
    ),
    "ArrivalPx": _Strategy(
        _TIMES | {"maxPctVol", "riskAversion", "forceCompletion", "monetaryValue"},
        needed=("maxPctVol",),
        front=True,
    ),
    "DarkIce": _Strategy(
        _TIMES | {"displaySize", "monetaryValue"}, needed=("displaySize",), even=False
    ),
    "PctVol": _Strategy(
        _TIMES | {"pctVol", "noTakeLiq", "monetaryValue"},
        needed=("pctVol",),
        by_volume=True,
        even=False,
    ),
    "MinImpact": _Strategy(
        frozenset({"maxPctVol", "monetaryValue"}), needed=("maxPctVol",), even=False
    ),
    "BalanceImpactRisk": _Strategy(
        frozenset({"maxPctVol", "riskAversion", "forceCompletion", "monetaryValue"}),
        needed=("maxPctVol",),
        front=True,
    ),
}
_BY_NAME: Final = {name.upper(): name for name in _STRATEGIES}


@final
class AlgoProgress:
    """How far an algorithm has come with one order.

    Args:
        strategy: IB's name of it.
        parameters: What the client gave.
        start_ns: When it begins.
        end_ns: When it has to be done.

    Attributes:
        released: How much of the order may have traded by now.
        patience: At which price it is willing to trade now.
        shown: Size that it shows at a time, 0 for all.
        ends: Whether what is left at the end is cancelled.
    """

    def __init__(
        self, strategy: str, parameters: Mapping[str, str], start_ns: int, end_ns: int
    ) -> None:
        self._rule = _STRATEGIES[strategy]
        self._parameters = parameters
        self.strategy: Final = strategy
        self.start_ns: Final = start_ns
        self.end_ns: Final = end_ns
        self.ends: Final = bool(self._rule.known & _TIMES) and not _flag(
            parameters.get("allowPastEndTime", "0")
        )
        share = parameters.get("maxPctVol") or parameters.get("pctVol")
        self._share = Decimal(share) if share else None
        self._curve = _URGENCY.get(parameters.get("riskAversion", "Neutral"), 2.0)
        self._volume = Decimal(0)
        self.released = Decimal(0)
        self.patience: Patience = "take"
        self.shown = int(float(parameters.get("displaySize", "0")))

    def follow(self, event: MarketEvent, total: Decimal, unit: Decimal) -> None:
        """Take a market event in and release what is due by now."""
        if event.ts_ns < self.start_ns:
            return
        if not isinstance(event, Quote):
            self._volume += Decimal(repr(event.size))
        self.patience = self._patience_at(event.ts_ns)
        due = self._due(event.ts_ns, total)
        if due < total:
            due = (due / unit).to_integral_value(ROUND_FLOOR) * unit
        self.released = max(self.released, min(due, total))

    def _due(self, now_ns: int, total: Decimal) -> Decimal:
        if self._rule.by_volume:
            return self._volume * (self._share or Decimal(0))
        if not self._rule.even:
            return self._capped(total)
        length = max(self.end_ns - self.start_ns, 1)
        # A slice is due at its beginning, so that the last one is not left for the end.
        passed = min(1.0, (now_ns - self.start_ns) / length + 1 / 60)
        if _flag(self._parameters.get("forceCompletion", "0")) and passed > _FORCED:
            return total
        if _flag(self._parameters.get("speedUp", "0")):
            passed = min(1.0, passed * _SPEED_UP)
        if self._rule.front:
            passed = 1.0 - (1.0 - passed) ** self._curve
        return self._capped(total * Decimal(repr(round(passed, 9))))

    def _capped(self, wanted: Decimal) -> Decimal:
        """Keep to the share of the market's volume that the client allows."""
        if self._share is None:
            return wanted
        return min(wanted, self._volume * self._share)

    def _patience_at(self, now_ns: int) -> Patience:
        if self.strategy == "Adaptive":
            waits = _PRIORITIES[self._parameters.get("adaptivePriority", "Normal")]
            waited = (now_ns - self.start_ns) / NANOSECONDS
            if waited >= waits:
                return "take"
            return "join" if waited < waits / 2 and waits >= _PRIORITIES["Patient"] else "middle"
        if _flag(self._parameters.get("noTakeLiq", "0")):
            return "join"
        style = self._parameters.get("strategyType", "Marketable")
        if style in {"Matching Midpoint", "Midpoint"}:
            return "middle"
        if style == "Matching Last":
            return "last"
        return "join" if style == "Matching Same Side" else "take"


def check_algo(contract: SimContract, order: Order, order_type: str) -> None:
    """Refuse an algorithm that does not exist, does not fit, or lacks something.

    Raises:
        RequestRefused: 439 no such algorithm, 442 not for this order, 443 an unknown parameter,
            441 a parameter is missing or has no sensible value.
    """
    if not order.algoStrategy:
        return
    name = _BY_NAME.get(order.algoStrategy.upper())
    if name is None:
        raise RequestRefused(439, "Order processing failed. Algorithm definition not found.")
    if order_type not in _ORDER_TYPES or contract.sec_type in _NO_ALGO or order.allOrNone:
        raise RequestRefused(442, "Specified algorithm is not allowed for this order.")
    rule = _STRATEGIES[name]
    for tag in order.algoParams:
        if tag not in rule.known:
            raise RequestRefused(443, f"Order processing failed. Unknown algo attribute: {tag}")
    for tag in rule.needed:
        if not order.algoParams.get(tag):
            raise _invalid(f"{tag} is missing")
    for tag, text in order.algoParams.items():
        if not _is_sensible(tag, text):
            raise _invalid(f"{tag} has the value {text!r}")


def algo_of(order: Order, now_ns: int, close_ns: int, zone: ZoneInfo) -> AlgoProgress | None:
    """Return the progress of a new order's algorithm, `None` without one.

    Args:
        order: The order, already checked.
        now_ns: When it arrives.
        close_ns: When its session ends, the end where it names none.
        zone: Zone of times that name none.

    Raises:
        RequestRefused: 441 its times cannot be read or leave no time.
    """
    if not order.algoStrategy:
        return None
    name = _BY_NAME[order.algoStrategy.upper()]
    start = _moment(order.algoParams.get("startTime", ""), now_ns, zone)
    end = _moment(order.algoParams.get("endTime", ""), now_ns, zone)
    start_ns = max(now_ns, start or now_ns)
    end_ns = end or close_ns
    if end_ns <= start_ns:
        raise _invalid("endTime lies before the start")
    return AlgoProgress(name, order.algoParams, start_ns, end_ns)


def _moment(text: str, now_ns: int, zone: ZoneInfo) -> int | None:
    if not text.strip():
        return None
    if ":" in text.split(maxsplit=1)[0] and "-" not in text:
        # A time of day, IB's usual form here: "15:00:00 US/Eastern".
        today = dt.datetime.fromtimestamp(now_ns // NANOSECONDS, zone)
        text = f"{today:%Y%m%d} {text}"
    try:
        return parse_moment(text, zone)
    except RequestRefused as error:
        raise _invalid(error.text.partition("cause - ")[2]) from None


def _is_sensible(tag: str, text: str) -> bool:
    if tag in {"startTime", "endTime"}:
        return True  # read when the order arrives
    if tag in {"maxPctVol", "pctVol"}:
        number = _number(text)
        return number is not None and Decimal(0) < number <= 1
    if tag == "displaySize":
        number = _number(text)
        return number is not None and number >= 1
    if tag == "monetaryValue":
        # Sizes by money are not worked; clients that fill in every parameter send 0.
        return _number(text) == 0
    allowed: dict[str, frozenset[str]] = {
        "adaptivePriority": frozenset(_PRIORITIES),
        "riskAversion": frozenset(_URGENCY),
        "strategyType": _TWAP_STYLES,
    }
    return text in allowed.get(tag, _FLAGS)


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _flag(text: str) -> bool:
    return text in {"1", "true", "True"}


def _invalid(cause: str) -> RequestRefused:
    return RequestRefused(441, f"Algo attributes validation failed: {cause}")
