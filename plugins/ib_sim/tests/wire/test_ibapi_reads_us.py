"""The official client's decoder sees in our frames exactly what the structs hold."""

import random

import msgspec
import pytest
from ibapi.decoder import Decoder
from wire_carried import FIRST_VERSION, in_protobuf, in_text
from wire_ibapi import Exactly, Parts, Recorder, disagreements
from wire_strategies import saturated

from posei_ib_sim.wire import Codec
from posei_ib_sim.wire import messages as m

TEXT_VERSIONS = (
    157, 158, 160, 162, 163, 164, 165, 166, 170, 176, 177, 178, 179, 182, 183, 184, 185, 186, 188,
    189, 193, 194, 195, 196, 197, 198, 199, 200,
)  # fmt: skip
PROTOBUF_VERSIONS = (213, 216, 217, 223, 224, 225, 226)


def each(callback, items, *before):
    return [(callback, (*before, item)) for item in items]


def values(message, names):
    return tuple(getattr(message, name) for name in names.split())


def in_order(callback, names=None):
    """Expect one callback with the named fields, or all, in order."""

    def expect(message, _version):
        return [(callback, values(message, names or " ".join(message.__struct_fields__)))]

    return expect


def _tick_by_tick(message, _version):
    last, quote, mid = (
        message.historicalTickLast,
        message.historicalTickBidAsk,
        message.historicalTickMidPoint,
    )
    if message.tickType in {1, 2}:
        args = values(last, "time price size tickAttribLast exchange specialConditions")
        return [("tickByTickAllLast", (message.reqId, message.tickType, *args))]
    if message.tickType == 3:
        args = values(quote, "time priceBid priceAsk sizeBid sizeAsk tickAttribBidAsk")
        return [("tickByTickBidAsk", (message.reqId, *args))]
    return [("tickByTickMidPoint", (message.reqId, mid.time, mid.price))]


def _tick_price(message, _version):
    calls = [("tickPrice", values(message, "reqId tickType price"))]
    size_tick = {1: 0, 2: 3, 4: 5, 66: 69, 67: 70, 68: 71}.get(message.tickType)
    if size_tick is not None:
        calls.append(("tickSize", (message.reqId, size_tick, message.size)))
    return calls


def _historical_data(message, _version):
    calls = each("historicalData", message.historicalDataBars, message.reqId)
    if message.startDateStr:
        calls.append(("historicalDataEnd", values(message, "reqId startDateStr endDateStr")))
    return calls


def _scanner_data(message, _version):
    rows = [
        (
            "scannerData",
            (
                message.reqId,
                row.rank,
                Parts({"contract": row.contract, "marketName": row.marketName}),
                *values(row, "distance benchmark projection comboKey"),
            ),
        )
        for row in message.scannerDataElement
    ]
    return [*rows, ("scannerDataEnd", (message.reqId,))]


def _contract_data(message, version):
    details = message.contractDetails
    if version == 163:  # the client passes over the size increment of this version
        details = msgspec.structs.replace(details, minSize=None)
    parts = Parts({"": details, "contract": message.contract})
    return [("contractDetails", (message.reqId, parts))]


def _bond_data(message, version):
    # The client keeps a bond's last trade date as its maturity; of text, only as that.
    contract = message.contract
    if version <= 200:
        contract = msgspec.structs.replace(contract, lastTradeDateOrContractMonth="")
    parts = Parts(
        {
            "": message.contractDetails,
            "contract": contract,
            "maturity": message.contract.lastTradeDateOrContractMonth,
        }
    )
    return [("bondContractDetails", (message.reqId, parts))]


def _option_chain(message, _version):
    # The client makes sets of both lists.
    names = "reqId exchange underlyingConId tradingClass multiplier"
    sets = (Exactly(set(message.expirations)), Exactly(set(message.strikes)))
    return [("securityDefinitionOptionParameter", (*values(message, names), *sets))]


def _components(message, version):
    if version <= 200:
        return [("smartComponents", (message.reqId, message.smartComponents))]
    by_bit = {row.bitNumber: (row.exchange, row.exchangeLetter) for row in message.smartComponents}
    return [("smartComponents", (message.reqId, Exactly(by_bit)))]


def _depth(callback, names):
    def expect(message, _version):
        return [(callback, (message.reqId, *values(message.marketDepthData, names)))]

    return expect


EXPECTED = {
    m.TickPrice: _tick_price,
    m.TickSize: in_order("tickSize"),
    m.TickGeneric: in_order("tickGeneric"),
    m.TickString: in_order("tickString"),
    m.TickEFP: in_order("tickEFP"),
    m.TickOptionComputation: in_order("tickOptionComputation"),
    m.TickSnapshotEnd: in_order("tickSnapshotEnd"),
    m.MarketDataType: in_order("marketDataType"),
    m.TickReqParams: in_order("tickReqParams", "reqId minTick bboExchange snapshotPermissions"),
    m.TickNews: in_order("tickNews"),
    m.RerouteMarketDataRequest: in_order("rerouteMktDataReq"),
    m.RerouteMarketDepthRequest: in_order("rerouteMktDepthReq"),
    m.DeltaNeutralValidation: in_order("deltaNeutralValidation"),
    m.MarketDepth: _depth("updateMktDepth", "position operation side price size"),
    m.MarketDepthL2: _depth(
        "updateMktDepthL2", "position marketMaker operation side price size isSmartDepth"
    ),
    m.MarketDepthExchanges: in_order("mktDepthExchanges"),
    m.TickByTickData: _tick_by_tick,
    m.HistoricalTicks: in_order("historicalTicks"),
    m.HistoricalTicksBidAsk: in_order("historicalTicksBidAsk"),
    m.HistoricalTicksLast: in_order("historicalTicksLast"),
    m.HistoricalData: _historical_data,
    m.HistoricalDataEnd: in_order("historicalDataEnd"),
    m.HistoricalDataUpdate: in_order("historicalDataUpdate"),
    m.RealTimeBarTick: in_order("realtimeBar"),
    m.HeadTimestamp: in_order("headTimestamp"),
    m.HistogramData: in_order("histogramData"),
    m.HistoricalSchedule: in_order("historicalSchedule"),
    m.ScannerParameters: in_order("scannerParameters"),
    m.ScannerData: _scanner_data,
    m.ContractData: _contract_data,
    m.BondContractData: _bond_data,
    m.SecDefOptParameter: _option_chain,
    m.SmartComponents: _components,
    m.ContractDataEnd: in_order("contractDetailsEnd"),
    m.SecDefOptParameterEnd: in_order("securityDefinitionOptionParameterEnd"),
    m.MarketRule: in_order("marketRule"),
    m.SymbolSamples: in_order("symbolSamples"),
    m.ManagedAccounts: in_order("managedAccounts"),
    m.NextValidId: in_order("nextValidId"),
    m.AccountValue: in_order("updateAccountValue"),
    m.PortfolioValue: in_order("updatePortfolio"),
    m.AccountUpdateTime: in_order("updateAccountTime"),
    m.AccountDataEnd: in_order("accountDownloadEnd"),
    m.AccountSummary: in_order("accountSummary"),
    m.AccountSummaryEnd: in_order("accountSummaryEnd"),
    m.Position: in_order("position"),
    m.PositionEnd: in_order("positionEnd"),
    m.PositionMulti: in_order("positionMulti", "reqId account modelCode contract position avgCost"),
    m.PositionMultiEnd: in_order("positionMultiEnd"),
    m.AccountUpdateMulti: in_order("accountUpdateMulti"),
    m.AccountUpdateMultiEnd: in_order("accountUpdateMultiEnd"),
    m.PnL: in_order("pnl"),
    m.PnLSingle: in_order("pnlSingle"),
    m.FamilyCodes: in_order("familyCodes"),
    m.SoftDollarTiers: in_order("softDollarTiers"),
    m.UserInfo: in_order("userInfo"),
    m.ReceiveFA: in_order("receiveFA"),
    m.ReplaceFAEnd: in_order("replaceFAEnd"),
    m.OrderStatus: in_order("orderStatus"),
    m.ExecutionDetails: in_order("execDetails"),
    m.ExecutionDetailsEnd: in_order("execDetailsEnd"),
    m.OpenOrdersEnd: in_order("openOrderEnd"),
    m.CompletedOrdersEnd: in_order("completedOrdersEnd"),
    m.OrderBound: in_order("orderBound"),
    m.OpenOrder: in_order("openOrder"),
    m.CompletedOrder: in_order("completedOrder"),
    m.CommissionAndFeesReport: lambda message, _version: [("commissionAndFeesReport", (message,))],
    m.ErrorMessage: in_order("error"),
    m.CurrentTime: in_order("currentTime"),
    m.CurrentTimeInMillis: in_order("currentTimeInMillis"),
    m.NewsBulletin: in_order("updateNewsBulletin"),
    m.NewsProviders: in_order("newsProviders"),
    m.NewsArticle: in_order("newsArticle"),
    m.HistoricalNews: in_order("historicalNews"),
    m.HistoricalNewsEnd: in_order("historicalNewsEnd"),
    m.WshMetaData: in_order("wshMetaData"),
    m.WshEventData: in_order("wshEventData"),
    m.DisplayGroupList: in_order("displayGroupList"),
    m.DisplayGroupUpdated: in_order("displayGroupUpdated"),
    m.VerifyMessageApi: in_order("verifyMessageAPI"),
    m.VerifyCompleted: in_order("verifyCompleted"),
    m.VerifyAndAuthMessageApi: in_order("verifyAndAuthMessageAPI"),
    m.VerifyAndAuthCompleted: in_order("verifyAndAuthCompleted"),
}


def client_calls(message, version):
    """Return the callbacks that the official decoder makes of a frame."""
    recorder = Recorder()
    decoder = Decoder(recorder, version)
    payload = Codec(version).encode(message)[4:]
    if version <= 200:
        message_id, *fields = payload.split(b"\0")[:-1]
        decoder.interpret(fields, int(message_id))
    elif (wire_id := int.from_bytes(payload[:4], "big")) > 200:
        decoder.processProtoBuf(payload[4:], wire_id - 200)
    else:
        decoder.interpret(payload[4:].split(b"\0")[:-1], wire_id)
    return recorder.calls


def drawn(message_type, version):
    chance = random.Random(f"{message_type.__name__} {version}")
    return [received(saturated(message_type, chance), version) for _ in range(3)]


def received(message, version):
    if isinstance(message, m.TickByTickData):
        message = in_text(message, 200)  # one kind of tick at a time, as real gateways send
    return in_text(message, version) if version <= 200 else in_protobuf(message, version)


@pytest.mark.parametrize("message_type", EXPECTED, ids=lambda message: message.__name__)
def test_the_official_decoder_sees_every_field(message_type):
    for version in (*TEXT_VERSIONS, *PROTOBUF_VERSIONS):
        if version < FIRST_VERSION.get(message_type, 0):
            continue
        for message in drawn(message_type, version):
            _assert_agreement(message, version)


def _assert_agreement(message, version):
    calls = client_calls(message, version)
    expected = EXPECTED[type(message)](message, version)
    assert [name for name, _ in calls] == [name for name, _ in expected], version
    for (name, theirs), (_, ours) in zip(calls, expected, strict=True):
        assert _differences(name, ours, theirs) == [], version


def _differences(name, ours, theirs):
    return [
        problem
        for index, (our, their) in enumerate(zip(ours, theirs, strict=False))
        for problem in disagreements(our, their, f"{name}[{index}]")
    ]
