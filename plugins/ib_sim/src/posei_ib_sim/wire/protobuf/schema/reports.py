"""Messages from the server to a client."""

from typing import Final

REPORTS: Final = """
AccountDataEnd:
    1 accountName string
AccountSummary:
    1 reqId int32, 2 account string, 3 tag string, 4 value string, 5 currency string
AccountSummaryEnd:
    1 reqId int32
AccountUpdateMulti:
    1 reqId int32, 2 account string, 3 modelCode string, 4 key string, 5 value string,
    6 currency string
AccountUpdateMultiEnd:
    1 reqId int32
AccountUpdateTime:
    1 timeStamp string
AccountValue:
    1 key string, 2 value string, 3 currency string, 4 accountName string
CommissionAndFeesReport:
    1 execId string, 2 commissionAndFees double, 3 currency string, 4 realizedPNL double,
    5 bondYield double, 6 yieldRedemptionDate string
CompletedOrder:
    1 contract Contract, 2 order Order, 3 orderState OrderState
CompletedOrdersEnd:
ConfigResponse:
    1 reqId int32, 2 lockAndExit LockAndExitConfig, 3 messages *MessageConfig, 4 api ApiConfig,
    5 orders OrdersConfig
ContractData:
    1 reqId int32, 2 contract Contract, 3 contractDetails ContractDetails
ContractDataEnd:
    1 reqId int32
CurrentTime:
    1 currentTime int64
CurrentTimeInMillis:
    1 currentTimeInMillis int64
DisplayGroupList:
    1 reqId int32, 2 groups string
DisplayGroupUpdated:
    1 reqId int32, 2 contractInfo string
ErrorMessage:
    1 id int32, 2 errorTime int64, 3 errorCode int32, 4 errorMsg string,
    5 advancedOrderRejectJson string
ExecutionDetails:
    1 reqId int32, 2 contract Contract, 3 execution Execution
ExecutionDetailsEnd:
    1 reqId int32
FamilyCodes:
    1 familyCodes *FamilyCode
HeadTimestamp:
    1 reqId int32, 2 headTimestamp string
HistogramData:
    1 reqId int32, 2 histogramDataEntries *HistogramDataEntry
HistoricalData:
    1 reqId int32, 2 historicalDataBars *HistoricalDataBar
HistoricalDataEnd:
    1 reqId int32, 2 startDateStr string, 3 endDateStr string
HistoricalDataUpdate:
    1 reqId int32, 2 historicalDataBar HistoricalDataBar
HistoricalNews:
    1 reqId int32, 2 time string, 3 providerCode string, 4 articleId string, 5 headline string
HistoricalNewsEnd:
    1 reqId int32, 2 hasMore bool
HistoricalSchedule:
    1 reqId int32, 2 startDateTime string, 3 endDateTime string, 4 timeZone string,
    5 historicalSessions *HistoricalSession
HistoricalTicks:
    1 reqId int32, 2 historicalTicks *HistoricalTick, 3 isDone bool
HistoricalTicksBidAsk:
    1 reqId int32, 2 historicalTicksBidAsk *HistoricalTickBidAsk, 3 isDone bool
HistoricalTicksLast:
    1 reqId int32, 2 historicalTicksLast *HistoricalTickLast, 3 isDone bool
ManagedAccounts:
    1 accountsList string
MarketDataType:
    1 reqId int32, 2 marketDataType int32
MarketDepth:
    1 reqId int32, 2 marketDepthData MarketDepthData
MarketDepthExchanges:
    1 depthMarketDataDescriptions *DepthMarketDataDescription
MarketDepthL2:
    1 reqId int32, 2 marketDepthData MarketDepthData
MarketRule:
    1 marketRuleId int32, 2 priceIncrements *PriceIncrement
NewsArticle:
    1 reqId int32, 2 articleType int32, 3 articleText string
NewsBulletin:
    1 newsMsgId int32, 2 newsMsgType int32, 3 newsMessage string, 4 originatingExch string
NewsProviders:
    1 newsProviders *NewsProvider
NextValidId:
    1 orderId int32
OpenOrder:
    1 orderId int32, 2 contract Contract, 3 order Order, 4 orderState OrderState
OpenOrdersEnd:
OrderBound:
    1 permId int64, 2 clientId int32, 3 orderId int32
OrderStatus:
    1 orderId int32, 2 status string, 3 filled string, 4 remaining string, 5 avgFillPrice double,
    6 permId int64, 7 parentId int32, 8 lastFillPrice double, 9 clientId int32, 10 whyHeld string,
    11 mktCapPrice double
PnL:
    1 reqId int32, 2 dailyPnL double, 3 unrealizedPnL double, 4 realizedPnL double
PnLSingle:
    1 reqId int32, 2 position string, 3 dailyPnL double, 4 unrealizedPnL double,
    5 realizedPnL double, 6 value double
PortfolioValue:
    1 contract Contract, 2 position string, 3 marketPrice double, 4 marketValue double,
    5 averageCost double, 6 unrealizedPNL double, 7 realizedPNL double, 8 accountName string
Position:
    1 account string, 2 contract Contract, 3 position string, 4 avgCost double
PositionEnd:
PositionMulti:
    1 reqId int32, 2 account string, 3 contract Contract, 4 position string, 5 avgCost double,
    6 modelCode string
PositionMultiEnd:
    1 reqId int32
RealTimeBarTick:
    1 reqId int32, 2 time int64, 3 open double, 4 high double, 5 low double, 6 close double,
    7 volume string, 8 WAP string, 9 count int32
ReceiveFA:
    1 faDataType int32, 2 xml string
ReplaceFAEnd:
    1 reqId int32, 2 text string
RerouteMarketDataRequest:
    1 reqId int32, 2 conId int32, 3 exchange string
RerouteMarketDepthRequest:
    1 reqId int32, 2 conId int32, 3 exchange string
ScannerData:
    1 reqId int32, 2 scannerDataElement *ScannerDataElement
ScannerParameters:
    1 xml string
SecDefOptParameter:
    1 reqId int32, 2 exchange string, 3 underlyingConId int32, 4 tradingClass string,
    5 multiplier string, 6 expirations *string, 7 strikes *double
SecDefOptParameterEnd:
    1 reqId int32
SmartComponents:
    1 reqId int32, 2 smartComponents *SmartComponent
SoftDollarTiers:
    1 reqId int32, 2 softDollarTiers *SoftDollarTier
SymbolSamples:
    1 reqId int32, 2 contractDescriptions *ContractDescription
TickByTickData:
    1 reqId int32, 2 tickType int32, 3 historicalTickLast HistoricalTickLast,
    4 historicalTickBidAsk HistoricalTickBidAsk, 5 historicalTickMidPoint HistoricalTick
TickGeneric:
    1 reqId int32, 2 tickType int32, 3 value double
TickNews:
    1 reqId int32, 2 timestamp int64, 3 providerCode string, 4 articleId string,
    5 headline string, 6 extraData string
TickOptionComputation:
    1 reqId int32, 2 tickType int32, 3 tickAttrib int32, 4 impliedVol double, 5 delta double,
    6 optPrice double, 7 pvDividend double, 8 gamma double, 9 vega double, 10 theta double,
    11 undPrice double
TickPrice:
    1 reqId int32, 2 tickType int32, 3 price double, 4 size string, 5 attrMask int32
TickReqParams:
    1 reqId int32, 2 minTick string, 3 bboExchange string, 4 snapshotPermissions int32,
    5 lastPricePrecision string, 6 lastSizePrecision string
TickSize:
    1 reqId int32, 2 tickType int32, 3 size string
TickSnapshotEnd:
    1 reqId int32
TickString:
    1 reqId int32, 2 tickType int32, 3 value string
UpdateConfigResponse:
    1 reqId int32, 2 status string, 3 message string, 4 changedFields *string, 5 errors *string,
    6 warnings *UpdateConfigWarning
UserInfo:
    1 reqId int32, 2 whiteBrandingId string
VerifyCompleted:
    1 isSuccessful bool, 2 errorText string
VerifyMessageApi:
    1 apiData string
WshEventData:
    1 reqId int32, 2 dataJson string
WshMetaData:
    1 reqId int32, 2 dataJson string
"""
