"""The contract database: what exists, and what a client's description of a contract means."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_ib_sim.contracts.identity import stable_con_id
from posei_ib_sim.contracts.model import ContractQuery, SimContract
from posei_ib_sim.errors import (
    AmbiguousContract,
    ConfigurationError,
    RequestRefused,
    UnknownContract,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_ib_sim.contracts.hours import HoursBook

__all__ = ["ContractDatabase"]

_NOTHING_FOUND: Final = "No security definition has been found for the request"
_WHOLE_DATE: Final = len("YYYYMMDD")
_EXPIRING: Final = frozenset({"FUT", "OPT", "FOP", "WAR", "IOPT"})


@final
class ContractDatabase:
    """All contracts of one simulation, found by conId or by description.

    Args:
        hours: Sessions, to know a contract's local date of expiry.
        now_ns: The simulated clock; expired contracts are hidden unless asked for.
    """

    def __init__(self, hours: HoursBook, now_ns: Callable[[], int]) -> None:
        self.hours: Final = hours
        self._now_ns = now_ns
        self._by_id: dict[int, SimContract] = {}
        self._by_symbol: dict[str, list[SimContract]] = defaultdict(list)
        # An underlying has options by the ten thousand; nearly every query names type or date.
        self._by_type: dict[tuple[str, str], list[SimContract]] = defaultdict(list)
        self._by_date: dict[tuple[str, str], list[SimContract]] = defaultdict(list)
        self._by_local: dict[str, list[SimContract]] = defaultdict(list)
        self._by_class: dict[str, list[SimContract]] = defaultdict(list)
        self._by_isin: dict[str, list[SimContract]] = defaultdict(list)
        self._by_cusip: dict[str, list[SimContract]] = defaultdict(list)
        self._combos: dict[str, SimContract] = {}
        self._expand: list[Callable[[ContractQuery], None]] = []
        self._kinds: list[Callable[[str], set[str]]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, con_id: object) -> bool:
        return con_id in self._by_id

    @property
    def contracts(self) -> Iterable[SimContract]:
        """Every contract made so far."""
        return self._by_id.values()

    def add(self, contract: SimContract) -> None:
        """Add a contract.

        Raises:
            ConfigurationError: Its conId is taken by another contract.
        """
        other = self._by_id.get(contract.con_id)
        if other is not None:
            raise ConfigurationError(
                f"con_id={contract.con_id} of {contract.local_symbol!r} is taken by "
                f"{other.local_symbol!r}; leave con_id out and a free one is made"
            )
        self._by_id[contract.con_id] = contract
        symbol = contract.symbol.upper()
        self._by_symbol[symbol].append(contract)
        self._by_type[symbol, contract.sec_type].append(contract)
        if contract.last_trade_date:
            self._by_date[symbol, contract.last_trade_date].append(contract)
        self._by_local[contract.local_symbol.upper()].append(contract)
        self._by_class[contract.trading_class].append(contract)
        if contract.isin:
            self._by_isin[contract.isin].append(contract)
        if contract.cusip:
            self._by_cusip[contract.cusip].append(contract)

    def combo(self, identity: str) -> SimContract | None:
        """Return a combo that somebody has asked for before."""
        return self._combos.get(identity)

    def add_combo(self, identity: str, contract: SimContract) -> None:
        """Keep a combo: it is found by its conId, but not by a search."""
        self._combos[identity] = contract
        self._by_id[contract.con_id] = contract

    def free_con_id(self, identity: str) -> int:
        """Return a stable conId that is not in use."""
        return stable_con_id(identity, self._by_id)

    def add_expander(
        self, expand: Callable[[ContractQuery], None], kinds: Callable[[str], set[str]]
    ) -> None:
        """Register a maker of contracts on demand.

        Args:
            expand: Called with each query before it is answered.
            kinds: Tells the types that it could make on an underlying's symbol.
        """
        self._expand.append(expand)
        self._kinds.append(kinds)

    def get(self, con_id: int) -> SimContract:
        """Return a contract by id.

        Raises:
            UnknownContract: There is none.
        """
        if con_id not in self._by_id:
            self._make(ContractQuery(con_id=con_id))
        try:
            return self._by_id[con_id]
        except KeyError:
            raise UnknownContract(_NOTHING_FOUND) from None

    def is_expired(self, contract: SimContract) -> bool:
        """Tell whether the last trading day has passed on the simulated clock."""
        if not contract.last_trade_date or contract.sec_type not in _EXPIRING:
            return False
        today = self.hours.local_date(contract.hours, self._now_ns())
        return contract.last_trade_date < f"{today:%Y%m%d}"

    def find(self, query: ContractQuery) -> list[SimContract]:
        """Return all contracts that fit a description, ordered by expiry, strike and id.

        The exchange of each is the one asked for, or one row for each route where the query
        leaves the exchange open, as IB answers. Nothing found is an empty list.
        """
        if query.con_id not in self._by_id:
            self._make(query)
        if query.sec_type == "CONTFUT":
            return self._continuous(query)
        matches = [c for c in self._candidates(query) if self._fits(c, query)]
        if not (query.include_expired or query.con_id):
            # Thousands of options share a date and a venue.
            hidden = {
                key
                for key, c in {(c.last_trade_date, c.hours, c.sec_type): c for c in matches}.items()
                if self.is_expired(c)
            }
            if hidden:
                matches = [
                    c for c in matches if (c.last_trade_date, c.hours, c.sec_type) not in hidden
                ]
        matches.sort(key=lambda c: (c.last_trade_date, c.strike, c.right, c.con_id))
        return [routed for match in matches for routed in _routed(match, query)]

    def one(self, query: ContractQuery) -> SimContract:
        """Return the contract that a description names.

        Raises:
            UnknownContract: Nothing fits.
            AmbiguousContract: Several contracts fit.
        """
        found = self.find(query)
        ids = {contract.con_id for contract in found}
        if not ids:
            raise UnknownContract(_NOTHING_FOUND)
        if len(ids) > 1:
            name = query.local_symbol or query.symbol
            raise AmbiguousContract(f"The contract description specified for {name} is ambiguous.")
        return found[0]

    def agreed(self, query: ContractQuery) -> SimContract:
        """Return the contract that a description names, if all of the description is true of it.

        Raises:
            UnknownContract: Nothing fits.
            AmbiguousContract: Several contracts fit.
            RequestRefused: 478 a conId is given, and something else that contradicts it.
        """
        contract = self.one(query)
        if query.con_id:
            for name, wanted, has in _claims(contract, query):
                if wanted and wanted != has:
                    raise RequestRefused(
                        478,
                        "Parameters in request conflicts with contract parameters received by "
                        f"contract id: requested {name} {wanted}, in contract {has};",
                    )
        return contract

    def named(self, key: str) -> SimContract:
        """Return the contract that a short name means, for configuration and replay files.

        Accepted are a local symbol ("AAPL", "6EH4", "EUR.USD"), a pair in any usual spelling
        ("EUR/USD", "eurusd"), and either with a venue behind an "@" ("AAPL@NASDAQ"). Stocks win
        over other classes of the same name, US listings over others.

        Raises:
            UnknownContract: Nothing has that name.
        """
        name, _, venue = key.upper().partition("@")
        spellings = [name, name.replace("/", "."), name.replace("-", " ")]
        if len(name) == 6 and name.isalpha():
            spellings.append(f"{name[:3]}.{name[3:]}")
        for spelling in spellings:
            self._make(ContractQuery(local_symbol=spelling))
            found = [
                c
                for c in self._by_local.get(spelling, ())
                if not venue or venue in {c.exchange, c.primary_exchange}
            ]
            if found:
                return min(found, key=_preference)
        message = (
            f"symbol {key!r} names no contract of the simulated venue; give a local symbol such as "
            "AAPL, EUR.USD or 6EH4, or define the contract in `contracts`"
        )
        raise UnknownContract(message)

    def matching_symbols(self, pattern: str, limit: int = 16) -> list[SimContract]:
        """Return contracts whose symbol or name begins with a pattern, as a symbol search does."""
        wanted = pattern.upper()
        seen: set[tuple[str, str, str]] = set()
        found = []
        for contract in self._by_id.values():
            if contract.sec_type not in {"STK", "IND", "CASH", "BOND", "FUND"}:
                continue
            key = (contract.symbol, contract.sec_type, contract.primary_exchange)
            words = contract.long_name.upper()
            if key not in seen and (contract.symbol.startswith(wanted) or words.startswith(wanted)):
                seen.add(key)
                found.append(contract)
        found.sort(key=lambda c: (c.symbol != wanted, _preference(c), c.symbol))
        return found[:limit]

    def derivative_types(self, contract: SimContract) -> list[str]:
        """Return the classes of derivatives that exist on an underlying."""
        symbol = contract.symbol.upper()
        classes = {c.sec_type for c in self._by_symbol.get(symbol, ())}
        for kinds in self._kinds:
            classes |= kinds(symbol)
        return sorted(classes & {"CFD", "OPT", "WAR", "FUT", "FOP"})

    def _make(self, query: ContractQuery) -> None:
        for expand in self._expand:
            expand(query)

    def _candidates(self, query: ContractQuery) -> list[SimContract]:
        if query.con_id:
            contract = self._by_id.get(query.con_id)
            return [contract] if contract is not None else []
        if query.sec_id_type == "ISIN":
            return list(self._by_isin.get(query.sec_id, ()))
        if query.sec_id_type == "CUSIP":
            return list(self._by_cusip.get(query.sec_id, ()))
        if query.local_symbol:
            return list(self._by_local.get(query.local_symbol.upper(), ()))
        if query.symbol:
            return self._of_symbol(query)
        if query.trading_class:
            return list(self._by_class.get(query.trading_class, ()))
        return []

    def _of_symbol(self, query: ContractQuery) -> list[SimContract]:
        symbol, date = query.symbol.upper(), query.last_trade_date.partition(" ")[0]
        if symbol not in self._by_symbol:
            # A bond may be asked for by writing its CUSIP into the symbol.
            return list(self._by_cusip.get(query.symbol, ()))
        if len(date) == _WHOLE_DATE:
            return list(self._by_date.get((symbol, date), ()))
        if query.sec_type:
            return list(self._by_type.get((symbol, query.sec_type), ()))
        return list(self._by_symbol[symbol])

    @staticmethod
    def _fits(contract: SimContract, query: ContractQuery) -> bool:
        # A conId is decisive; the exchange only says where it is to be routed.
        if query.con_id:
            return True
        return (
            (not query.sec_type or contract.sec_type == query.sec_type)
            and (not query.trading_class or contract.trading_class == query.trading_class)
            and (not query.right or contract.right == query.right[:1].upper())
            and (not query.strike or contract.strike == query.strike)
            and (not query.currency or contract.currency == query.currency)
            and (not query.exchange or query.exchange in contract.routes)
            and (not query.last_trade_date or _expires(contract, query.last_trade_date))
            and (not query.multiplier or _same_number(contract.multiplier, query.multiplier))
            and (not query.local_symbol or contract.local_symbol == query.local_symbol.upper())
            and (
                not query.primary_exchange
                or query.primary_exchange in {contract.primary_exchange, contract.exchange}
            )
        )

    def _continuous(self, query: ContractQuery) -> list[SimContract]:
        if query.con_id:
            contract = self._by_id.get(query.con_id)
            chain = [contract] if contract is not None else []
        else:
            plain = msgspec.structs.replace(
                query, sec_type="FUT", last_trade_date="", local_symbol="", include_expired=False
            )
            chain = self.find(plain)
        fronts: dict[tuple[str, str], SimContract] = {}
        for contract in chain:
            fronts.setdefault((contract.trading_class, contract.exchange), contract)
        return [msgspec.structs.replace(c, sec_type="CONTFUT") for c in fronts.values()]


def _routed(contract: SimContract, query: ContractQuery) -> list[SimContract]:
    if query.exchange:
        wanted: tuple[str, ...] = (query.exchange,)
    elif query.con_id or contract.sec_type not in {"STK", "OPT"}:
        wanted = (contract.exchange,)
    else:
        wanted = contract.routes
    return [
        contract
        if route == contract.exchange
        else msgspec.structs.replace(contract, exchange=route)
        for route in wanted
        if route in contract.routes
    ]


def _claims(contract: SimContract, query: ContractQuery) -> list[tuple[str, str, str]]:
    """Return name, wanted and true value of what a description says beside its conId."""
    claims = [
        ("symbol", query.symbol.upper(), contract.symbol.upper()),
        ("secType", query.sec_type, contract.sec_type),
        ("currency", query.currency, contract.currency),
        ("localSymbol", query.local_symbol.upper(), contract.local_symbol.upper()),
    ]
    if query.right[:1] in {"C", "P"}:
        claims.append(("right", query.right[:1], contract.right))
    if query.strike and query.strike != contract.strike:
        claims.append(("strike", f"{query.strike:f}", f"{contract.strike:f}"))
    date = query.last_trade_date.partition(" ")[0]
    if date and contract.last_trade_date and not _expires(contract, date):
        claims.append(("expiry", date, contract.last_trade_date))
    return claims


def _preference(contract: SimContract) -> tuple[int, int, int]:
    order = ("STK", "CASH", "FUT", "IND", "CRYPTO", "OPT")
    rank = order.index(contract.sec_type) if contract.sec_type in order else len(order)
    return rank, contract.currency != "USD", contract.con_id


def _expires(contract: SimContract, wanted: str) -> bool:
    wanted = wanted.partition(" ")[0]
    if len(wanted) == _WHOLE_DATE:
        return contract.last_trade_date == wanted
    return contract.contract_month.startswith(wanted)


def _same_number(left: str, right: str) -> bool:
    if left == right:
        return True
    try:
        return Decimal(left or "1") == Decimal(right or "1")
    except InvalidOperation:
        return False
