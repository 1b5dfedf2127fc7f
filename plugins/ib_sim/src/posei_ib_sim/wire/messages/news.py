"""News, the event calendar, fundamental reports."""

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class NewsBulletin(ServerMessage, kw_only=True, frozen=True):
    """Carry a bulletin of IB (14, updateNewsBulletin)."""

    newsMsgId: int | None = None
    newsMsgType: int | None = None
    newsMessage: str = ""
    originatingExch: str = ""


class NewsBulletinsRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to bulletins (12, reqNewsBulletins)."""

    allMessages: bool = False


class CancelNewsBulletins(ClientMessage, kw_only=True, frozen=True):
    """End the bulletins subscription (13, cancelNewsBulletins)."""


class NewsProvider(Record, kw_only=True, frozen=True):
    """Name a news provider."""

    providerCode: str = ""
    providerName: str = ""


class NewsProviders(ServerMessage, kw_only=True, frozen=True):
    """Answer reqNewsProviders (85, newsProviders)."""

    newsProviders: tuple[NewsProvider, ...] = ()


class NewsProvidersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the news providers (85, reqNewsProviders)."""


class NewsArticle(ServerMessage, kw_only=True, frozen=True):
    """Answer reqNewsArticle; articleType 0 text, 1 binary (83, newsArticle)."""

    reqId: int | None = None
    articleType: int | None = None
    articleText: str = ""


class NewsArticleRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for an article (84, reqNewsArticle)."""

    reqId: int | None = None
    providerCode: str = ""
    articleId: str = ""
    newsArticleOptions: dict[str, str] = msgspec.field(default_factory=dict)


class TickNews(ServerMessage, kw_only=True, frozen=True):
    """Carry a headline; timestamp in epoch milliseconds (84, tickNews)."""

    reqId: int | None = None
    timestamp: int | None = None
    providerCode: str = ""
    articleId: str = ""
    headline: str = ""
    extraData: str = ""


class HistoricalNews(ServerMessage, kw_only=True, frozen=True):
    """Carry one past headline (86, historicalNews)."""

    reqId: int | None = None
    time: str = ""
    providerCode: str = ""
    articleId: str = ""
    headline: str = ""


class HistoricalNewsEnd(ServerMessage, kw_only=True, frozen=True):
    """End past headlines (87, historicalNewsEnd)."""

    reqId: int | None = None
    hasMore: bool = False


class HistoricalNewsRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for past headlines (86, reqHistoricalNews)."""

    reqId: int | None = None
    conId: int | None = None
    providerCodes: str = ""
    startDateTime: str = ""
    endDateTime: str = ""
    totalResults: int | None = None
    historicalNewsOptions: dict[str, str] = msgspec.field(default_factory=dict)


class WshMetaData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqWshMetaData with JSON (104, wshMetaData)."""

    reqId: int | None = None
    dataJson: str = ""


class WshMetaDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask what the event calendar holds (100, reqWshMetaData)."""

    reqId: int | None = None


class CancelWshMetaData(ClientMessage, kw_only=True, frozen=True):
    """Drop such a request (101, cancelWshMetaData)."""

    reqId: int | None = None


class WshEventData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqWshEventData with JSON (105, wshEventData)."""

    reqId: int | None = None
    dataJson: str = ""


class WshEventDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for calendar events (102, reqWshEventData)."""

    reqId: int | None = None
    conId: int | None = None
    filter: str = ""
    fillWatchlist: bool = False
    fillPortfolio: bool = False
    fillCompetitors: bool = False
    startDate: str = ""
    endDate: str = ""
    totalLimit: int | None = None


class CancelWshEventData(ClientMessage, kw_only=True, frozen=True):
    """Drop such a request (103, cancelWshEventData)."""

    reqId: int | None = None


class FundamentalData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqFundamentalData with XML (51, text only, retired)."""

    reqId: int | None = None
    xml: str = ""


class FundamentalDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for a fundamental report (52, reqFundamentalData, text only, retired)."""

    reqId: int | None = None
    contract: Contract = Contract()
    reportType: str = ""
    fundamentalDataOptions: dict[str, str] = msgspec.field(default_factory=dict)


class CancelFundamentalData(ClientMessage, kw_only=True, frozen=True):
    """Drop such a request (53, text only, retired)."""

    reqId: int | None = None
