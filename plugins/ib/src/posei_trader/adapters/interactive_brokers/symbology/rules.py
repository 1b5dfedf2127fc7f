"""The symbology table: one row for each asset class, both directions from the same row.

A row says where its contracts are listed, how their symbol is spelt in the simplified and in the
raw method, and how a simplified symbol is read. The functions behind the rows are in
:mod:`.listed_rules` and :mod:`.derivative_rules`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.symbology import derivative_rules as derivatives
from posei_trader.adapters.interactive_brokers.symbology import listed_rules as listed

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping

    from posei_trader.adapters.interactive_brokers.contract_types import IBContract

__all__ = ["RULES", "RULE_OF_TYPE", "Rule", "Today"]

Today = Callable[[], "dt.date"]
"""Asks for the date to which one-digit years are relative."""

Spell = Callable[["IBContract"], str]
Read = Callable[[str, str, Today], "Iterable[IBContract]"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One asset class.

    Attributes:
        name: How errors call it.
        sec_types: IB's types; the first is the one that an id is read as.
        form: How the symbol is spelt, for people.
        exchange: Where a contract is listed: what the venue is made from; empty means unknown.
        simplified: Spells the symbol; raises when the contract says too little.
        raw: Spells the symbol in the raw method.
        read: Reads a symbol at an exchange; several answers are tried in order, none means that
            the symbol has another form.
        overridable: Whether `symbol_to_mic_venue` and MIC conversion apply.
    """

    name: str
    sec_types: tuple[str, ...]
    form: str
    exchange: Spell
    simplified: Spell
    raw: Spell
    read: Read
    overridable: bool = True


RULES: Final = (
    Rule(
        name="forex",
        sec_types=("CASH",),
        form="{symbol}/{currency}.{exchange}",
        exchange=listed.own_exchange,
        simplified=listed.spell_pair,
        raw=listed.spell_raw_pair,
        read=listed.read_forex,
    ),
    Rule(
        name="forex forward",
        sec_types=("FWD",),
        form="{symbol}/{currency} {YYYYMMDD}.{exchange}",
        exchange=listed.own_exchange,
        simplified=listed.spell_forward,
        raw=listed.spell_forward,
        read=listed.read_forward,
    ),
    Rule(
        name="crypto",
        sec_types=("CRYPTO",),
        form="{symbol}/{currency}.{exchange}",
        exchange=listed.own_exchange,
        simplified=listed.spell_pair,
        raw=listed.spell_raw_pair,
        read=listed.read_crypto,
    ),
    Rule(
        name="CFD",
        sec_types=("CFD",),
        form="{symbol}.IBCFD, or {symbol}/{currency}.IBCFD for pairs",
        exchange=lambda _: "IBCFD",
        simplified=listed.spell_cfd,
        raw=listed.spell_local,
        read=listed.read_cfd,
        overridable=False,
    ),
    Rule(
        name="commodity",
        sec_types=("CMDTY",),
        form="{symbol}.IBCMDTY",
        exchange=lambda _: "IBCMDTY",
        simplified=listed.spell_commodity,
        raw=listed.spell_local,
        read=listed.read_commodity,
        overridable=False,
    ),
    Rule(
        name="fund",
        sec_types=("FUND",),
        form="{localSymbol}.{exchange}, spaces as hyphens",
        exchange=listed.own_exchange,
        simplified=listed.spell_stock,
        raw=listed.spell_local,
        read=listed.read_fund,
    ),
    Rule(
        name="index",
        sec_types=("IND",),
        form="^{localSymbol}.{exchange}",
        exchange=listed.own_exchange,
        simplified=listed.spell_index,
        raw=listed.spell_local,
        read=listed.read_index,
    ),
    Rule(
        name="option",
        sec_types=("OPT",),
        form="{localSymbol}.{exchange}, without spaces",
        exchange=listed.own_or_smart,
        simplified=derivatives.spell_option,
        raw=derivatives.spell_raw_option,
        read=derivatives.read_option,
    ),
    Rule(
        name="bond",
        sec_types=("BOND",),
        form="{CUSIP or ISIN}.{exchange}",
        exchange=listed.own_or_smart,
        simplified=listed.spell_bond,
        raw=listed.spell_raw_bond,
        read=listed.read_bond,
    ),
    Rule(
        name="future",
        sec_types=("FUT",),
        form="{localSymbol}.{exchange}, as ESM4, ESM24 or ESTX50 FESX 20240621",
        exchange=listed.own_exchange,
        simplified=derivatives.spell_future,
        raw=derivatives.spell_raw_future,
        read=derivatives.read_future,
    ),
    Rule(
        name="futures option",
        sec_types=("FOP",),
        form="{localSymbol}.{exchange}, as ESM4 C4200",
        exchange=listed.own_exchange,
        simplified=derivatives.spell_futures_option,
        raw=derivatives.spell_raw_futures_option,
        read=derivatives.read_futures_option,
    ),
    Rule(
        name="warrant",
        sec_types=("WAR", "IOPT"),
        form="{localSymbol}={secType}.{exchange}",
        exchange=listed.listing_exchange,
        simplified=listed.spell_explicit,
        raw=listed.spell_local,
        read=listed.read_nothing,
    ),
    Rule(
        name="stock",
        sec_types=("STK",),
        form="{localSymbol}.{primaryExchange}, spaces as hyphens",
        exchange=listed.listing_exchange,
        simplified=listed.spell_stock,
        raw=listed.spell_local,
        read=listed.read_stock,
    ),
    Rule(
        name="continuous future",
        sec_types=("CONTFUT",),
        form="{symbol}.{exchange}",
        exchange=listed.own_exchange,
        simplified=derivatives.spell_continuous,
        raw=derivatives.spell_continuous,
        read=derivatives.read_continuous,
    ),
)
"""Every asset class, in the order in which an id is tried: the most telling form first."""

RULE_OF_TYPE: Final[Mapping[str, Rule]] = {
    sec_type: rule for rule in RULES for sec_type in rule.sec_types
}
"""The row of each of IB's security types."""
