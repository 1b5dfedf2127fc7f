"""What the official client writes, we read as the structs that were meant."""

import random

import pytest
from ibapi.order import OrderComboLeg
from msgspec.structs import replace
from wire_carried import CONDITION_FIELDS, FIRST_VERSION, in_protobuf, in_text
from wire_ibapi import CapturingClient, argument, official
from wire_strategies import saturated

from posei_ib_sim.wire import Codec, FrameBuffer
from posei_ib_sim.wire import messages as m

TEXT_VERSIONS = (
    157, 158, 160, 161, 162, 163, 166, 167, 169, 170, 171, 173, 176, 177, 178, 180, 183, 184, 187,
    188, 189, 190, 191, 192, 193, 197, 198, 199, 200,
)  # fmt: skip
PROTOBUF_VERSIONS = (213, 215, 216, 217, 218, 223, 225, 226)


def call(method, names=None):
    """Send by a method of the client, with the named fields of the request, or all, in order."""

    def send(client, request):
        given = names.split() if names is not None else request.__struct_fields__
        getattr(client, method)(*(argument(getattr(request, name)) for name in given))

    return send


def _scan(client, request):
    scan = request.scannerSubscription
    options = argument(scan.scannerSubscriptionOptions)
    filters = argument(scan.scannerSubscriptionFilterOptions)
    client.reqScannerSubscription(request.reqId, official(scan), options, filters)


def _place(client, request):
    order = official(request.order)
    prices = [leg.perLegPrice for leg in request.contract.comboLegs]
    if any(price is not None for price in prices):
        order.orderComboLegs = [OrderComboLeg() for _ in prices]
        for leg, price in zip(order.orderComboLegs, prices, strict=True):
            leg.price = price
    attached = request.attachedOrders
    for name in attached.__struct_fields__:
        if getattr(attached, name):
            setattr(order, name, getattr(attached, name))
    client.placeOrder(request.orderId, official(request.contract), order)


def _start(client, request):
    client.clientId, client.optCapab = request.clientId, request.optionalCapabilities
    client.startApi()


def _verify_and_auth(method):
    def send(client, request):
        client.extraAuth = True
        call(method)(client, request)

    return send


REQUESTS = {
    m.StartApiRequest: _start,
    m.MarketDataRequest: call("reqMktData"),
    m.CancelMarketData: call("cancelMktData"),
    m.MarketDataTypeRequest: call("reqMarketDataType"),
    m.TickByTickRequest: call("reqTickByTickData"),
    m.CancelTickByTick: call("cancelTickByTickData"),
    m.MarketDepthRequest: call("reqMktDepth"),
    m.CancelMarketDepth: call("cancelMktDepth"),
    m.MarketDepthExchangesRequest: call("reqMktDepthExchanges"),
    m.SmartComponentsRequest: call("reqSmartComponents"),
    m.MarketRuleRequest: call("reqMarketRule"),
    m.CalculateImpliedVolatilityRequest: call("calculateImpliedVolatility"),
    m.CalculateOptionPriceRequest: call("calculateOptionPrice"),
    m.CancelCalculateImpliedVolatility: call("cancelCalculateImpliedVolatility"),
    m.CancelCalculateOptionPrice: call("cancelCalculateOptionPrice"),
    m.ExerciseOptionsRequest: call("exerciseOptions"),
    m.PlaceOrderRequest: _place,
    m.CancelOrderRequest: call("cancelOrder"),
    m.GlobalCancelRequest: call("reqGlobalCancel"),
    m.OpenOrdersRequest: call("reqOpenOrders"),
    m.AllOpenOrdersRequest: call("reqAllOpenOrders"),
    m.AutoOpenOrdersRequest: call("reqAutoOpenOrders"),
    m.CompletedOrdersRequest: call("reqCompletedOrders"),
    m.IdsRequest: call("reqIds"),
    m.ExecutionRequest: call("reqExecutions"),
    m.AccountDataRequest: call("reqAccountUpdates"),
    m.AccountSummaryRequest: call("reqAccountSummary"),
    m.CancelAccountSummary: call("cancelAccountSummary"),
    m.PositionsRequest: call("reqPositions"),
    m.CancelPositions: call("cancelPositions"),
    m.PositionsMultiRequest: call("reqPositionsMulti"),
    m.CancelPositionsMulti: call("cancelPositionsMulti"),
    m.AccountUpdatesMultiRequest: call("reqAccountUpdatesMulti"),
    m.CancelAccountUpdatesMulti: call("cancelAccountUpdatesMulti"),
    m.PnLRequest: call("reqPnL"),
    m.CancelPnL: call("cancelPnL"),
    m.PnLSingleRequest: call("reqPnLSingle"),
    m.CancelPnLSingle: call("cancelPnLSingle"),
    m.ManagedAccountsRequest: call("reqManagedAccts"),
    m.FamilyCodesRequest: call("reqFamilyCodes"),
    m.SoftDollarTiersRequest: call("reqSoftDollarTiers"),
    m.FARequest: call("requestFA"),
    m.FAReplace: call("replaceFA"),
    m.UserInfoRequest: call("reqUserInfo"),
    m.ContractDataRequest: call("reqContractDetails"),
    m.CancelContractData: call("cancelContractData"),
    m.MatchingSymbolsRequest: call("reqMatchingSymbols"),
    m.SecDefOptParamsRequest: call("reqSecDefOptParams"),
    m.HistoricalDataRequest: call(
        "reqHistoricalData",
        "reqId contract endDateTime duration barSizeSetting whatToShow useRTH formatDate"
        " keepUpToDate chartOptions",
    ),
    m.CancelHistoricalData: call("cancelHistoricalData"),
    m.HeadTimestampRequest: call("reqHeadTimeStamp", "reqId contract whatToShow useRTH formatDate"),
    m.CancelHeadTimestamp: call("cancelHeadTimeStamp"),
    m.HistogramDataRequest: call("reqHistogramData"),
    m.CancelHistogramData: call("cancelHistogramData"),
    m.HistoricalTicksRequest: call("reqHistoricalTicks"),
    m.CancelHistoricalTicks: call("cancelHistoricalTicks"),
    m.RealTimeBarsRequest: call("reqRealTimeBars"),
    m.CancelRealTimeBars: call("cancelRealTimeBars"),
    m.ScannerParametersRequest: call("reqScannerParameters"),
    m.ScannerSubscriptionRequest: _scan,
    m.CancelScannerSubscription: call("cancelScannerSubscription"),
    m.NewsBulletinsRequest: call("reqNewsBulletins"),
    m.CancelNewsBulletins: call("cancelNewsBulletins"),
    m.NewsProvidersRequest: call("reqNewsProviders"),
    m.NewsArticleRequest: call("reqNewsArticle"),
    m.HistoricalNewsRequest: call("reqHistoricalNews"),
    m.WshMetaDataRequest: call("reqWshMetaData"),
    m.CancelWshMetaData: call("cancelWshMetaData"),
    m.WshEventDataRequest: lambda client, request: client.reqWshEventData(
        request.reqId, official(request)
    ),
    m.CancelWshEventData: call("cancelWshEventData"),
    m.CurrentTimeRequest: call("reqCurrentTime"),
    m.CurrentTimeInMillisRequest: call("reqCurrentTimeInMillis"),
    m.SetServerLogLevelRequest: call("setServerLogLevel"),
    m.QueryDisplayGroupsRequest: call("queryDisplayGroups"),
    m.SubscribeToGroupEventsRequest: call("subscribeToGroupEvents"),
    m.UpdateDisplayGroupRequest: call("updateDisplayGroup"),
    m.UnsubscribeFromGroupEventsRequest: call("unsubscribeFromGroupEvents"),
    m.VerifyRequest: _verify_and_auth("verifyRequest"),
    m.VerifyMessageRequest: call("verifyMessage"),
    m.VerifyAndAuthRequest: _verify_and_auth("verifyAndAuthRequest"),
    m.VerifyAndAuthMessage: call("verifyAndAuthMessage"),
}


# Requests whose options the client refuses to send as text: "for internal use only".
REFUSES_OPTIONS = {
    m.MarketDataRequest: "marketDataOptions",
    m.MarketDepthRequest: "marketDepthOptions",
    m.RealTimeBarsRequest: "realTimeBarsOptions",
    m.CalculateImpliedVolatilityRequest: "impliedVolatilityOptions",
    m.CalculateOptionPriceRequest: "optionPriceOptions",
}


def sent_by_client(request, version):
    client = CapturingClient(version)
    REQUESTS[type(request)](client, request)
    assert client.recorder.calls == []
    (payload,) = FrameBuffer().feed(client.sent)
    return Codec(version).decode(payload)


def meant(message_type, version):
    """Draw requests that can be expressed at a version."""
    chance = random.Random(f"{message_type.__name__} {version}")
    for _ in range(4):
        request = saturated(message_type, chance)
        if isinstance(request, m.PlaceOrderRequest):
            request = _as_the_client_can_place_it(request)
        elif version > 200 and hasattr(request, "contract"):
            request = _without_order_fields(request)
        elif version <= 200 and REFUSES_OPTIONS.get(message_type):
            request = replace(request, **{REFUSES_OPTIONS[message_type]: {}})
        yield in_text(request, version) if version <= 200 else in_protobuf(request, version)


def _without_order_fields(request):
    """Leave out what the client sends only as part of an order."""
    legs = tuple(replace(leg, perLegPrice=None) for leg in request.contract.comboLegs)
    return replace(request, contract=replace(request.contract, comboLegs=legs, lastTradeDate=""))


def _as_the_client_can_place_it(request):
    """Leave out what only reports carry; switches with three states are on."""
    conditions = tuple(
        m.OrderCondition(
            type=condition.type,
            **{name: getattr(condition, name) for name in CONDITION_FIELDS[condition.type].split()},
        )
        for condition in request.order.conditions
    )
    order = replace(
        request.order,
        conditions=conditions,
        softDollarTier=replace(request.order.softDollarTier, displayName=""),
        usePriceMgmtAlgo=1,
        routeMarketableToBbo=1,
        seekPriceImprovement=1,
        orderId=None,
        autoCancelDate="",
        filledQuantity=None,
        refFuturesConId=None,
        shareholder="",
        parentPermId=None,
    )
    return replace(request, order=order, contract=replace(request.contract, lastTradeDate=""))


@pytest.mark.parametrize("message_type", REQUESTS, ids=lambda message: message.__name__)
def test_a_request_of_the_official_client_is_read_as_it_was_meant(message_type):
    for version in (*TEXT_VERSIONS, *PROTOBUF_VERSIONS):
        if version < FIRST_VERSION.get(message_type, 0):
            continue
        for request in meant(message_type, version):
            assert sent_by_client(request, version) == request, version
