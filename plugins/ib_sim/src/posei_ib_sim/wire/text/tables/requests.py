"""Client to server: everything but orders."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import CountedOptions, Layout, layout, repeat, scope
from posei_ib_sim.wire.text.tables.parts import (
    CONTRACT_12,
    DELTA_NEUTRAL_CONTRACT,
    INCLUDE_EXPIRED,
    LEGS_4,
)

_MARKET = (
    layout(
        m.MarketDataRequest,
        "'11' reqId",
        CONTRACT_12,
        LEGS_4,
        DELTA_NEUTRAL_CONTRACT,
        "genericTickList snapshot regulatorySnapshot marketDataOptions",
    ),
    layout(m.CancelMarketData, "'2' reqId"),
    layout(m.MarketDataTypeRequest, "'1' marketDataType"),
    layout(m.TickByTickRequest, "reqId", CONTRACT_12, "tickType numberOfTicks ignoreSize"),
    layout(m.CancelTickByTick, "reqId"),
    layout(
        m.MarketDepthRequest, "'5' reqId", CONTRACT_12, "numRows isSmartDepth marketDepthOptions"
    ),
    layout(m.CancelMarketDepth, "'1' reqId isSmartDepth"),
    layout(
        m.RealTimeBarsRequest,
        "'3' reqId",
        CONTRACT_12,
        "barSize whatToShow useRTH realTimeBarsOptions",
    ),
    layout(m.CancelRealTimeBars, "'1' reqId"),
    layout(
        m.CalculateImpliedVolatilityRequest,
        "'3' reqId",
        CONTRACT_12,
        "optionPrice underPrice",
        CountedOptions("impliedVolatilityOptions", writes_count=False),
    ),
    layout(
        m.CalculateOptionPriceRequest,
        "'3' reqId",
        CONTRACT_12,
        "volatility underPrice",
        CountedOptions("optionPriceOptions", writes_count=False),
    ),
    layout(m.CancelCalculateImpliedVolatility, "'1' reqId"),
    layout(m.CancelCalculateOptionPrice, "'1' reqId"),
)

_HISTORY = (
    layout(
        m.HistoricalDataRequest,
        "reqId",
        CONTRACT_12,
        INCLUDE_EXPIRED,
        # The bar size comes before the duration.
        "endDateTime barSizeSetting duration useRTH whatToShow formatDate",
        LEGS_4,
        "keepUpToDate chartOptions",
    ),
    layout(m.CancelHistoricalData, "'1' reqId"),
    layout(
        m.HeadTimestampRequest,
        "reqId",
        CONTRACT_12,
        INCLUDE_EXPIRED,
        "useRTH whatToShow formatDate",
    ),
    layout(m.CancelHeadTimestamp, "reqId"),
    layout(m.HistogramDataRequest, "reqId", CONTRACT_12, INCLUDE_EXPIRED, "useRTH timePeriod"),
    layout(m.CancelHistogramData, "reqId"),
    layout(
        m.HistoricalTicksRequest,
        "reqId",
        CONTRACT_12,
        INCLUDE_EXPIRED,
        "startDateTime endDateTime numberOfTicks whatToShow useRTH ignoreSize miscOptions",
    ),
    layout(
        m.ScannerSubscriptionRequest,
        "reqId",
        scope(
            "scannerSubscription",
            "numberOfRows instrument locationCode scanCode abovePrice belowPrice aboveVolume",
            "marketCapAbove marketCapBelow moodyRatingAbove moodyRatingBelow spRatingAbove",
            "spRatingBelow maturityDateAbove maturityDateBelow couponRateAbove couponRateBelow",
            "excludeConvertible averageOptionVolumeAbove scannerSettingPairs stockTypeFilter",
            "scannerSubscriptionFilterOptions scannerSubscriptionOptions",
        ),
    ),
    layout(m.CancelScannerSubscription, "'1' reqId"),
    layout(m.ScannerParametersRequest, "'1'"),
)

_CONTRACTS = (
    layout(
        m.ContractDataRequest,
        "'8' reqId",
        CONTRACT_12,
        scope("contract", "includeExpired secIdType secId issuerId@176.."),
    ),
    layout(
        m.SecDefOptParamsRequest,
        "reqId underlyingSymbol futFopExchange underlyingSecType underlyingConId",
    ),
    layout(m.MatchingSymbolsRequest, "reqId pattern"),
    layout(m.MarketRuleRequest, "marketRuleId"),
    layout(m.SmartComponentsRequest, "reqId bboExchange"),
    layout(m.MarketDepthExchangesRequest),
)

_ACCOUNTS = (
    layout(
        m.ExecutionRequest,
        "'3' reqId",
        scope(
            "executionFilter",
            "clientId acctCode time symbol secType exchange side lastNDays@200..",
            repeat("specificDates", since=200),
        ),
    ),
    layout(m.AccountDataRequest, "'2' subscribe acctCode"),
    layout(m.ManagedAccountsRequest, "'1'"),
    layout(m.AccountSummaryRequest, "'1' reqId group tags"),
    layout(m.CancelAccountSummary, "'1' reqId"),
    layout(m.PositionsRequest, "'1'"),
    layout(m.CancelPositions, "'1'"),
    layout(m.PositionsMultiRequest, "'1' reqId account modelCode"),
    layout(m.CancelPositionsMulti, "'1' reqId"),
    layout(m.AccountUpdatesMultiRequest, "'1' reqId account modelCode ledgerAndNLV"),
    layout(m.CancelAccountUpdatesMulti, "'1' reqId"),
    layout(m.PnLRequest, "reqId account modelCode"),
    layout(m.CancelPnL, "reqId"),
    layout(m.PnLSingleRequest, "reqId account modelCode conId"),
    layout(m.CancelPnLSingle, "reqId"),
    layout(m.FARequest, "'1' faDataType"),
    layout(m.FAReplace, "'1' faDataType xml reqId"),
    layout(m.SoftDollarTiersRequest, "reqId"),
    layout(m.FamilyCodesRequest),
)

_NEWS = (
    layout(m.NewsBulletinsRequest, "'1' allMessages"),
    layout(m.CancelNewsBulletins, "'1'"),
    layout(m.NewsProvidersRequest),
    layout(m.NewsArticleRequest, "reqId providerCode articleId newsArticleOptions"),
    layout(
        m.HistoricalNewsRequest,
        "reqId conId providerCodes startDateTime endDateTime totalResults historicalNewsOptions",
    ),
    layout(m.WshMetaDataRequest, "reqId"),
    layout(m.CancelWshMetaData, "reqId"),
    layout(
        m.WshEventDataRequest,
        "reqId conId filter@171.. fillWatchlist@171.. fillPortfolio@171.. fillCompetitors@171..",
        "startDate@173.. endDate@173.. totalLimit@173..",
    ),
    layout(m.CancelWshEventData, "reqId"),
    layout(
        m.FundamentalDataRequest,
        "'2' reqId",
        scope("contract", "conId symbol secType exchange primaryExch currency localSymbol"),
        "reportType",
        CountedOptions("fundamentalDataOptions", writes_count=True),
    ),
    layout(m.CancelFundamentalData, "'1' reqId"),
)

_SESSION = (
    layout(m.StartApiRequest, "'2' clientId optionalCapabilities"),
    layout(m.CurrentTimeRequest, "'1'"),
    layout(m.CurrentTimeInMillisRequest),
    layout(m.SetServerLogLevelRequest, "'1' logLevel"),
    layout(m.UserInfoRequest, "reqId"),
    layout(m.QueryDisplayGroupsRequest, "'1' reqId"),
    layout(m.SubscribeToGroupEventsRequest, "'1' reqId groupId"),
    layout(m.UpdateDisplayGroupRequest, "'1' reqId contractInfo"),
    layout(m.UnsubscribeFromGroupEventsRequest, "'1' reqId"),
    layout(m.VerifyRequest, "'1' apiName apiVersion"),
    layout(m.VerifyMessageRequest, "'1' apiData"),
    layout(m.VerifyAndAuthRequest, "'1' apiName apiVersion opaqueIsvKey"),
    layout(m.VerifyAndAuthMessage, "'1' apiData xyzResponse"),
)

LAYOUTS: tuple[Layout, ...] = (*_MARKET, *_HISTORY, *_CONTRACTS, *_ACCOUNTS, *_NEWS, *_SESSION)
