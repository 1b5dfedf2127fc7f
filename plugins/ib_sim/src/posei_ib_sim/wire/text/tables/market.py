"""Server to client: streaming market data, depth, ticks."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import Mask, layout, repeat, scope, when

LAST_MASK = Mask("tickAttribLast", ("pastLimit", "unreported"))
BID_ASK_MASK = Mask("tickAttribBidAsk", ("bidPastLow", "askPastHigh"))
"""The bits of streamed quotes; historical quotes have them the other way round."""

HISTORICAL_BID_ASK_MASK = Mask("tickAttribBidAsk", ("askPastHigh", "bidPastLow"))

LAYOUTS = (
    layout(m.TickPrice, "'6' reqId tickType price size attrMask|0", exact=True),
    layout(m.TickSize, "'6' reqId tickType size"),
    layout(m.TickGeneric, "'6' reqId tickType value", exact=True),
    layout(m.TickString, "'6' reqId tickType value", exact=True),
    layout(
        m.TickEFP,
        "'6' reqId tickType basisPoints formattedBasisPoints totalDividends holdDays",
        "futureLastTradeDate dividendImpact dividendsToLastTradeDate",
        exact=True,
    ),
    layout(
        m.TickOptionComputation,
        "reqId tickType tickAttrib|0 impliedVol!-1 delta!-2 optPrice!-1 pvDividend!-1 gamma!-2",
        "vega!-2 theta!-2 undPrice!-1",
    ),
    layout(m.TickSnapshotEnd, "'1' reqId", exact=True),
    layout(m.MarketDataType, "'1' reqId marketDataType", exact=True),
    layout(m.TickReqParams, "reqId minTick bboExchange snapshotPermissions|0"),
    layout(m.TickNews, "reqId timestamp providerCode articleId headline extraData"),
    layout(m.RerouteMarketDataRequest, "reqId conId exchange"),
    layout(m.RerouteMarketDepthRequest, "reqId conId exchange"),
    layout(
        m.DeltaNeutralValidation, "'1' reqId", scope("deltaNeutralContract", "conId delta price")
    ),
    layout(
        m.MarketDepth, "'1' reqId", scope("marketDepthData", "position operation side price size")
    ),
    layout(
        m.MarketDepthL2,
        "'1' reqId",
        scope("marketDepthData", "position marketMaker operation side price size isSmartDepth"),
    ),
    layout(
        m.MarketDepthExchanges,
        repeat(
            "depthMarketDataDescriptions",
            "exchange secType listingExch serviceDataType aggGroup|MAX",
        ),
    ),
    layout(
        m.SmartComponents, "reqId", repeat("smartComponents", "bitNumber exchange exchangeLetter")
    ),
    layout(
        m.TickByTickData,
        "reqId tickType",
        when(
            "tickType",
            lambda tick_type: tick_type in {1, 2},
            scope("historicalTickLast", "time price size", LAST_MASK, "exchange specialConditions"),
        ),
        when(
            "tickType",
            lambda tick_type: tick_type == 3,
            scope("historicalTickBidAsk", "time priceBid priceAsk sizeBid sizeAsk", BID_ASK_MASK),
        ),
        when(
            "tickType",
            lambda tick_type: tick_type == 4,
            scope("historicalTickMidPoint", "time price"),
        ),
    ),
    layout(m.HistoricalTicks, "reqId", repeat("historicalTicks", "time '0' price size"), "isDone"),
    layout(
        m.HistoricalTicksBidAsk,
        "reqId",
        repeat(
            "historicalTicksBidAsk",
            "time",
            HISTORICAL_BID_ASK_MASK,
            "priceBid priceAsk sizeBid sizeAsk",
        ),
        "isDone",
    ),
    layout(
        m.HistoricalTicksLast,
        "reqId",
        repeat("historicalTicksLast", "time", LAST_MASK, "price size exchange specialConditions"),
        "isDone",
    ),
)
