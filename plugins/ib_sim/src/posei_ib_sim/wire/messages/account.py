"""Accounts: values, positions, profit and loss, advisor configuration."""

from decimal import Decimal

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class AccountValue(ServerMessage, kw_only=True, frozen=True):
    """Carry one account value (6, updateAccountValue)."""

    key: str = ""
    value: str = ""
    currency: str = ""
    accountName: str = ""


class AccountUpdateTime(ServerMessage, kw_only=True, frozen=True):
    """Carry the time of account values, HH:MM (8, updateAccountTime)."""

    timeStamp: str = ""


class AccountDataEnd(ServerMessage, kw_only=True, frozen=True):
    """End the first batch of account values (54, accountDownloadEnd)."""

    accountName: str = ""


class AccountDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to account values and portfolio, or end it (6, reqAccountUpdates)."""

    subscribe: bool = False
    acctCode: str = ""


class PortfolioValue(ServerMessage, kw_only=True, frozen=True):
    """Carry one position with its values (7, updatePortfolio)."""

    contract: Contract = Contract()
    position: Decimal | None = None
    marketPrice: float | None = None
    marketValue: float | None = None
    averageCost: float | None = None
    unrealizedPNL: float | None = None
    realizedPNL: float | None = None
    accountName: str = ""


class AccountSummary(ServerMessage, kw_only=True, frozen=True):
    """Carry one row of an account summary (63, accountSummary)."""

    reqId: int | None = None
    account: str = ""
    tag: str = ""
    value: str = ""
    currency: str = ""


class AccountSummaryEnd(ServerMessage, kw_only=True, frozen=True):
    """End the first batch of summary rows (64, accountSummaryEnd)."""

    reqId: int | None = None


class AccountSummaryRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to an account summary (62, reqAccountSummary)."""

    reqId: int | None = None
    group: str = ""
    tags: str = ""


class CancelAccountSummary(ClientMessage, kw_only=True, frozen=True):
    """End an account summary subscription (63, cancelAccountSummary)."""

    reqId: int | None = None


class AccountUpdateMulti(ServerMessage, kw_only=True, frozen=True):
    """Carry one value of an account and model (73, accountUpdateMulti)."""

    reqId: int | None = None
    account: str = ""
    modelCode: str = ""
    key: str = ""
    value: str = ""
    currency: str = ""


class AccountUpdateMultiEnd(ServerMessage, kw_only=True, frozen=True):
    """End the first batch of values (74, accountUpdateMultiEnd)."""

    reqId: int | None = None


class AccountUpdatesMultiRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to the values of an account and model (76, reqAccountUpdatesMulti)."""

    reqId: int | None = None
    account: str = ""
    modelCode: str = ""
    ledgerAndNLV: bool = False


class CancelAccountUpdatesMulti(ClientMessage, kw_only=True, frozen=True):
    """End such a subscription (77, cancelAccountUpdatesMulti)."""

    reqId: int | None = None


class Position(ServerMessage, kw_only=True, frozen=True):
    """Carry one position (61, position)."""

    account: str = ""
    contract: Contract = Contract()
    position: Decimal | None = None
    avgCost: float | None = None


class PositionEnd(ServerMessage, kw_only=True, frozen=True):
    """End the first batch of positions (62, positionEnd)."""


class PositionsRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to positions (61, reqPositions)."""


class CancelPositions(ClientMessage, kw_only=True, frozen=True):
    """End the positions subscription (64, cancelPositions)."""


class PositionMulti(ServerMessage, kw_only=True, frozen=True):
    """Carry one position of an account and model (71, positionMulti)."""

    reqId: int | None = None
    account: str = ""
    contract: Contract = Contract()
    position: Decimal | None = None
    avgCost: float | None = None
    modelCode: str = ""


class PositionMultiEnd(ServerMessage, kw_only=True, frozen=True):
    """End the first batch of positions (72, positionMultiEnd)."""

    reqId: int | None = None


class PositionsMultiRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to the positions of an account and model (74, reqPositionsMulti)."""

    reqId: int | None = None
    account: str = ""
    modelCode: str = ""


class CancelPositionsMulti(ClientMessage, kw_only=True, frozen=True):
    """End such a subscription (75, cancelPositionsMulti)."""

    reqId: int | None = None


class PnL(ServerMessage, kw_only=True, frozen=True):
    """Carry the profit and loss of an account (94, pnl)."""

    reqId: int | None = None
    dailyPnL: float | None = None
    unrealizedPnL: float | None = None
    realizedPnL: float | None = None


class PnLRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to profit and loss (92, reqPnL)."""

    reqId: int | None = None
    account: str = ""
    modelCode: str = ""


class CancelPnL(ClientMessage, kw_only=True, frozen=True):
    """End a profit and loss subscription (93, cancelPnL)."""

    reqId: int | None = None


class PnLSingle(ServerMessage, kw_only=True, frozen=True):
    """Carry the profit and loss of one position (95, pnlSingle)."""

    reqId: int | None = None
    position: Decimal | None = None
    dailyPnL: float | None = None
    unrealizedPnL: float | None = None
    realizedPnL: float | None = None
    value: float | None = None


class PnLSingleRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to the profit and loss of one position (94, reqPnLSingle)."""

    reqId: int | None = None
    account: str = ""
    modelCode: str = ""
    conId: int | None = None


class CancelPnLSingle(ClientMessage, kw_only=True, frozen=True):
    """End such a subscription (95, cancelPnLSingle)."""

    reqId: int | None = None


class ManagedAccounts(ServerMessage, kw_only=True, frozen=True):
    """List the accounts, comma separated (15, managedAccounts)."""

    accountsList: str = ""


class ManagedAccountsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the accounts (17, reqManagedAccts)."""


class FamilyCode(Record, kw_only=True, frozen=True):
    """Carry an account's family code."""

    accountId: str = ""
    familyCode: str = ""


class FamilyCodes(ServerMessage, kw_only=True, frozen=True):
    """Answer reqFamilyCodes (78, familyCodes)."""

    familyCodes: tuple[FamilyCode, ...] = ()


class FamilyCodesRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the family codes (80, reqFamilyCodes)."""


class ReceiveFA(ServerMessage, kw_only=True, frozen=True):
    """Answer requestFA: 1 groups, 3 aliases, as XML (16, receiveFA)."""

    faDataType: int | None = None
    xml: str = ""


class FARequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the advisor's configuration (18, requestFA)."""

    faDataType: int | None = None


class FAReplace(ClientMessage, kw_only=True, frozen=True):
    """Replace the advisor's configuration (19, replaceFA)."""

    reqId: int | None = None
    faDataType: int | None = None
    xml: str = ""


class ReplaceFAEnd(ServerMessage, kw_only=True, frozen=True):
    """End a replaceFA (103, replaceFAEnd)."""

    reqId: int | None = None
    text: str = ""
