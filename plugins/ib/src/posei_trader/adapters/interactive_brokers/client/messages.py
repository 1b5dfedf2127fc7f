"""What the client delivers: immutable values, under IB's terms, in units that are written down.

Sizes and volumes on market data are integers in units of 10^-9 (exact, fractional sizes included);
None where IB left them unset. Prices are IB's own numbers, before any price magnifier. Times of
ticks are whole seconds since 1970, UTC, as IB sends them. Order quantities are Decimals.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum, unique

import msgspec
from ibapi.order import Order
from ibapi.order_state import OrderState

from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.wire.bar_dates import date_text
from posei_trader.adapters.interactive_brokers.wire.gapless_seconds import GaplessSeconds
from posei_trader.adapters.interactive_brokers.wire.records import (
    BarRecord,
    HistoricalBars,
    HistoricalMidpoint,
    HistoricalQuote,
    HistoricalTrade,
    QuoteMask,
    TickKind,
    TradeMask,
)
from posei_trader.adapters.interactive_brokers.wire.size_columns import SizeColumn

__all__ = [
    "AccountSnapshot",
    "AccountValue",
    "BarRecord",
    "BrokenFarm",
    "CommissionReport",
    "CompletedOrder",
    "ConnectionChange",
    "DataSource",
    "ExecutionRecord",
    "GaplessSeconds",
    "HistoricalBars",
    "HistoricalMidpoint",
    "HistoricalQuote",
    "HistoricalSchedule",
    "HistoricalTrade",
    "MarketDataParameters",
    "OpenOrder",
    "OptionComputation",
    "OrderGlance",
    "OrderProblem",
    "OrderStatusUpdate",
    "PnL",
    "PortfolioPosition",
    "Position",
    "QuoteMask",
    "ReportedExecution",
    "SizeColumn",
    "TickKind",
    "TradeMask",
    "date_text",
]


# --- history -------------------------------------------------------------------------------------


class HistoricalSchedule(msgspec.Struct, frozen=True):
    """The trading sessions of a contract.

    Attributes:
        time_zone: The zone of all times.
        sessions: Start, end (``YYYYMMDD-HH:MM:SS``) and reference date (``YYYYMMDD``) of each.
    """

    start: str
    end: str
    time_zone: str
    sessions: tuple[tuple[str, str, str], ...]


# --- streams -------------------------------------------------------------------------------------


class MarketDataParameters(msgspec.Struct, frozen=True):
    """What IB says about a market data stream before its first tick."""

    min_tick: float
    bbo_exchange: str
    snapshot_permissions: int


class OptionComputation(msgspec.Struct, frozen=True):
    """Greeks and implied volatility; None where IB could not compute a value.

    Attributes:
        tick_type: IB's number: 10 bid, 11 ask, 12 last, 13 model, 53 custom, 80 to 83 delayed.
        is_price_based: Whether greeks are in price rather than return terms; None if not said.
    """

    tick_type: int
    is_price_based: bool | None
    implied_vol: float | None
    delta: float | None
    option_price: float | None
    pv_dividend: float | None
    gamma: float | None
    vega: float | None
    theta: float | None
    underlying_price: float | None


@unique
class DataSource(StrEnum):
    """What IB's data farms have."""

    MARKET_DATA = "market data"
    HISTORY = "history"
    DEFINITIONS = "definitions"


class BrokenFarm(msgspec.Struct, frozen=True):
    """A data farm that the gateway cannot reach.

    Attributes:
        name: IB's name of it: ``usfarm``.
        source: What it has. Of which instruments IB does not say.
    """

    name: str
    source: DataSource


class ConnectionChange(msgspec.Struct, frozen=True):
    """The connection changed.

    Attributes:
        state: The new state, see `posei_trader.adapters.interactive_brokers.client.states`.
        previous: The state before.
        reason: One line for people.
        ready: Whether requests can be made now.
        data_lost: Whether streams were interrupted: what came meanwhile did not reach us.
        upstream_lost: Whether the gateway has lost IB's servers: orders do not get through, and
            what happens to them is not heard of until they are back.
        ts_ns: When, UNIX ns UTC.
        broken_farms: The data farms that are out of reach now.
    """

    state: str
    previous: str
    reason: str
    ready: bool
    data_lost: bool
    upstream_lost: bool = False
    ts_ns: int = 0
    broken_farms: tuple[BrokenFarm, ...] = ()


# --- account -------------------------------------------------------------------------------------


class AccountValue(msgspec.Struct, frozen=True):
    """One number or text that IB keeps for an account."""

    account: str
    tag: str
    value: str
    currency: str


class AccountSnapshot(msgspec.Struct, frozen=True):
    """All values of all asked accounts that belong together.

    Attributes:
        values: In IB's order; one for each (account, tag, currency).
    """

    values: tuple[AccountValue, ...]

    def of(self, account: str) -> dict[tuple[str, str], str]:
        """Return the values of one account by (tag, currency)."""
        return {(row.tag, row.currency): row.value for row in self.values if row.account == account}

    @property
    def accounts(self) -> tuple[str, ...]:
        """Return the accounts, each once, in IB's order."""
        return tuple(dict.fromkeys(row.account for row in self.values))


class Position(msgspec.Struct, frozen=True):
    """What an account holds of a contract.

    Attributes:
        quantity: Negative when short.
        avg_cost: Average cost of one unit times the multiplier, commission included, IB's units.
    """

    account: str
    contract: IBContract
    quantity: Decimal
    avg_cost: float


class PortfolioPosition(msgspec.Struct, frozen=True):
    """What an account holds of a contract, valued."""

    account: str
    contract: IBContract
    quantity: Decimal
    market_price: float
    market_value: float
    avg_cost: float
    unrealized_pnl: float | None
    realized_pnl: float | None


class PnL(msgspec.Struct, frozen=True):
    """Profit and loss of an account or of one position, in the account's base currency.

    Attributes:
        quantity: The position; None for a whole account.
        value: Its market value; None for a whole account.
    """

    daily: float | None
    unrealized: float | None
    realized: float | None
    quantity: Decimal | None = None
    value: float | None = None


# --- orders --------------------------------------------------------------------------------------


class OpenOrder(msgspec.Struct, frozen=True):
    """An order as IB has it.

    Attributes:
        order_id: The id of its client; 0 or negative for orders that were placed by hand.
        contract: What it trades.
        order: The `ibapi.order.Order`; its `permId`, `clientId`, `orderRef` and terms.
        state: The `ibapi.order_state.OrderState`; margins of a what-if order, warning text.
        status: IB's status text.
        last_status: The status that came with it, in an answer to `get_open_orders`.
    """

    order_id: int
    contract: IBContract
    order: Order
    state: OrderState
    status: str
    last_status: OrderStatusUpdate | None = None


class OrderGlance(msgspec.Struct, frozen=True):
    """The part of an open order that changes while it works, and its names.

    The terms bear IB's names and its marks for "not set", as on `ibapi.order.Order`. There is none
    of an order for a combination, whose legs may have prices of their own.

    Attributes:
        order_id: The id of its client; 0 or negative for orders that were placed by hand.
        status: IB's status text.
        reject_reason: IB's words about a refusal, empty without one.
    """

    order_id: int
    status: str
    reject_reason: str
    account: str
    clientId: int
    permId: int
    parentId: int
    orderRef: str
    whatIf: bool
    totalQuantity: Decimal
    lmtPrice: float
    auxPrice: float
    trailStopPrice: float
    cashQty: float
    orderComboLegs: tuple[()] = ()


class OrderStatusUpdate(msgspec.Struct, frozen=True):
    """The status of an order; IB repeats it freely.

    Attributes:
        mkt_cap_price: Price at which IB caps the order, 0.0 for none.
    """

    order_id: int
    status: str
    filled: Decimal
    remaining: Decimal
    avg_fill_price: float
    perm_id: int
    parent_id: int
    last_fill_price: float
    client_id: int
    why_held: str
    mkt_cap_price: float


class ExecutionRecord(msgspec.Struct, frozen=True):
    """One execution.

    Attributes:
        exec_id: IB's id; a correction keeps it up to the last dot, with a higher suffix.
        time: IB's text: ``20260413 15:27:04 US/Eastern`` or, in UTC, ``20260413-19:27:04``.
        side: ``BOT`` or ``SLD``.
        cum_quantity: Filled so far, this one included.
        last_liquidity: 0 none, 1 added, 2 removed, 3 routed out.
    """

    contract: IBContract
    exec_id: str
    time: str
    account: str
    exchange: str
    side: str
    shares: Decimal
    price: float
    perm_id: int
    client_id: int
    order_id: int
    is_liquidation: bool
    cum_quantity: Decimal
    avg_price: float
    order_ref: str
    last_liquidity: int
    is_price_revision_pending: bool
    model_code: str = ""
    ev_rule: str = ""
    ev_multiplier: float = 0.0


class ReportedExecution(msgspec.Struct, frozen=True):
    """An execution and, if IB has told it, what it cost."""

    execution: ExecutionRecord
    commission: CommissionReport | None


class CommissionReport(msgspec.Struct, frozen=True):
    """What an execution cost; comes after it, sometimes much later.

    Attributes:
        realized_pnl: None where IB does not say: openings have none.
    """

    exec_id: str
    commission: float
    currency: str
    realized_pnl: float | None


class CompletedOrder(msgspec.Struct, frozen=True):
    """An order that is done: filled, cancelled or rejected. It has no order id any more.

    Attributes:
        order: The `ibapi.order.Order`; `permId` and `orderRef` identify it.
        completed_time: IB's text.
        completed_status: IB's text, for example ``Cancelled by Trader``.
    """

    contract: IBContract
    order: Order
    state: OrderState
    status: str
    completed_time: str
    completed_status: str


class OrderProblem(msgspec.Struct, frozen=True):
    """IB reported a code for an order.

    Attributes:
        code: IB's number, see :mod:`posei_trader.adapters.interactive_brokers.error_codes`.
        message: IB's text.
        reject_json: IB's structured reasons, empty if there are none.
        action: What the code means for the order, `error_codes.Action`.
    """

    order_id: int
    code: int
    message: str
    reject_json: str
    action: str
