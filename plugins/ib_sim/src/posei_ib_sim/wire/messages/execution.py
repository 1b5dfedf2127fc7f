"""Fills, their costs, and the requests for them."""

from decimal import Decimal

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class Execution(Record, kw_only=True, frozen=True):
    """Carry one fill."""

    orderId: int | None = None
    execId: str = ""
    time: str = ""
    acctNumber: str = ""
    exchange: str = ""
    side: str = ""
    shares: Decimal | None = None
    price: float | None = None
    permId: int | None = None
    clientId: int | None = None
    isLiquidation: bool = False
    cumQty: Decimal | None = None
    avgPrice: float | None = None
    orderRef: str = ""
    evRule: str = ""
    evMultiplier: float | None = None
    modelCode: str = ""
    lastLiquidity: int | None = None
    isPriceRevisionPending: bool = False
    submitter: str = ""
    optExerciseOrLapseType: int | None = None


class ExecutionFilter(Record, kw_only=True, frozen=True):
    """Narrow an executions request; specificDates are YYYYMMDD (since 200)."""

    clientId: int | None = None
    acctCode: str = ""
    time: str = ""
    symbol: str = ""
    secType: str = ""
    exchange: str = ""
    side: str = ""
    lastNDays: int | None = None
    specificDates: tuple[int, ...] = ()


class ExecutionDetails(ServerMessage, kw_only=True, frozen=True):
    """Report a fill; reqId is -1 when nobody asked (11, execDetails)."""

    reqId: int | None = None
    contract: Contract = Contract()
    execution: Execution = Execution()


class ExecutionDetailsEnd(ServerMessage, kw_only=True, frozen=True):
    """End the answers to reqExecutions (55, execDetailsEnd)."""

    reqId: int | None = None


class ExecutionRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for executions (7, reqExecutions)."""

    reqId: int | None = None
    executionFilter: ExecutionFilter = ExecutionFilter()


class CommissionAndFeesReport(ServerMessage, kw_only=True, frozen=True):
    """Report what a fill cost and realised (59, commissionAndFeesReport)."""

    execId: str = ""
    commissionAndFees: float | None = None
    currency: str = ""
    realizedPNL: float | None = None
    bondYield: float | None = None
    yieldRedemptionDate: str = ""
