"""Server to client: bars, schedules, histograms, scans."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import layout, repeat, scope

LAYOUTS = (
    layout(
        m.HistoricalData,
        "reqId startDateStr@..195 endDateStr@..195",
        repeat("historicalDataBars", "date open high low close volume|-1 WAP|-1 barCount|-1"),
    ),
    layout(m.HistoricalDataEnd, "reqId startDateStr endDateStr"),
    layout(
        m.HistoricalDataUpdate,
        "reqId",
        # Unlike whole bars: close before high and low, WAP before volume.
        scope("historicalDataBar", "barCount|-1 date open close high low WAP|-1 volume|-1"),
    ),
    layout(m.RealTimeBarTick, "'3' reqId time open high low close volume WAP count"),
    layout(m.HeadTimestamp, "reqId headTimestamp"),
    layout(m.HistogramData, "reqId", repeat("histogramDataEntries", "price size")),
    layout(
        m.HistoricalSchedule,
        "reqId startDateTime endDateTime timeZone",
        repeat("historicalSessions", "startDateTime endDateTime refDate"),
    ),
    layout(m.ScannerParameters, "'1' xml", exact=True),
    layout(
        m.ScannerData,
        "'3' reqId",
        repeat(
            "scannerDataElement",
            "rank",
            scope(
                "contract",
                "conId|0 symbol secType lastTradeDateOrContractMonth strike|0 right exchange",
                "currency localSymbol",
            ),
            "marketName",
            scope("contract", "tradingClass"),
            "distance benchmark projection comboKey",
        ),
    ),
)
