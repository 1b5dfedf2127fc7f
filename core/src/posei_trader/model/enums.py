"""Enumerations of the trading model. Each parses from its name: ``OrderSide["BUY"]``."""

from __future__ import annotations

from enum import IntEnum, IntFlag, StrEnum, unique


@unique
class AssetClass(StrEnum):
    """What an instrument's value derives from."""

    FX = "FX"
    EQUITY = "EQUITY"
    COMMODITY = "COMMODITY"
    DEBT = "DEBT"
    INDEX = "INDEX"
    CRYPTOCURRENCY = "CRYPTOCURRENCY"
    ALTERNATIVE = "ALTERNATIVE"


@unique
class OptionKind(StrEnum):
    """The right that an option gives."""

    CALL = "CALL"
    PUT = "PUT"


@unique
class OrderSide(StrEnum):
    """The side of an order or of a fill."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """Return +1 for BUY and -1 for SELL."""
        return 1 if self is OrderSide.BUY else -1

    @property
    def opposite(self) -> OrderSide:
        """Return the other side."""
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


@unique
class PositionSide(StrEnum):
    """The side of a position."""

    FLAT = "FLAT"
    LONG = "LONG"
    SHORT = "SHORT"


@unique
class AggressorSide(IntEnum):
    """Who crossed the spread in a trade."""

    NO_AGGRESSOR = 0
    BUYER = 1
    SELLER = 2


@unique
class TradeFlag(IntFlag):
    """Marks on a trade tick."""

    NONE = 0
    AGGRESSOR_INFERRED = 1
    """The aggressor was inferred from the prevailing quote, the venue did not say it."""
    UNREPORTED = 2
    """Outside the tape's last price and volume: odd lots, averages, late prints."""
    PAST_LIMIT = 4
    """Outside the venue's price limits, or a halt."""
    BACKFILLED = 8
    """Fetched after a gap, not seen when it happened."""


@unique
class OrderType(StrEnum):
    """How an order is to be priced and triggered."""

    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP_MARKET = "STOP_MARKET"
    STOP_LIMIT = "STOP_LIMIT"
    MARKET_TO_LIMIT = "MARKET_TO_LIMIT"
    MARKET_IF_TOUCHED = "MARKET_IF_TOUCHED"
    LIMIT_IF_TOUCHED = "LIMIT_IF_TOUCHED"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"
    TRAILING_STOP_LIMIT = "TRAILING_STOP_LIMIT"


@unique
class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "DAY"
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTD = "GTD"
    AT_THE_OPEN = "AT_THE_OPEN"
    AT_THE_CLOSE = "AT_THE_CLOSE"


@unique
class TriggerType(StrEnum):
    """Which price triggers a stop or a touch."""

    DEFAULT = "DEFAULT"
    LAST_PRICE = "LAST_PRICE"
    DOUBLE_LAST = "DOUBLE_LAST"
    BID_ASK = "BID_ASK"
    DOUBLE_BID_ASK = "DOUBLE_BID_ASK"
    LAST_OR_BID_ASK = "LAST_OR_BID_ASK"
    MID_POINT = "MID_POINT"


@unique
class TrailingOffsetType(StrEnum):
    """The unit of a trailing offset."""

    PRICE = "PRICE"
    BASIS_POINTS = "BASIS_POINTS"
    TICKS = "TICKS"


@unique
class ContingencyType(StrEnum):
    """How orders of a list depend on each other."""

    NONE = "NONE"
    OCO = "OCO"
    """One cancels the other."""
    OTO = "OTO"
    """One triggers the other."""
    OUO = "OUO"
    """One updates the other's quantity."""


@unique
class OrderStatus(StrEnum):
    """Where an order is in its life. See :mod:`posei_trader.model.order_state`."""

    INITIALIZED = "INITIALIZED"
    DENIED = "DENIED"
    SUBMITTED = "SUBMITTED"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    TRIGGERED = "TRIGGERED"
    PENDING_UPDATE = "PENDING_UPDATE"
    PENDING_CANCEL = "PENDING_CANCEL"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"


@unique
class LiquiditySide(StrEnum):
    """Whether a fill added liquidity or took it."""

    NO_LIQUIDITY_SIDE = "NO_LIQUIDITY_SIDE"
    MAKER = "MAKER"
    TAKER = "TAKER"


@unique
class AccountType(StrEnum):
    """Whether positions are paid in full or margined."""

    CASH = "CASH"
    MARGIN = "MARGIN"


@unique
class PriceType(StrEnum):
    """Which price a bar is made of."""

    BID = "BID"
    ASK = "ASK"
    MID = "MID"
    LAST = "LAST"


@unique
class BarAggregation(StrEnum):
    """What closes a bar."""

    TICK = "TICK"
    VOLUME = "VOLUME"
    VALUE = "VALUE"
    SECOND = "SECOND"
    MINUTE = "MINUTE"
    HOUR = "HOUR"
    DAY = "DAY"
    WEEK = "WEEK"
    MONTH = "MONTH"

    @property
    def is_time(self) -> bool:
        """Return whether the clock closes the bar."""
        return self not in {BarAggregation.TICK, BarAggregation.VOLUME, BarAggregation.VALUE}


@unique
class AggregationSource(StrEnum):
    """Who made a bar: the venue or our own data engine."""

    EXTERNAL = "EXTERNAL"
    INTERNAL = "INTERNAL"


@unique
class BookAction(IntEnum):
    """What a delta does to an order book."""

    ADD = 1
    UPDATE = 2
    DELETE = 3
    CLEAR = 4


@unique
class BookSide(IntEnum):
    """The side of a book level; ``NONE`` for a clear."""

    NONE = 0
    BID = 1
    ASK = 2


@unique
class BookType(StrEnum):
    """How deep a book goes."""

    L1_TBBO = "L1_TBBO"
    L2_MBP = "L2_MBP"
    L3_MBO = "L3_MBO"


@unique
class RecordFlag(IntFlag):
    """Marks on a book delta."""

    NONE = 0
    LAST = 128
    """The last delta of one event at the venue: the book is consistent now."""
    SNAPSHOT = 32
    """Part of a snapshot, not of a change."""


@unique
class GreeksBasis(StrEnum):
    """Which price of the option greeks were computed of."""

    BID = "BID"
    ASK = "ASK"
    LAST = "LAST"
    MODEL = "MODEL"
    """The venue's own model price."""


@unique
class MarketStatus(StrEnum):
    """Whether an instrument can be traded now."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    PRE_OPEN = "PRE_OPEN"
    HALTED = "HALTED"
    PAUSED = "PAUSED"
    UNKNOWN = "UNKNOWN"


@unique
class TradingState(StrEnum):
    """What the risk engine lets through."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


@unique
class OmsType(StrEnum):
    """Whether fills of one instrument net into one position or may hedge each other."""

    NETTING = "NETTING"
    HEDGING = "HEDGING"
