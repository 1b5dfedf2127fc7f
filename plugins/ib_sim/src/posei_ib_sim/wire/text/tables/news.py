"""Server to client: news, the event calendar, fundamental reports."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import layout, repeat

LAYOUTS = (
    layout(m.NewsBulletin, "'1' newsMsgId newsMsgType newsMessage originatingExch", exact=True),
    layout(m.NewsProviders, repeat("newsProviders", "providerCode providerName")),
    layout(m.NewsArticle, "reqId articleType articleText"),
    layout(m.HistoricalNews, "reqId time providerCode articleId headline"),
    layout(m.HistoricalNewsEnd, "reqId hasMore"),
    layout(m.WshMetaData, "reqId dataJson"),
    layout(m.WshEventData, "reqId dataJson"),
    layout(m.FundamentalData, "'1' reqId xml"),
)
