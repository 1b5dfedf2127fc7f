"""Contracts of the seed tables: stocks, pairs, futures and the other asset classes."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, final

import msgspec

from posei_ib_sim.contracts.expiries import MONTH_CODES, ExpiryRules
from posei_ib_sim.contracts.hours import HOURS, HoursBook
from posei_ib_sim.contracts.identity import is_made, stable_con_id
from posei_ib_sim.contracts.model import ContractQuery, SimContract

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["PLAIN_ORDER_TYPES", "ContractFactory", "FuturesShelf", "load_seeds"]

Row = Mapping[str, Any]

_STOCK_ORDER_TYPES: Final = (
    "ACTIVETIM,AD,ADDONT,ADJUST,ALERT,ALGO,ALLOC,AON,AVGCOST,BASKET,CASHQTY,COND,CONDORDER,"
    "DAY,DEACT,DEACTDIS,DEACTEOD,DIS,DUR,GAT,GTC,GTD,GTT,HID,IOC,LIT,LMT,LOC,MIDPX,MIT,MKT,MOC,"
    "MTL,NGCOMB,NODARK,NONALGO,OCA,OPG,OPGREROUT,PEGBENCH,PEGMID,POSTATS,PREOPGRTH,REL,RPI,RTH,"
    "SCALE,SNAPMID,SNAPMKT,SNAPREL,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
PLAIN_ORDER_TYPES: Final = (
    "ACTIVETIM,AD,ADJUST,ALERT,ALLOC,AON,AVGCOST,BASKET,COND,CONDORDER,DAY,DEACT,DEACTDIS,"
    "DEACTEOD,GAT,GTC,GTD,GTT,HID,ICE,IOC,LIT,LMT,LTH,MIT,MKT,MTL,NGCOMB,NONALGO,OCA,PEGBENCH,"
    "SCALE,SCALERST,SNAPMID,SNAPMKT,SNAPREL,STP,STPLMT,TRAIL,TRAILLIT,TRAILLMT,TRAILMIT,WHATIF"
)
_US_ROUTES: Final = (
    "SMART",
    "AMEX",
    "NYSE",
    "CBOE",
    "PHLX",
    "CHX",
    "ARCA",
    "NASDAQ",
    "ISLAND",
    "DRCTEDGE",
    "BEX",
    "BATS",
    "EDGEA",
    "BYX",
    "IEX",
    "MEMX",
    "PEARL",
)
_STOCK_HOURS: Final = {
    "LSE": "LSE",
    "IBIS": "XETRA",
    "FWB": "XETRA",
    "SWB": "XETRA",
    "AEB": "EURONEXT",
    "SBF": "EURONEXT",
    "EBS": "SWISS",
    "TSE": "TORONTO",
    "SEHK": "HONG_KONG",
    "TSEJ": "TOKYO",
}
# Globex trades on days that are no business days for an expiry (Thanksgiving, for one).
_EXPIRY_DAYS: Final = {"CMES": "US_OPTION"}
# Years around the start of the simulation for which contracts with an expiry exist. Ten in all,
# so that a one-digit year in a local symbol names one contract.
_YEARS_BACK: Final = 2
_YEARS_AHEAD: Final = 7


@final
class ContractFactory:
    """Builds contracts from table rows, giving ids that are stable and distinct.

    Args:
        hours: Sessions, needed for expiries.
        start: The date at which the simulation starts; expiries are made around it.
    """

    def __init__(self, hours: HoursBook, start: dt.date) -> None:
        self._hours = hours
        self.start: Final = start
        self._taken: set[int] = set()

    def con_id(self, identity: str, known: int = 0) -> int:
        """Return the id to use for a contract, the known one or one made from its identity."""
        con_id = known or stable_con_id(identity, self._taken)
        self._taken.add(con_id)
        return con_id

    def stock(self, row: Row) -> SimContract:
        """Build a stock or ETF, listed at `primary` and routed by SMART."""
        symbol, primary = str(row["symbol"]), str(row.get("primary", "NASDAQ"))
        currency = str(row.get("currency", "USD"))
        hours = str(row.get("hours", _STOCK_HOURS.get(primary, "US_STOCK")))
        routes = _US_ROUTES if hours == "US_STOCK" else ("SMART", primary)
        if primary not in routes:
            routes = (*routes, primary)
        fractional = hours == "US_STOCK"
        trading_class = str(row.get("trading_class", symbol))
        return SimContract(
            con_id=self.con_id(f"STK {symbol} {primary} {currency}", int(row.get("con_id", 0))),
            symbol=symbol,
            sec_type="STK",
            exchange="SMART",
            primary_exchange=primary,
            currency=currency,
            local_symbol=str(row.get("local_symbol", symbol)),
            trading_class=trading_class,
            market_name=trading_class,
            min_tick=_decimal(row.get("tick", 0.01)),
            hours=hours,
            zone=HOURS[hours].zone,
            routes=routes,
            long_name=str(row.get("name", symbol)),
            price_magnifier=int(row.get("price_magnifier", 1)),
            market_rule=int(row.get("market_rule", 26)),
            stock_type=str(row.get("stock_type", "COMMON")),
            isin=str(row.get("isin", "")),
            min_size=_decimal(row.get("min_size", "0.0001" if fractional else 1)),
            size_increment=_decimal("0.0001" if fractional else row.get("min_size", 1)),
            suggested_size_increment=_decimal(100 if fractional else row.get("min_size", 1)),
            agg_group=1,
            order_types=_STOCK_ORDER_TYPES,
            reference_price=float(row.get("price", 100.0)),
            industry=str(row.get("industry", "")),
            category=str(row.get("category", "")),
        )

    def pair(self, row: Row) -> SimContract:
        """Build a spot currency pair on IDEALPRO."""
        base, quote = str(row["symbol"]), str(row["currency"])
        coarse = quote == "JPY"
        return SimContract(
            con_id=self.con_id(f"CASH {base}.{quote}", int(row.get("con_id", 0))),
            symbol=base,
            sec_type="CASH",
            exchange="IDEALPRO",
            currency=quote,
            local_symbol=f"{base}.{quote}",
            trading_class=f"{base}.{quote}",
            market_name=f"{base}.{quote}",
            min_tick=Decimal("0.005") if coarse else Decimal("0.00005"),
            hours="FOREX",
            zone=HOURS["FOREX"].zone,
            routes=("IDEALPRO",),
            long_name=f"{base}.{quote} spot currency",
            market_rule=1710 if coarse else 239,
            agg_group=4,
            order_types=PLAIN_ORDER_TYPES,
            reference_price=float(row["price"]),
        )

    def futures(self, row: Row) -> Iterator[SimContract]:
        """Build every expiry of a futures product around the start date."""
        hours = str(row["hours"])
        rules = ExpiryRules(self._hours, _EXPIRY_DAYS.get(HOURS[hours].calendar, hours))
        years = range(self.start.year - _YEARS_BACK, self.start.year + _YEARS_AHEAD + 1)
        for year in years:
            for code in str(row["months"]):
                month = MONTH_CODES.index(code) + 1
                expiry = rules.last_trade_date(str(row["expiry"]), year, month)
                yield self._future(row, hours, f"{code}{year % 10}", f"{year}{month:02}", expiry)

    def _future(self, row: Row, hours: str, code: str, month: str, expiry: dt.date) -> SimContract:
        symbol, trading_class = str(row["symbol"]), str(row["trading_class"])
        exchange = str(row["exchange"])
        under_sec_type = str(row.get("under_sec_type", "IND"))
        under = f"UNDER {symbol} {exchange}"
        # Some stop trading before the session ends in which they expire.
        last_time = str(row.get("last_trade_time", _close_time(hours)))
        return SimContract(
            con_id=self.con_id(f"FUT {trading_class} {exchange} {month}"),
            symbol=symbol,
            sec_type="FUT",
            exchange=exchange,
            currency=str(row.get("currency", "USD")),
            local_symbol=f"{trading_class}{code}",
            trading_class=trading_class,
            market_name=trading_class,
            last_trade_date=f"{expiry:%Y%m%d}",
            last_trade_time=f"{last_time} {HOURS[hours].zone}",
            real_expiration_date=f"{expiry:%Y%m%d}",
            contract_month=month,
            multiplier=str(row["multiplier"]),
            min_tick=_decimal(row["tick"]),
            hours=hours,
            zone=HOURS[hours].zone,
            routes=(exchange, "QBALGO") if exchange in {"CME", "CBOT"} else (exchange,),
            long_name=str(row["name"]),
            price_magnifier=int(row.get("price_magnifier", 1)),
            market_rule=int(row["market_rule"]),
            under_con_id=int(row.get("under_con_id", 0)) or stable_con_id(under, ()),
            under_symbol=symbol,
            under_sec_type=under_sec_type,
            order_types=PLAIN_ORDER_TYPES,
            reference_price=float(row["price"]),
            margin=_decimal(row["margin"]),
            fee=_decimal(row.get("fee", 0)),
        )

    def index(self, row: Row) -> SimContract:
        """Build an index; it prints but cannot be traded."""
        symbol, exchange = str(row["symbol"]), str(row["exchange"])
        hours = str(row.get("hours", "US_INDEX"))
        return self._plain(row, "IND", exchange, hours, f"IND {symbol} {exchange}")

    def crypto(self, row: Row) -> SimContract:
        """Build a spot cryptocurrency."""
        symbol, exchange = str(row["symbol"]), str(row["exchange"])
        contract = self._plain(row, "CRYPTO", exchange, "CRYPTO", f"CRYPTO {symbol} {exchange}")
        return _replace(
            contract,
            local_symbol=f"{symbol}.{contract.currency}",
            min_size=Decimal("0.00000001"),
            size_increment=Decimal("0.00000001"),
            suggested_size_increment=Decimal("0.00000001"),
        )

    def cfd(self, row: Row) -> SimContract:
        """Build a contract for difference, routed by SMART."""
        symbol, currency = str(row["symbol"]), str(row.get("currency", "USD"))
        hours = str(row.get("hours", "CME_INDEX"))
        return self._plain(row, "CFD", "SMART", hours, f"CFD {symbol} {currency}")

    def commodity(self, row: Row) -> SimContract:
        """Build a spot commodity, routed by SMART."""
        return self._plain(row, "CMDTY", "SMART", "NYMEX", f"CMDTY {row['symbol']}")

    def fund(self, row: Row) -> SimContract:
        """Build a mutual fund."""
        return self._plain(row, "FUND", str(row["exchange"]), "US_OPTION", f"FUND {row['symbol']}")

    def warrant(self, row: Row) -> SimContract:
        """Build a structured warrant."""
        identity = f"WAR {row['local_symbol']}"
        contract = self._plain(row, "WAR", str(row["exchange"]), "XETRA", identity)
        date = str(row["last_trade_date"])
        return _replace(
            contract,
            last_trade_date=date,
            real_expiration_date=date,
            contract_month=date[:6],
            strike=_decimal(row["strike"]),
            right=str(row["right"]),
            multiplier=str(row["multiplier"]),
        )

    def bond(self, row: Row) -> SimContract:
        """Build a bond; IB's symbol is the issuer's code."""
        cusip, issuer = str(row["cusip"]), str(row["issuer"])
        named = {**row, "symbol": issuer, "local_symbol": f"IB{cusip}", "tick": 0.001}
        contract = self._plain(named, "BOND", "SMART", "US_BOND", f"BOND {cusip}")
        return _replace(
            contract,
            cusip=cusip,
            maturity=str(row["maturity"]),
            real_expiration_date=str(row["maturity"]),
            coupon=float(row["coupon"]),
            bond_type=str(row["bond_type"]),
            ratings=str(row["ratings"]),
            callable=bool(row.get("callable", False)),
            market_rule=1707,
            # Quoted in percent of a face value of 1,000 each.
            multiplier="10",
        )

    def _plain(
        self, row: Row, sec_type: str, exchange: str, hours: str, identity: str
    ) -> SimContract:
        symbol = str(row["symbol"])
        local_symbol = str(row.get("local_symbol", symbol))
        return SimContract(
            con_id=self.con_id(identity, int(row.get("con_id", 0))),
            symbol=symbol,
            sec_type=sec_type,
            exchange=exchange,
            primary_exchange=str(row.get("primary", "")),
            currency=str(row.get("currency", "USD")),
            local_symbol=local_symbol,
            trading_class=str(row.get("trading_class", symbol)),
            market_name=str(row.get("trading_class", symbol)),
            min_tick=_decimal(row.get("tick", 0.01)),
            hours=hours,
            zone=HOURS[hours].zone,
            routes=(exchange,),
            long_name=str(row.get("name", symbol)),
            market_rule=int(row.get("market_rule", 26)),
            isin=str(row.get("isin", "")),
            family=str(row.get("family", "")),
            order_types="" if sec_type == "IND" else PLAIN_ORDER_TYPES,
            reference_price=float(row.get("price", 100.0)),
        )


def _decimal(value: object) -> Decimal:
    return Decimal(str(value))


def _replace(contract: SimContract, **changes: Any) -> SimContract:
    return msgspec.structs.replace(contract, **changes)


def _close_time(hours: str) -> str:
    minutes = HOURS[hours].trading[-1][1]
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:00"


@final
class FuturesShelf:
    """Futures products whose expiries are made when somebody first asks for one.

    Expiries need the venues' calendars, which take seconds to load; most sessions never ask.

    Args:
        factory: Builds the contracts.
        add: Takes each contract made.
    """

    def __init__(self, factory: ContractFactory, add: Callable[[SimContract], None]) -> None:
        folder = resources.files("posei_ib_sim.contracts") / "seeds"
        tables = tomllib.loads((folder / "futures.toml").read_text(encoding="utf-8"))
        self._rows: list[Row] = list(tables["future"])
        self._factory = factory
        self._add = add

    def add_product(self, row: Row) -> None:
        """Put another product on the shelf, with the fields of `seeds/futures.toml`."""
        self._rows.append(row)

    def expand(self, query: ContractQuery) -> None:
        """Make the contracts that a query may mean, if they are not made yet."""
        root = query.local_symbol.rstrip("0123456789")[:-1].upper()
        # Every future's id is a made one: others are not worth making all futures for.
        by_id = is_made(query.con_id)
        wanted = {query.symbol.upper(), query.trading_class.upper(), root} - {""}
        kept = []
        for row in self._rows:
            if wanted & {row["symbol"], row["trading_class"]} or (by_id and not wanted):
                for contract in self._factory.futures(row):
                    self._add(contract)
            else:
                kept.append(row)
        self._rows = kept

    def kinds(self, symbol: str) -> set[str]:
        """Return the types of contracts on an underlying that are still to be made."""
        return {"FUT" for row in self._rows if row["symbol"] == symbol}


def load_seeds(factory: ContractFactory) -> Iterator[SimContract]:
    """Build all contracts of the tables that ship with the simulator."""
    folder = resources.files("posei_ib_sim.contracts") / "seeds"
    stocks = tomllib.loads((folder / "stocks.toml").read_text(encoding="utf-8"))
    forex = tomllib.loads((folder / "forex.toml").read_text(encoding="utf-8"))
    others = tomllib.loads((folder / "others.toml").read_text(encoding="utf-8"))
    yield from map(factory.stock, stocks["stock"])
    yield from map(factory.pair, forex["pair"])
    builders = {
        "index": factory.index,
        "crypto": factory.crypto,
        "cfd": factory.cfd,
        "commodity": factory.commodity,
        "fund": factory.fund,
        "bond": factory.bond,
        "warrant": factory.warrant,
    }
    for kind, build in builders.items():
        yield from map(build, others[kind])
