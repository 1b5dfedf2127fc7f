"""Option chains, made when somebody asks: expirations by calendar, strikes around the price."""

from __future__ import annotations

import datetime as dt
import tomllib
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from posei_ib_sim.contracts.hours import HOURS
from posei_ib_sim.contracts.market_rules import MARKET_RULES
from posei_ib_sim.contracts.model import ContractQuery, SimContract
from posei_ib_sim.contracts.seeds import PLAIN_ORDER_TYPES, ContractFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from posei_ib_sim.contracts.database import ContractDatabase

__all__ = ["OptionChain", "OptionShelf"]

_DAY: Final = dt.timedelta(days=1)
_AHEAD: Final = dt.timedelta(days=400)
_BACK: Final = dt.timedelta(days=60)
_DAILY_AHEAD: Final = dt.timedelta(days=30)
_CHAIN_REACH: Final = 0.3
_STRIKES_MAX: Final = 60
_MOST_ANSWERED: Final = 10_000
_FAMILY_FIELDS: Final = (
    "underlying",
    "trading_class",
    "sec_type",
    "exchanges",
    "cycle",
    "multiplier",
    "market_rule",
)
_STEPS: Final = tuple(
    Decimal(mantissa).scaleb(exponent)
    for exponent in range(-5, 4)
    for mantissa in ("1", "2.5", "5")
)


class OptionChain(msgspec.Struct, frozen=True):
    """The expirations and strikes of one class of options."""

    trading_class: str
    multiplier: str
    exchanges: tuple[str, ...]
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


@final
class OptionShelf:
    """Option families whose contracts are made on demand.

    Args:
        database: Finds underlyings and takes the contracts.
        factory: Gives their ids.
        price_of: Price of an underlying, around which strikes lie.
    """

    def __init__(
        self,
        database: ContractDatabase,
        factory: ContractFactory,
        price_of: Callable[[SimContract], float],
    ) -> None:
        folder = resources.files("posei_ib_sim.contracts") / "seeds"
        tables = tomllib.loads((folder / "options.toml").read_text(encoding="utf-8"))
        self._families: list[Mapping[str, Any]] = list(tables["family"])
        self._database = database
        self._factory = factory
        self._price_of = price_of
        self._prices: dict[int, float] = {}
        self._dates: dict[tuple[str, int], list[dt.date]] = {}
        self._made: set[tuple[str, int, str]] = set()
        # What queries meant, while the database has so many contracts.
        self._answered: set[tuple[str, ...]] = set()
        self._size = 0
        self._is_expanding = False

    def add_family(self, row: Mapping[str, Any]) -> None:
        """Add a family with the fields of `seeds/options.toml`, in place of one of its class.

        Raises:
            KeyError: A field is missing.
        """
        name = [row[field] for field in _FAMILY_FIELDS][:2]
        self._families = [
            family
            for family in self._families
            if [family["underlying"], family["trading_class"]] != name
        ]
        self._families.append(row)
        self._answered.clear()

    def chains(self, underlying: SimContract, exchange: str) -> list[OptionChain]:
        """Return the chains on an underlying, on one exchange or, with an empty one, on all."""
        found = []
        for family in self._families_of(underlying):
            exchanges = tuple(str(one) for one in family["exchanges"])
            if exchange and exchange not in exchanges:
                continue
            dates = self._expirations(family, underlying)
            found.append(
                OptionChain(
                    str(family["trading_class"]),
                    str(family["multiplier"]),
                    (exchange,) if exchange else exchanges,
                    tuple(f"{date:%Y%m%d}" for date in dates),
                    tuple(float(strike) for strike in self._strikes(family, underlying)),
                )
            )
        return found

    def kinds(self, symbol: str) -> set[str]:
        """Return the types of options that there are on an underlying's symbol."""
        return {
            "FOP" if family["sec_type"] == "FUT" else "OPT"
            for family in self._families
            if family["underlying"] == symbol
        }

    def expand(self, query: ContractQuery) -> None:
        """Make the options that a query may mean, if they are not made yet."""
        if self._is_expanding or not self._is_about_options(query):
            return
        names, wanted = _names(query), _wanted_dates(query)
        question = (query.sec_type, *names, wanted)
        if question in self._answered and len(self._database) == self._size:
            return
        self._is_expanding = True
        try:
            for family, underlying in self._underlyings(query.sec_type, names):
                for date in self._expirations(family, underlying):
                    if not wanted or f"{date:%Y%m%d}".startswith(wanted):
                        self._make(family, underlying, date)
        finally:
            self._is_expanding = False
        if len(self._database) != self._size or len(self._answered) >= _MOST_ANSWERED:
            self._answered.clear()
            self._size = len(self._database)
        self._answered.add(question)

    @staticmethod
    def _is_about_options(query: ContractQuery) -> bool:
        if query.sec_type in {"OPT", "FOP"}:
            return bool(query.symbol or query.local_symbol or query.trading_class)
        return not query.sec_type and " " in query.local_symbol

    def _underlyings(
        self, sec_type: str, names: tuple[str, ...]
    ) -> Iterator[tuple[Mapping[str, Any], SimContract]]:
        for family in self._families:
            if family["underlying"] not in names and family["trading_class"] not in names:
                continue
            if (family["sec_type"] == "FUT") == (sec_type == "OPT"):
                continue
            exchange = str(family["exchanges"][0]) if family["sec_type"] == "FUT" else ""
            under = ContractQuery(
                symbol=str(family["underlying"]),
                sec_type=str(family["sec_type"]),
                exchange=exchange,
                include_expired=True,
            )
            seen: set[int] = set()
            for underlying in self._database.find(under):
                primary = underlying.currency in {"USD", "EUR"}
                if underlying.con_id not in seen and primary:
                    seen.add(underlying.con_id)
                    yield family, underlying

    def _families_of(self, underlying: SimContract) -> list[Mapping[str, Any]]:
        sec_type = "FUT" if underlying.sec_type == "CONTFUT" else underlying.sec_type
        return [
            family
            for family in self._families
            if family["underlying"] == underlying.symbol and family["sec_type"] == sec_type
        ]

    def _expirations(self, family: Mapping[str, Any], underlying: SimContract) -> list[dt.date]:
        key = (str(family["trading_class"]), underlying.con_id)
        if key not in self._dates:
            self._dates[key] = self._listed(family, underlying)
        return self._dates[key]

    def _listed(self, family: Mapping[str, Any], underlying: SimContract) -> list[dt.date]:
        if family["cycle"] == "future":
            text = underlying.last_trade_date
            return [dt.date(int(text[:4]), int(text[4:6]), int(text[6:]))] if text else []
        start = self._factory.start
        hours = _hours_of(underlying)
        days = [
            session.date
            for session in self._database.hours.between(hours, start - _BACK, start + _AHEAD)
        ]
        known = set(days)
        cycle = family["cycle"]
        chosen = {_on_session(friday, known) for friday in _third_fridays(days)}
        if cycle == "daily":
            chosen |= {day for day in days if day <= start + _DAILY_AHEAD}
        elif cycle == "weekly":
            fridays = (day for day in _every_friday(days) if day <= start + 2 * _DAILY_AHEAD)
            chosen |= {_on_session(friday, known) for friday in fridays}
        return sorted(chosen)

    def _strikes(self, family: Mapping[str, Any], underlying: SimContract) -> list[Decimal]:
        price = self._price(underlying)
        if "strikes" in family:
            step, count = Decimal(str(family["strike_step"])), int(family["strikes"])
            middle = int(Decimal(repr(price)) / step)
            return [step * max(1, middle - count // 2 + n) for n in range(count)]
        step = _strike_step(price)
        low, high = price * (1 - _CHAIN_REACH), price * (1 + _CHAIN_REACH)
        first = int(Decimal(repr(low)) / step)
        count = int(Decimal(repr(high - low)) / step)
        return [step * (first + n) for n in range(1, min(count, 2 * _STRIKES_MAX) + 1)]

    def _price(self, underlying: SimContract) -> float:
        """Return the price when first asked for, so that a chain keeps its strikes."""
        if underlying.con_id not in self._prices:
            self._prices[underlying.con_id] = self._price_of(underlying)
        return self._prices[underlying.con_id]

    def _make(self, family: Mapping[str, Any], underlying: SimContract, date: dt.date) -> None:
        key = (str(family["trading_class"]), underlying.con_id, f"{date:%Y%m%d}")
        if key in self._made:
            return
        self._made.add(key)
        for strike in self._strikes(family, underlying):
            for right in "CP":
                self._database.add(self._option(family, underlying, date, strike, right))

    def _option(
        self,
        family: Mapping[str, Any],
        underlying: SimContract,
        date: dt.date,
        strike: Decimal,
        right: str,
    ) -> SimContract:
        trading_class, exchanges = str(family["trading_class"]), family["exchanges"]
        on_future = family["sec_type"] == "FUT"
        local = _local_symbol(family, underlying, date, strike, right)
        rule = int(family["market_rule"])
        hours = underlying.hours if on_future else _hours_of(underlying)
        routes = tuple(str(one) for one in exchanges)
        default = "SMART" if "SMART" in routes else routes[0]
        text = f"{date:%Y%m%d}"
        return SimContract(
            con_id=self._factory.con_id(f"OPT {trading_class} {text} {strike} {right}"),
            symbol=underlying.symbol,
            sec_type="FOP" if on_future else "OPT",
            exchange=default,
            currency=underlying.currency,
            local_symbol=local,
            trading_class=trading_class,
            market_name=trading_class,
            last_trade_date=text,
            last_trade_time=f"15:00:00 {HOURS[hours].zone}",
            real_expiration_date=text,
            contract_month=text[:6],
            strike=strike.normalize() if strike != strike.to_integral() else strike,
            right=right,
            multiplier=str(family["multiplier"]),
            min_tick=MARKET_RULES[rule][0][1],
            hours=hours,
            zone=HOURS[hours].zone,
            routes=routes,
            long_name=underlying.long_name,
            market_rule=rule,
            under_con_id=underlying.con_id,
            under_symbol=underlying.local_symbol if on_future else underlying.symbol,
            under_sec_type=underlying.sec_type,
            order_types=PLAIN_ORDER_TYPES,
            agg_group=2,
            price_magnifier=underlying.price_magnifier,
            reference_price=_intrinsic(self._price(underlying), float(strike), right),
        )


def _intrinsic(price: float, strike: float, right: str) -> float:
    """Return a rough premium to start synthetic prices from: intrinsic value and some time."""
    inner = price - strike if right == "C" else strike - price
    distance = abs(price - strike)
    return round(max(inner, 0.0) + max(price * 0.02 - distance * 0.1, price * 0.001), 2)


def _strike_step(price: float) -> Decimal:
    wanted = price * _CHAIN_REACH * 2 / _STRIKES_MAX
    return next((step for step in _STEPS if float(step) >= wanted * 0.75), _STEPS[-1])


def _hours_of(underlying: SimContract) -> str:
    return "US_OPTION" if underlying.currency == "USD" else underlying.hours


def _third_fridays(days: list[dt.date]) -> Iterator[dt.date]:
    for year, month in sorted({(day.year, day.month) for day in days}):
        first = dt.date(year, month, 1)
        friday = first + _DAY * ((4 - first.weekday()) % 7 + 14)
        if days[0] <= friday <= days[-1]:
            yield friday


def _every_friday(days: list[dt.date]) -> Iterator[dt.date]:
    friday = days[0] + _DAY * ((4 - days[0].weekday()) % 7)
    while friday <= days[-1]:
        yield friday
        friday += _DAY * 7


def _on_session(date: dt.date, known: set[dt.date]) -> dt.date:
    while date not in known:
        date -= _DAY
    return date


def _names(query: ContractQuery) -> tuple[str, str, str, str]:
    """Return what may be an underlying or a class; empty where the query does not say."""
    root = query.local_symbol.split(" ")[0]
    if query.local_symbol.startswith(("C ", "P ")):
        root = query.local_symbol.split(" ")[1]
    # A compact OCC symbol carries its class in front of the six digits of the date.
    root = root[:-15] if len(root) > 15 else root
    future = root[:-2] if query.sec_type == "FOP" else ""
    return query.symbol, query.trading_class, root, future


def _wanted_dates(query: ContractQuery) -> str:
    text = query.local_symbol.replace(" ", "")
    if len(text) > 15 and text[-15:-9].isdigit():
        return f"20{text[-15:-9]}"
    return query.last_trade_date.partition(" ")[0]


def _local_symbol(
    family: Mapping[str, Any],
    underlying: SimContract,
    date: dt.date,
    strike: Decimal,
    right: str,
) -> str:
    trading_class = str(family["trading_class"])
    plain = f"{strike.normalize():f}"
    if family["sec_type"] == "FUT":
        code = underlying.local_symbol.removeprefix(underlying.trading_class)
        return f"{trading_class}{code} {right}{plain}"
    if "EUREX" in family["exchanges"]:
        return f"{right} {trading_class} {date:%Y%m%d} {plain} M"
    return f"{trading_class:<6}{date:%y%m%d}{right}{int(strike * 1000):08d}"
