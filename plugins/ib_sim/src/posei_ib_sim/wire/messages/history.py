"""Bars, schedules, histograms and what else history knows."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class HistoricalDataBar(Record, kw_only=True, frozen=True):
    """Carry one bar; volume, WAP and barCount are -1 for data other than trades."""

    date: str = ""
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: Decimal | None = None
    WAP: Decimal | None = None
    barCount: int | None = None


class HistoricalData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistoricalData; the dates go out below 196 only (17, historicalData)."""

    reqId: int | None = None
    historicalDataBars: tuple[HistoricalDataBar, ...] = ()
    startDateStr: str = ""
    endDateStr: str = ""


class HistoricalDataEnd(ServerMessage, kw_only=True, frozen=True):
    """End a history answer with the dates it covers (108, since 196)."""

    reqId: int | None = None
    startDateStr: str = ""
    endDateStr: str = ""


class HistoricalDataUpdate(ServerMessage, kw_only=True, frozen=True):
    """Update the last bar of a keepUpToDate request (90, historicalDataUpdate)."""

    reqId: int | None = None
    historicalDataBar: HistoricalDataBar = HistoricalDataBar()


class HistoricalDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for bars (20, reqHistoricalData)."""

    reqId: int | None = None
    contract: Contract = Contract()
    endDateTime: str = ""
    barSizeSetting: str = ""
    duration: str = ""
    useRTH: bool = False
    whatToShow: str = ""
    formatDate: int | None = None
    keepUpToDate: bool = False
    chartOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelHistoricalData(ClientMessage, kw_only=True, frozen=True):
    """Stop a history request or its updates (25, cancelHistoricalData)."""

    reqId: int | None = None


class RealTimeBarTick(ServerMessage, kw_only=True, frozen=True):
    """Carry a five-second bar; time in epoch seconds at the bar's start (50, realTimeBars)."""

    reqId: int | None = None
    time: int | None = None
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: Decimal | None = None
    WAP: Decimal | None = None
    count: int | None = None


class RealTimeBarsRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to five-second bars (50, reqRealTimeBars)."""

    reqId: int | None = None
    contract: Contract = Contract()
    barSize: int | None = None
    whatToShow: str = ""
    useRTH: bool = False
    realTimeBarsOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelRealTimeBars(ClientMessage, kw_only=True, frozen=True):
    """End a real-time bars subscription (51, cancelRealTimeBars)."""

    reqId: int | None = None


class HeadTimestamp(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHeadTimestamp (88, headTimestamp)."""

    reqId: int | None = None
    headTimestamp: str = ""


class HeadTimestampRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask where a contract's history begins (87, reqHeadTimestamp)."""

    reqId: int | None = None
    contract: Contract = Contract()
    useRTH: bool = False
    whatToShow: str = ""
    formatDate: int | None = None


class CancelHeadTimestamp(ClientMessage, kw_only=True, frozen=True):
    """Drop a head timestamp request (90, cancelHeadTimestamp)."""

    reqId: int | None = None


class HistogramDataEntry(Record, kw_only=True, frozen=True):
    """Carry the size traded at one price."""

    price: float | None = None
    size: Decimal | None = None


class HistogramData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistogramData (89, histogramData)."""

    reqId: int | None = None
    histogramDataEntries: tuple[HistogramDataEntry, ...] = ()


class HistogramDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for sizes by price (88, reqHistogramData)."""

    reqId: int | None = None
    contract: Contract = Contract()
    useRTH: bool = False
    timePeriod: str = ""


class CancelHistogramData(ClientMessage, kw_only=True, frozen=True):
    """Drop a histogram request (89, cancelHistogramData)."""

    reqId: int | None = None


class HistoricalSession(Record, kw_only=True, frozen=True):
    """Carry one trading session."""

    startDateTime: str = ""
    endDateTime: str = ""
    refDate: str = ""


class HistoricalSchedule(ServerMessage, kw_only=True, frozen=True):
    """Answer reqHistoricalData for SCHEDULE (106, historicalSchedule, since 165)."""

    reqId: int | None = None
    startDateTime: str = ""
    endDateTime: str = ""
    timeZone: str = ""
    historicalSessions: tuple[HistoricalSession, ...] = ()
