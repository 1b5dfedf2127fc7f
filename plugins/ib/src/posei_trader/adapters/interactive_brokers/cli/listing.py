"""How contracts and chains are shown."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Self

import msgspec

from posei_trader.adapters.interactive_brokers.contract_types import IBContract, IBContractDetails
from posei_trader.adapters.interactive_brokers.instruments.raw_details import contract_of
from posei_trader.adapters.interactive_brokers.instruments.resolver import named_contract
from posei_trader.adapters.interactive_brokers.symbology import RawSymbology, SimplifiedSymbology
from posei_trader.cli.text import table
from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from posei_trader.model.instruments import OptionContract

__all__ = ["Match", "chain_summary", "match_block"]

_PASTED = (
    "secType",
    "symbol",
    "exchange",
    "primaryExchange",
    "currency",
    "lastTradeDateOrContractMonth",
    "strike",
    "right",
    "tradingClass",
    "secIdType",
    "secId",
)
_DATED = frozenset({"OPT", "FOP", "FUT", "WAR", "IOPT", "FWD"})
_STRUCK = frozenset({"OPT", "FOP", "WAR", "IOPT"})
_ONLY_FOR = {"lastTradeDateOrContractMonth": _DATED, "strike": _STRUCK, "right": _STRUCK}
_EXCHANGES_SHOWN = 6


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A contract and everything it is called.

    Attributes:
        simplified: Its id in the simplified method; the reason, where it has none.
        mic: The same with MIC conversion.
        raw: Its id in the raw method.
        contract: What to paste.
        min_tick: Smallest price step, in the unit that IB quotes.
        exchanges: Where orders can go.
        derivatives: IB's types of what can be traded on it, as far as the search tells.
    """

    con_id: int
    name: str
    simplified: str
    mic: str
    raw: str
    contract: IBContract
    min_tick: float
    exchanges: tuple[str, ...]
    derivatives: tuple[str, ...]

    @classmethod
    def of(cls, details: IBContractDetails, derivatives: tuple[str, ...] = ()) -> Self:
        """Name a contract in every way."""
        contract = named_contract(details)
        return cls(
            con_id=contract.conId,
            name=details.longName,
            simplified=_named(SimplifiedSymbology(), contract),
            mic=_named(SimplifiedSymbology(convert_exchange_to_mic_venue=True), contract),
            raw=_named(RawSymbology(), contract),
            contract=_to_paste(contract),
            min_tick=details.minTick,
            exchanges=tuple(filter(None, details.validExchanges.split(","))),
            derivatives=derivatives,
        )

    def as_data(self) -> dict[str, object]:
        """Return plain data for scripts."""
        data: dict[str, object] = msgspec.to_builtins(self)
        return data


def _named(symbology: SimplifiedSymbology | RawSymbology, contract: IBContract) -> str:
    try:
        return str(symbology.to_instrument_id(contract))
    except InvalidRequest as error:
        return f"none: {error.message}"


def _to_paste(contract: IBContract) -> IBContract:
    """Return what names the contract, without what IB adds for its own use."""
    kind = contract.secType
    return IBContract.from_mapping(
        {
            name: getattr(contract, name)
            for name in _PASTED
            if name not in _ONLY_FOR or kind in _ONLY_FOR[name]
        }
    )


def match_block(match: Match) -> str:
    """Return a match as lines for people."""
    contract = match.contract
    lines = (
        ("simplified", match.simplified),
        ("with MIC", match.mic),
        ("raw", match.raw),
        ("contract", str(contract)),
        ("trades", _trading(match)),
    )
    head = f"{match.name or contract.symbol}  ({contract.secType}, conId {match.con_id})"
    return "\n".join([head, *(f"  {label:<11} {text}" for label, text in lines)])


def _trading(match: Match) -> str:
    parts = [f"tick {match.min_tick:g}"] if match.min_tick else []
    if match.exchanges:
        more = len(match.exchanges) - _EXCHANGES_SHOWN
        shown = ", ".join(match.exchanges[:_EXCHANGES_SHOWN])
        parts.append(f"at {shown}{f' and {more} more' if more > 0 else ''}")
    if match.derivatives:
        parts.append(f"has {', '.join(match.derivatives)}")
    return "; ".join(parts) or "not said by IB"


def chain_summary(options: Iterable[OptionContract]) -> str:
    """Return a table of classes and expiries with the strikes that they have."""
    groups: dict[tuple[str, str], list[OptionContract]] = defaultdict(list)
    for option in options:
        expiry = contract_of(option).lastTradeDateOrContractMonth
        groups[expiry, option.trading_class].append(option)
    rows = [
        (
            expiry,
            trading_class,
            str(len(group)),
            str(min(option.strike_price for option in group)),
            str(max(option.strike_price for option in group)),
        )
        for (expiry, trading_class), group in sorted(groups.items())
    ]
    total = sum(len(group) for group in groups.values())
    shown = table(("expiry", "class", "options", "lowest strike", "highest strike"), rows)
    return f"{shown}\n{total:,} options in {len(groups)} series"
