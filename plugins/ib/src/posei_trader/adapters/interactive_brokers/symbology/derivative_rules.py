"""How options and futures are spelt and read.

IB spells the same kind of contract differently by exchange and by age: ``ESM4``, ``ZC   MAR 24``,
``FESX 20240621 M``, ``NIFTY24JUNFUT``. Ids use the code form where a symbol has one and fields
otherwise; reading gives what IB most likely understands first, and the alternatives after it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.symbology import option_codes as options
from posei_trader.adapters.interactive_brokers.symbology.contract_parts import (
    date_of,
    missing,
    required_symbol,
)
from posei_trader.adapters.interactive_brokers.symbology.exchanges import EXCHANGES
from posei_trader.adapters.interactive_brokers.symbology.futures_codes import (
    code_of_named_month,
    is_code_form,
    parse_futures_symbol,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Iterator

    from posei_trader.adapters.interactive_brokers.symbology.futures_codes import FuturesSymbol

_DATED_FUTURE: Final = re.compile(r"(\S+)(?: (\S+))? ([0-9]{8})")
_EUREX_FUTURE: Final = re.compile(r"([A-Z0-9]{1,6}) +([0-9]{8}) ([A-Z])")
_FUTURES_OPTION: Final = re.compile(
    r"([A-Z0-9]{1,6}[FGHJKMNQUVXZ][0-9]{1,2}) ([CP])([0-9]{1,7}(?:\.[0-9]+)?)"
)
_CONTINUOUS: Final = re.compile(r"[A-Z0-9][A-Z0-9.&_-]*")
_LONE_LETTER_ROOT: Final = 1
_SHORTEST_OPTION: Final = 12

# -- options --


def spell_option(contract: IBContract) -> str:
    """Return the local symbol without spaces, or EUREX's and our long forms."""
    local = contract.localSymbol.strip()
    if local:
        if occ := options.compact_occ(local):
            return occ
        if options.is_eurex_long(local):
            return local
    terms = _terms(contract)
    if not local and not _is_abroad(contract.exchange):
        root = contract.tradingClass or contract.symbol
        if occ := options.make_occ(root, terms.expiry, terms.right, terms.strike):
            return occ
    return options.spell_terms(terms)


def spell_raw_option(contract: IBContract) -> str:
    """Return the local symbol as IB spells it, made from the fields where it is missing."""
    if contract.localSymbol:
        return contract.localSymbol.strip()
    spelt = spell_option(contract)
    return options.padded_occ(spelt) or spelt


def _is_abroad(exchange: str) -> bool:
    """Return whether OCC symbols are unknown there: US options exchanges have no futures."""
    return exchange not in {"", "SMART"} and (exchange not in EXCHANGES or _lists(exchange, "FUT"))


def _lists(exchange: str, sec_type: str) -> bool:
    return exchange in EXCHANGES and sec_type in EXCHANGES[exchange].sec_types


def _terms(contract: IBContract) -> options.OptionTerms:
    expiry, right = date_of(contract), contract.right[:1].upper()
    if not expiry or right not in {"C", "P"} or contract.strike is None:
        raise missing(contract, "localSymbol, or expiry, strike and right,")
    symbol = required_symbol(contract).replace(" ", "")
    return options.OptionTerms(symbol, contract.tradingClass, expiry, right, contract.strike)


def read_option(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read an option: OCC padded or not, EUREX's long form, or ours."""
    if len(symbol) < _SHORTEST_OPTION:
        return ()
    listed = exchange not in EXCHANGES or _lists(exchange, "OPT")
    if occ := options.padded_occ(symbol):
        where = exchange if listed else "SMART"
        return (IBContract(secType="OPT", exchange=where, localSymbol=occ),)
    if not listed:
        return ()
    if terms := options.parse_terms(symbol):
        return (_of_terms("OPT", terms, exchange),)
    if long_form := options.spell_eurex_long(symbol):
        return (IBContract(secType="OPT", exchange=exchange, localSymbol=long_form),)
    return ()


def _of_terms(sec_type: str, terms: options.OptionTerms, exchange: str) -> IBContract:
    return IBContract(
        secType=sec_type,
        symbol=terms.symbol,
        tradingClass=terms.trading_class,
        lastTradeDateOrContractMonth=terms.expiry,
        right=terms.right,
        strike=terms.strike,
        exchange=exchange,
    )


# -- futures --


def spell_future(contract: IBContract) -> str:
    """Return the code form with IB's one-digit year; symbol, class and date where there is none."""
    local = contract.localSymbol.strip()
    if is_code_form(local):
        return local
    if code := code_of_named_month(local):
        return code
    if not contract.symbol and _EUREX_FUTURE.fullmatch(local):
        return local
    date = date_of(contract)
    if not date or not contract.symbol:
        raise missing(contract, "localSymbol, or symbol and lastTradeDateOrContractMonth,")
    names = f"{contract.symbol} {contract.tradingClass}".strip()
    return f"{names} {date}"


def spell_raw_future(contract: IBContract) -> str:
    """Return the local symbol as IB spells it, made from the fields where it is missing."""
    return contract.localSymbol.strip() or spell_future(contract)


def read_future(symbol: str, exchange: str, today: Callable[[], dt.date]) -> Iterable[IBContract]:
    """Read a future: by code, by named month, or by symbol, class and date."""
    if " " in symbol:
        if match := _DATED_FUTURE.fullmatch(symbol):
            return _read_dated_future(match, exchange)
        if _EUREX_FUTURE.fullmatch(symbol):
            return (IBContract(secType="FUT", exchange=exchange, localSymbol=symbol),)
    date = today()
    spelt = parse_futures_symbol(symbol, date)
    if spelt is None or (len(spelt.root) == _LONE_LETTER_ROOT and _lists(exchange, "STK")):
        # BN4.SGX and its like are shares; futures with one letter trade elsewhere.
        return ()
    return _read_month(spelt, exchange, date)


def read_raw_derivative(sec_type: str, symbol: str, exchange: str) -> IBContract | None:
    """Read our own long forms, which name a contract by its fields; None for anything else."""
    if sec_type == "FUT":
        match = _DATED_FUTURE.fullmatch(symbol)
        return None if match is None else _read_dated_future(match, exchange)[0]
    terms = options.parse_terms(symbol)
    return None if terms is None else _of_terms(sec_type, terms, exchange)


def _read_month(spelt: FuturesSymbol, exchange: str, today: dt.date) -> Iterator[IBContract]:
    named = spelt.year_digits == 1 or spelt.is_named_by_code(today)
    if named:
        yield IBContract(secType="FUT", exchange=exchange, localSymbol=spelt.code)
    month, past = spelt.contract_month, spelt.is_past(today)
    if not named:
        # The one-digit spelling means another decade today: IB has to be told the month too.
        yield IBContract(
            secType="FUT",
            exchange=exchange,
            localSymbol=spelt.code,
            lastTradeDateOrContractMonth=month,
            includeExpired=past,
        )
    yield IBContract(
        secType="FUT",
        exchange=exchange,
        tradingClass=spelt.root,
        lastTradeDateOrContractMonth=month,
        includeExpired=past,
    )


def _read_dated_future(match: re.Match[str], exchange: str) -> tuple[IBContract, ...]:
    name, trading_class, date = match.groups()

    def dated(**names: str) -> IBContract:
        fields = {"secType": "FUT", "exchange": exchange, "lastTradeDateOrContractMonth": date}
        return IBContract.from_mapping({**fields, **names})

    if trading_class:
        return (dated(symbol=name, tradingClass=trading_class),)
    return dated(symbol=name), dated(tradingClass=name)


# -- options on futures --


def spell_futures_option(contract: IBContract) -> str:
    """Return ``{code} {right}{strike}``; symbol, class, expiry, right and strike otherwise.

    Where options on shares trade too, the long form has to say which of them it means.
    """
    local = contract.localSymbol.strip()
    if _FUTURES_OPTION.fullmatch(local):
        return local
    spelt = options.spell_terms(_terms(contract))
    return f"{spelt}=FOP" if _lists(contract.exchange, "OPT") else spelt


def spell_raw_futures_option(contract: IBContract) -> str:
    """Return the local symbol as IB spells it, made from the fields where it is missing."""
    return contract.localSymbol.strip() or options.spell_terms(_terms(contract))


def read_futures_option(
    symbol: str, exchange: str, today: Callable[[], dt.date]
) -> tuple[IBContract, ...]:
    """Read an option on a future: by code or by fields."""
    if " " not in symbol:
        return ()
    if match := _FUTURES_OPTION.fullmatch(symbol):
        code, right, strike = match.groups()
        spelt = parse_futures_symbol(code, today())
        if spelt is None:
            return ()
        named = spelt.year_digits == 1 or spelt.is_named_by_code(today())
        option = IBContract(
            secType="FOP",
            exchange=exchange,
            localSymbol=f"{spelt.code} {right}{strike}",
            lastTradeDateOrContractMonth="" if named else spelt.contract_month,
        )
        return (option,)
    if terms := options.parse_terms(symbol):
        return (_of_terms("FOP", terms, exchange),)
    return ()


# -- continuous futures --


def spell_continuous(contract: IBContract) -> str:
    """Return the symbol of the family: the local symbol changes with every roll."""
    return required_symbol(contract)


def read_continuous(symbol: str, exchange: str, _: Callable[[], dt.date]) -> tuple[IBContract, ...]:
    """Read a futures family."""
    if not _CONTINUOUS.fullmatch(symbol):
        return ()
    return (IBContract(secType="CONTFUT", exchange=exchange, symbol=symbol),)
