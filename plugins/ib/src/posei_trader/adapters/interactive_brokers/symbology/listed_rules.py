"""How everything but derivatives is spelt and read: stocks, indices, pairs, CFDs, bonds, funds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.symbology.contract_parts import (
    date_of,
    local_or_symbol,
    missing,
    required_symbol,
)
from posei_trader.adapters.interactive_brokers.symbology.security_ids import security_id_type

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

_PAIR: Final = re.compile(r"([A-Z]{3})/([A-Z]{3})")
_CRYPTO_PAIR: Final = re.compile(r"([A-Z0-9]{1,12})/([A-Z]{3,5})")
_LOCAL_PAIR: Final = re.compile(r"([A-Z0-9]{1,12})\.([A-Z]{3,5})")
_FORWARD: Final = re.compile(r"([A-Z]{3})/([A-Z]{3}) ([0-9]{8})")
_NO_STOCK: Final = re.compile(r"[\^=/]|_{3}")
_IB_BOND_PREFIX: Final = "IB"

# -- exchanges --


def own_exchange(contract: IBContract) -> str:
    """Return `exchange`, or the primary one where smart routing hides it."""
    if contract.exchange in {"", "SMART"} and contract.primaryExchange:
        return contract.primaryExchange
    return contract.exchange


def own_or_smart(contract: IBContract) -> str:
    """Return `exchange`, smart routing where none is given."""
    return contract.exchange or "SMART"


def listing_exchange(contract: IBContract) -> str:
    """Return where shares are listed; SMART is a way there, not a listing."""
    if contract.primaryExchange and contract.primaryExchange != "SMART":
        return contract.primaryExchange
    return contract.exchange or "SMART"


# -- stocks and funds --


def spell_local(contract: IBContract) -> str:
    """Return the local symbol as IB spells it."""
    return local_or_symbol(contract)


def spell_stock(contract: IBContract) -> str:
    """Return the local symbol with hyphens for spaces; a hyphen of IB's own is doubled."""
    name = local_or_symbol(contract)
    if "-" in name:
        name = name.replace("-", "--")
    if "  " in name or _NO_STOCK.search(name):
        # Spaces in a row would read back as a hyphen; the other signs mark other classes.
        return spell_explicit(contract)
    return name.replace(" ", "-")


def _local_of(symbol: str) -> str:
    if "-" not in symbol:
        return symbol
    return " ".join("-".join(part.split("\0")) for part in symbol.replace("--", "\0").split("-"))


def read_stock(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a stock of a primary exchange, routed smart."""
    if _NO_STOCK.search(symbol):
        return ()
    primary = "" if exchange == "SMART" else exchange
    local = _local_of(symbol)
    return (
        IBContract(secType="STK", exchange="SMART", primaryExchange=primary, localSymbol=local),
    )


def read_fund(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a fund."""
    if _NO_STOCK.search(symbol):
        return ()
    return (IBContract(secType="FUND", exchange=exchange, localSymbol=_local_of(symbol)),)


# -- indices --


def spell_index(contract: IBContract) -> str:
    """Return the local symbol behind a circumflex."""
    return f"^{local_or_symbol(contract)}"


def read_index(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read an index."""
    if not symbol.startswith("^") or len(symbol) == 1:
        return ()
    return (IBContract(secType="IND", exchange=exchange, localSymbol=symbol[1:]),)


# -- pairs --


def _parts_of_pair(contract: IBContract) -> tuple[str, str]:
    if contract.symbol and contract.currency:
        return contract.symbol, contract.currency
    if match := _LOCAL_PAIR.fullmatch(contract.localSymbol):
        return match[1], match[2]
    raise missing(contract, "symbol and currency")


def spell_pair(contract: IBContract) -> str:
    """Return both currencies with a slash."""
    base, quote = _parts_of_pair(contract)
    return f"{base}/{quote}"


def spell_raw_pair(contract: IBContract) -> str:
    """Return both currencies with a dot, as IB's local symbol has them."""
    return contract.localSymbol or ".".join(_parts_of_pair(contract))


def _pair(sec_type: str, base: str, quote: str, exchange: str) -> IBContract:
    return IBContract(
        secType=sec_type,
        symbol=base,
        currency=quote,
        exchange=exchange,
        localSymbol=f"{base}.{quote}",
    )


def read_forex(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a spot currency pair."""
    match = _PAIR.fullmatch(symbol)
    return () if match is None else (_pair("CASH", match[1], match[2], exchange),)


def read_crypto(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a crypto currency against money."""
    match = _CRYPTO_PAIR.fullmatch(symbol)
    return () if match is None else (_pair("CRYPTO", match[1], match[2], exchange),)


def spell_forward(contract: IBContract) -> str:
    """Return both currencies and the value date."""
    date = date_of(contract)
    if not date:
        raise missing(contract, "lastTradeDateOrContractMonth")
    return f"{spell_pair(contract)} {date}"


def read_forward(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a currency pair for a later day."""
    forward = forward_of(symbol, exchange)
    return () if forward is None else (forward,)


def forward_of(symbol: str, exchange: str) -> IBContract | None:
    """Return the contract of a pair with a value date, None when the text is none."""
    match = _FORWARD.fullmatch(symbol)
    if match is None:
        return None
    base, quote, date = match.groups()
    return IBContract(
        secType="FWD",
        symbol=base,
        currency=quote,
        exchange=exchange,
        lastTradeDateOrContractMonth=date,
    )


# -- CFDs and commodities --


def spell_cfd(contract: IBContract) -> str:
    """Return a pair with a slash, everything else by its symbol."""
    if match := _LOCAL_PAIR.fullmatch(contract.localSymbol):
        return f"{match[1]}/{match[2]}"
    return required_symbol(contract).replace("-", "--").replace(" ", "-")


def read_cfd(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a CFD; its venue is IB itself, its orders are routed smart."""
    if exchange != "IBCFD":
        return ()
    if match := _PAIR.fullmatch(symbol):
        return (_pair("CFD", match[1], match[2], "SMART"),)
    if _NO_STOCK.search(symbol):
        return ()
    return (IBContract(secType="CFD", exchange="SMART", symbol=_local_of(symbol)),)


def spell_commodity(contract: IBContract) -> str:
    """Return the symbol."""
    return required_symbol(contract).replace("-", "--").replace(" ", "-")


def read_commodity(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a physical commodity."""
    if exchange != "IBCMDTY" or _NO_STOCK.search(symbol):
        return ()
    return (IBContract(secType="CMDTY", exchange="SMART", symbol=_local_of(symbol)),)


# -- bonds --


def spell_bond(contract: IBContract) -> str:
    """Return the bond's CUSIP or ISIN: its symbol is that of the issuer."""
    number = _bond_number(contract)
    if not number:
        raise missing(contract, "secIdType and secId (CUSIP or ISIN)")
    return number


def spell_raw_bond(contract: IBContract) -> str:
    """Return the bond's CUSIP or ISIN, its local symbol where neither is known."""
    return _bond_number(contract) or local_or_symbol(contract)


def _bond_number(contract: IBContract) -> str:
    if contract.secId and contract.secIdType in {"CUSIP", "ISIN"}:
        return contract.secId
    local = contract.localSymbol
    for text in (local, local.removeprefix(_IB_BOND_PREFIX), contract.symbol):
        if security_id_type(text):
            return text
    return ""


def read_bond(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a CUSIP or an ISIN."""
    kind = security_id_type(symbol)
    if kind is None:
        return ()
    return (IBContract(secType="BOND", exchange=exchange, secIdType=kind, secId=symbol),)


# -- what has no form of its own --


def spell_explicit(contract: IBContract) -> str:
    """Return the raw form, which names the type: its symbols look like those of stocks."""
    return f"{local_or_symbol(contract)}={contract.secType}"


def read_nothing(*_: object) -> tuple[IBContract, ...]:
    """Read nothing: the form is read before any rule is asked."""
    return ()
