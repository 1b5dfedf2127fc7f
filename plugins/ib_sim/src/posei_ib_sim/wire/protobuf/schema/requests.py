"""Messages from a client to the server."""

from typing import Final

REQUESTS: Final = """
AccountDataRequest:
    1 subscribe bool, 2 acctCode string
AccountSummaryRequest:
    1 reqId int32, 2 group string, 3 tags string
AccountUpdatesMultiRequest:
    1 reqId int32, 2 account string, 3 modelCode string, 4 ledgerAndNLV bool
AllOpenOrdersRequest:
AutoOpenOrdersRequest:
    1 autoBind bool
CalculateImpliedVolatilityRequest:
    1 reqId int32, 2 contract Contract, 3 optionPrice double, 4 underPrice double,
    5 impliedVolatilityOptions map<string,string>
CalculateOptionPriceRequest:
    1 reqId int32, 2 contract Contract, 3 volatility double, 4 underPrice double,
    5 optionPriceOptions map<string,string>
CancelAccountSummary:
    1 reqId int32
CancelAccountUpdatesMulti:
    1 reqId int32
CancelCalculateImpliedVolatility:
    1 reqId int32
CancelCalculateOptionPrice:
    1 reqId int32
CancelContractData:
    1 reqId int32
CancelHeadTimestamp:
    1 reqId int32
CancelHistogramData:
    1 reqId int32
CancelHistoricalData:
    1 reqId int32
CancelHistoricalTicks:
    1 reqId int32
CancelMarketData:
    1 reqId int32
CancelMarketDepth:
    1 reqId int32, 2 isSmartDepth bool
CancelNewsBulletins:
CancelOrderRequest:
    1 orderId int32, 2 orderCancel OrderCancel
CancelPnL:
    1 reqId int32
CancelPnLSingle:
    1 reqId int32
CancelPositions:
CancelPositionsMulti:
    1 reqId int32
CancelRealTimeBars:
    1 reqId int32
CancelScannerSubscription:
    1 reqId int32
CancelTickByTick:
    1 reqId int32
CancelWshEventData:
    1 reqId int32
CancelWshMetaData:
    1 reqId int32
CompletedOrdersRequest:
    1 apiOnly bool
ConfigRequest:
    1 reqId int32
ContractDataRequest:
    1 reqId int32, 2 contract Contract
CurrentTimeInMillisRequest:
CurrentTimeRequest:
ExecutionRequest:
    1 reqId int32, 2 executionFilter ExecutionFilter
ExerciseOptionsRequest:
    1 orderId int32, 2 contract Contract, 3 exerciseAction int32, 4 exerciseQuantity int32,
    5 account string, 6 override bool, 7 manualOrderTime string, 8 customerAccount string,
    9 professionalCustomer bool
FAReplace:
    1 reqId int32, 2 faDataType int32, 3 xml string
FARequest:
    1 faDataType int32
FamilyCodesRequest:
GlobalCancelRequest:
    1 orderCancel OrderCancel
HeadTimestampRequest:
    1 reqId int32, 2 contract Contract, 3 useRTH bool, 4 whatToShow string, 5 formatDate int32
HistogramDataRequest:
    1 reqId int32, 2 contract Contract, 3 useRTH bool, 4 timePeriod string
HistoricalDataRequest:
    1 reqId int32, 2 contract Contract, 3 endDateTime string, 4 barSizeSetting string,
    5 duration string, 6 useRTH bool, 7 whatToShow string, 8 formatDate int32,
    9 keepUpToDate bool, 10 chartOptions map<string,string>
HistoricalNewsRequest:
    1 reqId int32, 2 conId int32, 3 providerCodes string, 4 startDateTime string,
    5 endDateTime string, 6 totalResults int32, 7 historicalNewsOptions map<string,string>
HistoricalTicksRequest:
    1 reqId int32, 2 contract Contract, 3 startDateTime string, 4 endDateTime string,
    5 numberOfTicks int32, 6 whatToShow string, 7 useRTH bool, 8 ignoreSize bool,
    9 miscOptions map<string,string>
IdsRequest:
    1 numIds int32
ManagedAccountsRequest:
MarketDataRequest:
    1 reqId int32, 2 contract Contract, 3 genericTickList string, 4 snapshot bool,
    5 regulatorySnapshot bool, 6 marketDataOptions map<string,string>
MarketDataTypeRequest:
    1 marketDataType int32
MarketDepthExchangesRequest:
MarketDepthRequest:
    1 reqId int32, 2 contract Contract, 3 numRows int32, 4 isSmartDepth bool,
    5 marketDepthOptions map<string,string>
MarketRuleRequest:
    1 marketRuleId int32
MatchingSymbolsRequest:
    1 reqId int32, 2 pattern string
NewsArticleRequest:
    1 reqId int32, 2 providerCode string, 3 articleId string,
    4 newsArticleOptions map<string,string>
NewsBulletinsRequest:
    1 allMessages bool
NewsProvidersRequest:
OpenOrdersRequest:
PlaceOrderRequest:
    1 orderId int32, 2 contract Contract, 3 order Order, 4 attachedOrders AttachedOrders
PnLRequest:
    1 reqId int32, 2 account string, 3 modelCode string
PnLSingleRequest:
    1 reqId int32, 2 account string, 3 modelCode string, 4 conId int32
PositionsMultiRequest:
    1 reqId int32, 2 account string, 3 modelCode string
PositionsRequest:
QueryDisplayGroupsRequest:
    1 reqId int32
RealTimeBarsRequest:
    1 reqId int32, 2 contract Contract, 3 barSize int32, 4 whatToShow string, 5 useRTH bool,
    6 realTimeBarsOptions map<string,string>
ScannerParametersRequest:
ScannerSubscriptionRequest:
    1 reqId int32, 2 scannerSubscription ScannerSubscription
SecDefOptParamsRequest:
    1 reqId int32, 2 underlyingSymbol string, 3 futFopExchange string, 4 underlyingSecType string,
    5 underlyingConId int32
SetServerLogLevelRequest:
    1 logLevel int32
SmartComponentsRequest:
    1 reqId int32, 2 bboExchange string
SoftDollarTiersRequest:
    1 reqId int32
StartApiRequest:
    1 clientId int32, 2 optionalCapabilities string
SubscribeToGroupEventsRequest:
    1 reqId int32, 2 groupId int32
TickByTickRequest:
    1 reqId int32, 2 contract Contract, 3 tickType string, 4 numberOfTicks int32,
    5 ignoreSize bool
UnsubscribeFromGroupEventsRequest:
    1 reqId int32
UpdateConfigRequest:
    1 reqId int32, 2 lockAndExit LockAndExitConfig, 3 messages *MessageConfig, 4 api ApiConfig,
    5 orders OrdersConfig, 6 acceptedWarnings *UpdateConfigWarning, 7 resetAPIOrderSequence bool
UpdateDisplayGroupRequest:
    1 reqId int32, 2 contractInfo string
UserInfoRequest:
    1 reqId int32
VerifyMessageRequest:
    1 apiData string
VerifyRequest:
    1 apiName string, 2 apiVersion string
WshEventDataRequest:
    1 reqId int32, 2 conId int32, 3 filter string, 4 fillWatchlist bool, 5 fillPortfolio bool,
    6 fillCompetitors bool, 7 startDate string, 8 endDate string, 9 totalLimit int32
WshMetaDataRequest:
    1 reqId int32
"""
