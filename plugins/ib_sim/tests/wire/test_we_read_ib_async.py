"""What ib_async writes, we read as the structs that were meant."""

import random

import ib_async as ia
import pytest
from ib_async.client import Client
from msgspec.structs import replace
from wire_carried import CONDITION_FIELDS, in_text
from wire_strategies import saturated

from posei_ib_sim.wire import Codec
from posei_ib_sim.wire import messages as m

VERSIONS = (157, 163, 166, 169, 170, 176, 177, 178)
THEIR_NAMES = {
    "primaryExch": "primaryExchange",
    "shortSalesSlot": "shortSaleSlot",
    "isConjunctionConnection": "conjunction",
    "type": "condType",
}


class CapturingClient(Client):
    """ib_async's client at a server version, connected to a list."""

    def __init__(self, version):
        super().__init__(None)
        self._serverVersion = version
        self.sent = []

    def isConnected(self):
        return True

    def sendMsg(self, msg):
        self.sent.append(msg)


def theirs(record):
    """Build ib_async's object that means the same as one of our structs."""
    if isinstance(record, m.OrderCondition):
        other = ia.OrderCondition.createClass(record.type)()
    else:
        other = getattr(ia, type(record).__name__)()
    for name in record.__struct_fields__:
        value = getattr(record, name)
        their_name = THEIR_NAMES.get(name, name)
        if isinstance(record, m.OrderCondition) and name == "exchange":
            their_name = "exch"
        if name == "isConjunctionConnection":
            value = "a" if value else "o"
        if value not in (None, ()) and hasattr(other, their_name):
            setattr(other, their_name, argument(value))
    return other


def argument(value):
    if isinstance(value, m.SoftDollarTier):
        return ia.SoftDollarTier(value.name, value.value, value.displayName)
    if isinstance(value, m.Record):
        return theirs(value)
    if isinstance(value, dict):
        return [ia.TagValue(tag, text) for tag, text in value.items()]
    if isinstance(value, tuple):
        return [argument(element) for element in value]
    return value


def call(method, names=None):
    def send(client, request):
        given = names.split() if names is not None else request.__struct_fields__
        getattr(client, method)(*(argument(getattr(request, name)) for name in given))

    return send


def _place(client, request):
    order = theirs(request.order)
    if any(leg.perLegPrice is not None for leg in request.contract.comboLegs):
        order.orderComboLegs = [
            ia.OrderComboLeg(price=leg.perLegPrice) for leg in request.contract.comboLegs
        ]
    client.placeOrder(request.orderId, theirs(request.contract), order)


REQUESTS = {
    m.MarketDataRequest: call("reqMktData"),
    m.TickByTickRequest: call("reqTickByTickData"),
    m.MarketDepthRequest: call("reqMktDepth"),
    m.RealTimeBarsRequest: call("reqRealTimeBars"),
    m.HistoricalDataRequest: call(
        "reqHistoricalData",
        "reqId contract endDateTime duration barSizeSetting whatToShow useRTH formatDate"
        " keepUpToDate chartOptions",
    ),
    m.HistoricalTicksRequest: call("reqHistoricalTicks"),
    m.HeadTimestampRequest: call("reqHeadTimeStamp", "reqId contract whatToShow useRTH formatDate"),
    m.HistogramDataRequest: call("reqHistogramData"),
    m.ContractDataRequest: call("reqContractDetails"),
    m.CalculateImpliedVolatilityRequest: call("calculateImpliedVolatility"),
    m.CalculateOptionPriceRequest: call("calculateOptionPrice"),
    m.FundamentalDataRequest: call("reqFundamentalData"),
    m.ExerciseOptionsRequest: call(
        "exerciseOptions", "orderId contract exerciseAction exerciseQuantity account override"
    ),
    m.PlaceOrderRequest: _place,
    m.CancelOrderRequest: lambda client, request: client.cancelOrder(
        request.orderId, request.orderCancel.manualOrderCancelTime
    ),
    m.GlobalCancelRequest: call("reqGlobalCancel", ""),
    m.AccountDataRequest: call("reqAccountUpdates"),
    m.AccountUpdatesMultiRequest: call("reqAccountUpdatesMulti"),
    m.AccountSummaryRequest: call("reqAccountSummary"),
    m.PositionsRequest: call("reqPositions"),
    m.OpenOrdersRequest: call("reqOpenOrders"),
    m.CompletedOrdersRequest: call("reqCompletedOrders"),
    m.AutoOpenOrdersRequest: call("reqAutoOpenOrders"),
    m.FAReplace: call("replaceFA", "reqId faDataType xml"),
    m.NewsArticleRequest: call("reqNewsArticle"),
    m.HistoricalNewsRequest: call("reqHistoricalNews"),
}


def meant(message_type, version):
    chance = random.Random(f"{message_type.__name__} {version}")
    for _ in range(4):
        request = saturated(message_type, chance)
        if isinstance(request, m.PlaceOrderRequest):
            request = _as_the_client_can_place_it(request)
        yield in_text(request, version)


def _as_the_client_can_place_it(request):
    conditions = tuple(
        m.OrderCondition(
            type=condition.type,
            **{name: getattr(condition, name) for name in CONDITION_FIELDS[condition.type].split()},
        )
        for condition in request.order.conditions
    )
    # It sends a volatility only with orders of type VOL.
    order = replace(request.order, conditions=conditions, usePriceMgmtAlgo=1, volatility=None)
    return replace(request, order=order)


@pytest.mark.parametrize("message_type", REQUESTS, ids=lambda message: message.__name__)
def test_a_request_of_ib_async_is_read_as_it_was_meant(message_type):
    for version in VERSIONS:
        for request in meant(message_type, version):
            client = CapturingClient(version)
            REQUESTS[message_type](client, request)
            (payload,) = client.sent
            assert Codec(version).decode(payload.encode()) == request, version
