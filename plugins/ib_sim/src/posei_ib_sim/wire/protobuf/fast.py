"""Filling the records that answers hold by the thousand, without a loop over their fields."""

from collections.abc import Callable
from typing import Protocol, cast

from google.protobuf.message import Message

from posei_ib_sim.wire.messages import Contract, HistoricalDataBar, Record
from posei_ib_sim.wire.text.values import write_decimal

FastFill = Callable[[Record, Message], bool]


class _BarMessage(Protocol):
    """The protobuf form of a bar: quantities are texts."""

    date: str
    open: float
    high: float
    low: float
    close: float
    volume: str
    WAP: str
    barCount: int


def _fill_bar(record: Record, message: Message) -> bool:
    """Fill a bar in which everything is set; return whether that was so, else nothing is done."""
    bar = cast("HistoricalDataBar", record)
    date, first, high, low, close = bar.date, bar.open, bar.high, bar.low, bar.close
    count = bar.barCount
    if first is None or high is None or low is None or close is None or count is None or not date:
        return False
    total = first + high + low + close
    if total - total != 0.0:  # NaN and infinity are for the plans to judge
        return False
    target = cast("_BarMessage", message)
    try:
        target.volume = write_decimal(bar.volume)
        target.WAP = write_decimal(bar.WAP)
        target.date = date
        target.open = first
        target.high = high
        target.low = low
        target.close = close
        target.barCount = count
    except (ValueError, TypeError):
        message.Clear()
        return False  # the plans find the same fault and name the field
    return True


class _ContractMessage(Protocol):
    """The protobuf form of a contract."""

    conId: int
    symbol: str
    secType: str
    lastTradeDateOrContractMonth: str
    strike: float
    right: str
    multiplier: float
    exchange: str
    primaryExch: str
    currency: str
    localSymbol: str
    tradingClass: str
    lastTradeDate: str


def _fill_contract(record: Record, message: Message) -> bool:
    """Fill an option as a contract details answer has it; any other is left to the plans."""
    contract = cast("Contract", record)
    con_id, strike, multiplier = contract.conId, contract.strike, contract.multiplier
    if con_id is None or strike is None or multiplier is None or not contract.right:
        return False
    if strike - strike != 0.0 or multiplier - multiplier != 0.0 or _has_more(contract):
        return False
    target = cast("_ContractMessage", message)
    try:
        target.conId = con_id
        target.symbol = contract.symbol
        target.secType = contract.secType
        target.lastTradeDateOrContractMonth = contract.lastTradeDateOrContractMonth
        target.strike = strike
        target.right = contract.right
        target.multiplier = multiplier
        target.exchange = contract.exchange
        target.currency = contract.currency
        target.localSymbol = contract.localSymbol
        target.tradingClass = contract.tradingClass
        if contract.primaryExch:
            target.primaryExch = contract.primaryExch
        if contract.lastTradeDate:
            target.lastTradeDate = contract.lastTradeDate
    except (ValueError, TypeError):
        message.Clear()
        return False
    return True


def _has_more(contract: Contract) -> bool:
    """Tell whether a contract has an empty text that must not travel, or what options have not."""
    return bool(
        not contract.symbol
        or not contract.secType
        or not contract.lastTradeDateOrContractMonth
        or not contract.exchange
        or not contract.currency
        or not contract.localSymbol
        or not contract.tradingClass
        or contract.secIdType
        or contract.secId
        or contract.description
        or contract.issuerId
        or contract.deltaNeutralContract
        or contract.includeExpired
        or contract.comboLegsDescrip
        or contract.comboLegs
    )


FAST_FILLS: dict[type[Record], FastFill] = {
    Contract: _fill_contract,
    HistoricalDataBar: _fill_bar,
}
"""What fills a record faster than the plans; where it returns False, the plans do."""
