"""ib_async, an independent client of the text dialect, sees the same in our frames."""

import logging
import random
from datetime import UTC
from decimal import Decimal
from types import SimpleNamespace

import pytest
from ib_async.decoder import Decoder
from msgspec.structs import replace
from wire_carried import FIRST_VERSION, in_text
from wire_ibapi import Parts, disagreements
from wire_strategies import saturated

from posei_ib_sim.wire import Codec
from posei_ib_sim.wire import messages as m

# Without 158, whose new field ib_async expects one version later.
VERSIONS = (157, 160, 162, 163, 164, 165, 166, 170, 176, 177, 178)


class Recorder:
    """Stand where ib_async has its wrapper, and record what is called."""

    defaultTimezone = UTC
    ib = SimpleNamespace(TimezoneTWS="")

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *args: self.calls.append((name, args))


def values(message, names):
    return tuple(getattr(message, name) for name in names.split())


def in_order(callback, names=None):
    def expect(message):
        return [(callback, values(message, names or " ".join(message.__struct_fields__)))]

    return expect


def _details(callback):
    def expect(message):
        details = message.contractDetails
        if details.suggestedSizeIncrement is None:  # at 163 ib_async takes the one for the other
            details = replace(details, minSize=None, suggestedSizeIncrement=details.minSize)
        parts = {"": details, "contract": message.contract}
        if callback == "bondContractDetails":
            maturity = message.contract.lastTradeDateOrContractMonth
            bond = replace(message.contract, lastTradeDateOrContractMonth="")
            parts |= {"contract": bond, "maturity": maturity}
        return [(callback, (message.reqId, Parts(parts)))]

    return expect


def _history(message):
    bars = [("historicalData", (message.reqId, bar)) for bar in message.historicalDataBars]
    ends = ("historicalDataEnd", values(message, "reqId startDateStr endDateStr"))
    return [*bars, ends]


def _tick_by_tick(message):
    trade, quote = message.historicalTickLast, message.historicalTickBidAsk
    if trade is not None:
        args = values(trade, "time price size tickAttribLast exchange specialConditions")
        return [("tickByTickAllLast", (message.reqId, message.tickType, *args))]
    if quote is not None:
        args = values(quote, "time priceBid priceAsk sizeBid sizeAsk tickAttribBidAsk")
        return [("tickByTickBidAsk", (message.reqId, *args))]
    mid = message.historicalTickMidPoint
    return [("tickByTickMidPoint", (message.reqId, mid.time, mid.price))]


def _scan(message):
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


def _depth(callback, names):
    return lambda message: [(callback, (message.reqId, *values(message.marketDepthData, names)))]


EXPECTED = {
    m.TickPrice: in_order("priceSizeTick", "reqId tickType price size"),
    m.TickSize: in_order("tickSize"),
    m.TickGeneric: in_order("tickGeneric"),
    m.TickString: in_order("tickString"),
    m.TickOptionComputation: in_order("tickOptionComputation"),
    m.TickSnapshotEnd: in_order("tickSnapshotEnd"),
    m.MarketDataType: in_order("marketDataType"),
    m.TickReqParams: in_order("tickReqParams", "reqId minTick bboExchange snapshotPermissions"),
    m.TickNews: in_order("tickNews"),
    m.MarketDepth: _depth("updateMktDepth", "position operation side price size"),
    m.MarketDepthL2: _depth(
        "updateMktDepthL2", "position marketMaker operation side price size isSmartDepth"
    ),
    m.MarketDepthExchanges: in_order("mktDepthExchanges"),
    m.SmartComponents: in_order("smartComponents"),
    m.TickByTickData: _tick_by_tick,
    m.HistoricalTicks: in_order("historicalTicks"),
    m.HistoricalTicksBidAsk: in_order("historicalTicksBidAsk"),
    m.HistoricalTicksLast: in_order("historicalTicksLast"),
    m.HistoricalData: _history,
    m.HistoricalDataUpdate: in_order("historicalDataUpdate"),
    m.RealTimeBarTick: in_order("realtimeBar"),
    m.HeadTimestamp: in_order("headTimestamp"),
    m.HistogramData: in_order("histogramData"),
    m.HistoricalSchedule: in_order("historicalSchedule"),
    m.ScannerParameters: in_order("scannerParameters"),
    m.ScannerData: _scan,
    m.ContractData: _details("contractDetails"),
    m.BondContractData: _details("bondContractDetails"),
    m.ContractDataEnd: in_order("contractDetailsEnd"),
    m.SymbolSamples: in_order("symbolSamples"),
    m.MarketRule: in_order("marketRule"),
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
    m.AccountUpdateMulti: in_order("accountUpdateMulti"),
    m.AccountUpdateMultiEnd: in_order("accountUpdateMultiEnd"),
    m.PnL: in_order("pnl"),
    m.PnLSingle: in_order("pnlSingle"),
    m.FamilyCodes: in_order("familyCodes"),
    m.SoftDollarTiers: in_order("softDollarTiers"),
    m.ReceiveFA: in_order("receiveFA"),
    m.OrderStatus: in_order("orderStatus"),
    m.OpenOrder: in_order("openOrder"),
    m.OpenOrdersEnd: in_order("openOrderEnd"),
    m.CompletedOrder: in_order("completedOrder"),
    m.CompletedOrdersEnd: in_order("completedOrdersEnd"),
    m.ExecutionDetails: in_order("execDetails"),
    m.ExecutionDetailsEnd: in_order("execDetailsEnd"),
    m.CommissionAndFeesReport: lambda message: [("commissionReport", (message,))],
    m.OrderBound: in_order("orderBound"),
    m.ErrorMessage: in_order("error", "id errorCode errorMsg advancedOrderRejectJson"),
    m.CurrentTime: in_order("currentTime"),
    m.NewsBulletin: in_order("updateNewsBulletin"),
    m.NewsProviders: in_order("newsProviders"),
    m.NewsArticle: in_order("newsArticle"),
    m.HistoricalNews: in_order("historicalNews"),
    m.HistoricalNewsEnd: in_order("historicalNewsEnd"),
    m.FundamentalData: in_order("fundamentalData"),
    m.WshMetaData: in_order("wshMetaData"),
    m.UserInfo: in_order("userInfo"),
}


def realistic(message):
    """Give the values that ib_async takes for times and whole numbers such."""
    if isinstance(message, m.ExecutionDetails):
        return replace(
            message, execution=replace(message.execution, time="20260413 15:27:04 US/Eastern")
        )
    if isinstance(message, m.BondContractData):
        return replace(message, contractDetails=replace(message.contractDetails, coupon=4.0))
    if isinstance(message, m.HistogramData):
        entries = (replace(entry, size=Decimal(7)) for entry in message.histogramDataEntries)
        return replace(message, histogramDataEntries=tuple(entries))
    return message


def client_calls(message, version):
    recorder = Recorder()
    payload = Codec(version).encode(message)[4:]
    Decoder(recorder, version).interpret(payload.decode().split("\0")[:-1])
    return recorder.calls


@pytest.mark.parametrize("message_type", EXPECTED, ids=lambda message: message.__name__)
def test_ib_async_sees_every_field_it_knows(message_type, caplog):
    caplog.set_level(logging.WARNING, logger="ib_async")
    for version in VERSIONS:
        if version < FIRST_VERSION.get(message_type, 0):
            continue
        chance = random.Random(f"{message_type.__name__} {version}")
        for _ in range(3):
            message = realistic(in_text(saturated(message_type, chance), version))
            calls = client_calls(message, version)
            assert not [record for record in caplog.records if record.name.startswith("ib_async")]
            expected = EXPECTED[message_type](message)
            assert [name for name, _ in calls] == [name for name, _ in expected], version
            for (name, theirs), (_, ours) in zip(calls, expected, strict=True):
                assert differences(name, ours, theirs) == [], version


def differences(name, ours, theirs):
    return [
        problem
        for index, (our, their) in enumerate(zip(ours, theirs, strict=False))
        for problem in disagreements(our, their, f"{name}[{index}]")
    ]
