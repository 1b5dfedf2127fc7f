"""Message ids: which struct travels under which number, and since which server version."""

from collections.abc import Mapping
from types import MappingProxyType

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.errors import EncodeError
from posei_ib_sim.wire.messages import ClientMessage, ServerMessage

SERVER_MESSAGE_IDS: Mapping[type[ServerMessage], int] = MappingProxyType(
    {
        m.TickPrice: 1,
        m.TickSize: 2,
        m.OrderStatus: 3,
        m.ErrorMessage: 4,
        m.OpenOrder: 5,
        m.AccountValue: 6,
        m.PortfolioValue: 7,
        m.AccountUpdateTime: 8,
        m.NextValidId: 9,
        m.ContractData: 10,
        m.ExecutionDetails: 11,
        m.MarketDepth: 12,
        m.MarketDepthL2: 13,
        m.NewsBulletin: 14,
        m.ManagedAccounts: 15,
        m.ReceiveFA: 16,
        m.HistoricalData: 17,
        m.BondContractData: 18,
        m.ScannerParameters: 19,
        m.ScannerData: 20,
        m.TickOptionComputation: 21,
        m.TickGeneric: 45,
        m.TickString: 46,
        m.TickEFP: 47,
        m.CurrentTime: 49,
        m.RealTimeBarTick: 50,
        m.FundamentalData: 51,
        m.ContractDataEnd: 52,
        m.OpenOrdersEnd: 53,
        m.AccountDataEnd: 54,
        m.ExecutionDetailsEnd: 55,
        m.DeltaNeutralValidation: 56,
        m.TickSnapshotEnd: 57,
        m.MarketDataType: 58,
        m.CommissionAndFeesReport: 59,
        m.Position: 61,
        m.PositionEnd: 62,
        m.AccountSummary: 63,
        m.AccountSummaryEnd: 64,
        m.VerifyMessageApi: 65,
        m.VerifyCompleted: 66,
        m.DisplayGroupList: 67,
        m.DisplayGroupUpdated: 68,
        m.VerifyAndAuthMessageApi: 69,
        m.VerifyAndAuthCompleted: 70,
        m.PositionMulti: 71,
        m.PositionMultiEnd: 72,
        m.AccountUpdateMulti: 73,
        m.AccountUpdateMultiEnd: 74,
        m.SecDefOptParameter: 75,
        m.SecDefOptParameterEnd: 76,
        m.SoftDollarTiers: 77,
        m.FamilyCodes: 78,
        m.SymbolSamples: 79,
        m.MarketDepthExchanges: 80,
        m.TickReqParams: 81,
        m.SmartComponents: 82,
        m.NewsArticle: 83,
        m.TickNews: 84,
        m.NewsProviders: 85,
        m.HistoricalNews: 86,
        m.HistoricalNewsEnd: 87,
        m.HeadTimestamp: 88,
        m.HistogramData: 89,
        m.HistoricalDataUpdate: 90,
        m.RerouteMarketDataRequest: 91,
        m.RerouteMarketDepthRequest: 92,
        m.MarketRule: 93,
        m.PnL: 94,
        m.PnLSingle: 95,
        m.HistoricalTicks: 96,
        m.HistoricalTicksBidAsk: 97,
        m.HistoricalTicksLast: 98,
        m.TickByTickData: 99,
        m.OrderBound: 100,
        m.CompletedOrder: 101,
        m.CompletedOrdersEnd: 102,
        m.ReplaceFAEnd: 103,
        m.WshMetaData: 104,
        m.WshEventData: 105,
        m.HistoricalSchedule: 106,
        m.UserInfo: 107,
        m.HistoricalDataEnd: 108,
        m.CurrentTimeInMillis: 109,
        m.ConfigResponse: 110,
        m.UpdateConfigResponse: 111,
    }
)
"""Server to client: the base id of each message (protobuf adds 200)."""

CLIENT_MESSAGE_IDS: Mapping[type[ClientMessage], int] = MappingProxyType(
    {
        m.MarketDataRequest: 1,
        m.CancelMarketData: 2,
        m.PlaceOrderRequest: 3,
        m.CancelOrderRequest: 4,
        m.OpenOrdersRequest: 5,
        m.AccountDataRequest: 6,
        m.ExecutionRequest: 7,
        m.IdsRequest: 8,
        m.ContractDataRequest: 9,
        m.MarketDepthRequest: 10,
        m.CancelMarketDepth: 11,
        m.NewsBulletinsRequest: 12,
        m.CancelNewsBulletins: 13,
        m.SetServerLogLevelRequest: 14,
        m.AutoOpenOrdersRequest: 15,
        m.AllOpenOrdersRequest: 16,
        m.ManagedAccountsRequest: 17,
        m.FARequest: 18,
        m.FAReplace: 19,
        m.HistoricalDataRequest: 20,
        m.ExerciseOptionsRequest: 21,
        m.ScannerSubscriptionRequest: 22,
        m.CancelScannerSubscription: 23,
        m.ScannerParametersRequest: 24,
        m.CancelHistoricalData: 25,
        m.CurrentTimeRequest: 49,
        m.RealTimeBarsRequest: 50,
        m.CancelRealTimeBars: 51,
        m.FundamentalDataRequest: 52,
        m.CancelFundamentalData: 53,
        m.CalculateImpliedVolatilityRequest: 54,
        m.CalculateOptionPriceRequest: 55,
        m.CancelCalculateImpliedVolatility: 56,
        m.CancelCalculateOptionPrice: 57,
        m.GlobalCancelRequest: 58,
        m.MarketDataTypeRequest: 59,
        m.PositionsRequest: 61,
        m.AccountSummaryRequest: 62,
        m.CancelAccountSummary: 63,
        m.CancelPositions: 64,
        m.VerifyRequest: 65,
        m.VerifyMessageRequest: 66,
        m.QueryDisplayGroupsRequest: 67,
        m.SubscribeToGroupEventsRequest: 68,
        m.UpdateDisplayGroupRequest: 69,
        m.UnsubscribeFromGroupEventsRequest: 70,
        m.StartApiRequest: 71,
        m.VerifyAndAuthRequest: 72,
        m.VerifyAndAuthMessage: 73,
        m.PositionsMultiRequest: 74,
        m.CancelPositionsMulti: 75,
        m.AccountUpdatesMultiRequest: 76,
        m.CancelAccountUpdatesMulti: 77,
        m.SecDefOptParamsRequest: 78,
        m.SoftDollarTiersRequest: 79,
        m.FamilyCodesRequest: 80,
        m.MatchingSymbolsRequest: 81,
        m.MarketDepthExchangesRequest: 82,
        m.SmartComponentsRequest: 83,
        m.NewsArticleRequest: 84,
        m.NewsProvidersRequest: 85,
        m.HistoricalNewsRequest: 86,
        m.HeadTimestampRequest: 87,
        m.HistogramDataRequest: 88,
        m.CancelHistogramData: 89,
        m.CancelHeadTimestamp: 90,
        m.MarketRuleRequest: 91,
        m.PnLRequest: 92,
        m.CancelPnL: 93,
        m.PnLSingleRequest: 94,
        m.CancelPnLSingle: 95,
        m.HistoricalTicksRequest: 96,
        m.TickByTickRequest: 97,
        m.CancelTickByTick: 98,
        m.CompletedOrdersRequest: 99,
        m.WshMetaDataRequest: 100,
        m.CancelWshMetaData: 101,
        m.WshEventDataRequest: 102,
        m.CancelWshEventData: 103,
        m.UserInfoRequest: 104,
        m.CurrentTimeInMillisRequest: 105,
        m.CancelContractData: 106,
        m.CancelHistoricalTicks: 107,
        m.ConfigRequest: 108,
        m.UpdateConfigRequest: 109,
    }
)
"""Client to server: the base id of each message (protobuf adds 200)."""

TEXT_ONLY: frozenset[type[m.Record]] = frozenset(
    {
        m.TickEFP,
        m.DeltaNeutralValidation,
        m.FundamentalData,
        m.FundamentalDataRequest,
        m.CancelFundamentalData,
        m.VerifyAndAuthRequest,
        m.VerifyAndAuthMessage,
        m.VerifyAndAuthMessageApi,
        m.VerifyAndAuthCompleted,
    }
)
"""Messages without a protobuf schema: they stay text at every server version."""

MESSAGE_SINCE: Mapping[type[m.Record], int] = MappingProxyType(
    {
        m.WshMetaData: 161,
        m.WshEventData: 161,
        m.WshMetaDataRequest: 161,
        m.CancelWshMetaData: 161,
        m.WshEventDataRequest: 161,
        m.CancelWshEventData: 161,
        m.HistoricalSchedule: 165,
        m.UserInfo: 167,
        m.UserInfoRequest: 167,
        m.HistoricalDataEnd: 196,
        m.CurrentTimeInMillis: 197,
        m.CurrentTimeInMillisRequest: 197,
        m.CancelContractData: 215,
        m.CancelHistoricalTicks: 215,
        m.ConfigRequest: 219,
        m.ConfigResponse: 219,
        m.UpdateConfigRequest: 221,
        m.UpdateConfigResponse: 221,
    }
)
"""Messages younger than 157: the first server version that knows them."""


def server_message_id(message: object) -> int:
    """Return the base id of a message to a client.

    Raises:
        EncodeError: servers send no such message.
    """
    return _id(SERVER_MESSAGE_IDS, message, "servers")


def client_message_id(message: object) -> int:
    """Return the base id of a message to a server.

    Raises:
        EncodeError: clients send no such message.
    """
    return _id(CLIENT_MESSAGE_IDS, message, "clients")


def _id(
    ids: Mapping[type[ServerMessage], int] | Mapping[type[ClientMessage], int],
    message: object,
    senders: str,
) -> int:
    known: Mapping[type, int] = ids
    found = known.get(type(message))
    if found is None:
        raise EncodeError(f"{type(message).__name__} is no message that {senders} send")
    return found
