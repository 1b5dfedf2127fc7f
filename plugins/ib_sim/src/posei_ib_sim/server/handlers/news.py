"""News, scanners, the event calendar, advisor configuration: enough for every call to succeed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, final

from posei_ib_sim import wire
from posei_ib_sim.clock import NANOSECONDS
from posei_ib_sim.errors import RequestRefused
from posei_ib_sim.server.translate import to_wire

if TYPE_CHECKING:
    from posei_ib_sim.server.routes import Routes
    from posei_ib_sim.server.server import Server
    from posei_ib_sim.server.session import Session

__all__ = ["NewsHandlers"]

_PROVIDERS: Final = (
    ("BRFG", "Briefing.com General Market Columns"),
    ("BRFUPDN", "Briefing.com Analyst Actions"),
    ("DJNL", "Dow Jones Newsletters"),
)
_SCANNER_XML: Final = (
    '<?xml version="1.0" encoding="UTF-8"?><ScanParameterResponse><InstrumentList>'
    "<Instrument><name>US Stocks</name><type>STK</type></Instrument></InstrumentList>"
    "<LocationTree><Location><displayName>US Stocks</displayName>"
    "<locationCode>STK.US.MAJOR</locationCode></Location></LocationTree><ScanTypeList>"
    "<ScanType><displayName>Top % Gainers</displayName><scanCode>TOP_PERC_GAIN</scanCode>"
    "</ScanType><ScanType><displayName>Hot by Volume</displayName>"
    "<scanCode>HOT_BY_VOLUME</scanCode></ScanType></ScanTypeList></ScanParameterResponse>"
)
_SCAN: Final = "scanner"
_BULLETINS: Final = "bulletins"


@final
class NewsHandlers:
    """Serves what surrounds trading."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._advisor = server.simulation.desk.advisor

    def register(self, routes: Routes) -> None:
        """Enter the handlers into the table."""
        routes.add(wire.NewsProvidersRequest, self.providers)
        routes.add(wire.NewsArticleRequest, self.article)
        routes.add(wire.HistoricalNewsRequest, self.historical)
        routes.add(wire.NewsBulletinsRequest, self.bulletins)
        routes.add(wire.CancelNewsBulletins, self.cancel_bulletins)
        routes.add(wire.ScannerParametersRequest, self.scanner_parameters)
        routes.add(wire.ScannerSubscriptionRequest, self.scan)
        routes.add(wire.CancelScannerSubscription, self.cancel_scan)
        routes.add(wire.WshMetaDataRequest, self.wsh_meta)
        routes.add(wire.CancelWshMetaData, self.wsh_meta_answered)
        routes.add(wire.WshEventDataRequest, self.wsh_events)
        routes.add(wire.CancelWshEventData, self.wsh_events_answered)
        routes.add(wire.FARequest, self.advisor)
        routes.add(wire.FAReplace, self.replace_advisor)
        routes.add(wire.FundamentalDataRequest, self.fundamentals)
        routes.add(wire.CancelFundamentalData, self.fundamentals_answered)

    def providers(self, session: Session, _: wire.NewsProvidersRequest) -> None:
        """List the news providers."""
        session.send(
            wire.NewsProviders(
                newsProviders=tuple(
                    wire.NewsProvider(providerCode=code, providerName=name)
                    for code, name in _PROVIDERS
                )
            )
        )

    def article(self, session: Session, message: wire.NewsArticleRequest) -> None:
        """Answer the text of an article."""
        session.send(
            wire.NewsArticle(
                reqId=message.reqId,
                articleType=0,
                articleText=f"Simulated article {message.articleId} of {message.providerCode}.",
            )
        )

    def historical(self, session: Session, message: wire.HistoricalNewsRequest) -> None:
        """Answer that there are no past headlines."""
        session.send(wire.HistoricalNewsEnd(reqId=message.reqId, hasMore=False))

    def bulletins(self, session: Session, _: wire.NewsBulletinsRequest) -> None:
        """Subscribe to bulletins; the simulated IB issues none by itself."""
        session.subscribe(_BULLETINS, 0, lambda: None)

    def cancel_bulletins(self, session: Session, _: wire.CancelNewsBulletins) -> None:
        """End bulletins."""
        session.cancel(_BULLETINS, 0)

    def scanner_parameters(self, session: Session, _: wire.ScannerParametersRequest) -> None:
        """Answer the scanner's parameters as XML."""
        session.send(wire.ScannerParameters(xml=_SCANNER_XML))

    def scan(self, session: Session, message: wire.ScannerSubscriptionRequest) -> None:
        """Answer a ranking now and every thirty simulated seconds."""
        req_id = message.reqId or 0
        if session.has(_SCAN, req_id):
            raise RequestRefused(
                322, "Error processing request.-'bP' : cause - Duplicate ticker ID"
            )
        clock = self._server.simulation.clock
        rows = min(message.scannerSubscription.numberOfRows or 10, 50)

        def run() -> None:
            session.send(self._ranking(req_id, max(rows, 1)))

        run()
        session.subscribe(_SCAN, req_id, clock.every(30 * NANOSECONDS, run))

    def cancel_scan(self, session: Session, message: wire.CancelScannerSubscription) -> None:
        """End a scan."""
        if not session.cancel(_SCAN, message.reqId or 0):
            session.error(
                message.reqId or 0,
                365,
                f"No scanner subscription found for ticker id:{message.reqId}",
            )

    def wsh_meta(self, session: Session, message: wire.WshMetaDataRequest) -> None:
        """Answer an empty description of the event calendar."""
        session.send(wire.WshMetaData(reqId=message.reqId, dataJson=json.dumps({"meta_data": {}})))

    def wsh_events(self, session: Session, message: wire.WshEventDataRequest) -> None:
        """Answer that there are no events."""
        session.send(wire.WshEventData(reqId=message.reqId, dataJson=json.dumps([])))

    def wsh_meta_answered(self, session: Session, message: wire.CancelWshMetaData) -> None:
        """Accept a cancellation that comes after the answer."""

    def wsh_events_answered(self, session: Session, message: wire.CancelWshEventData) -> None:
        """Accept a cancellation that comes after the answer."""

    def advisor(self, session: Session, message: wire.FARequest) -> None:
        """Answer an advisor's groups or aliases; other accounts have none."""
        self._check_advisor()
        kind = message.faDataType or 1
        session.send(wire.ReceiveFA(faDataType=kind, xml=self._advisor.read(kind)))

    def replace_advisor(self, session: Session, message: wire.FAReplace) -> None:
        """Store an advisor's configuration."""
        self._check_advisor()
        self._advisor.replace(message.faDataType or 1, message.xml)
        session.send(wire.ReplaceFAEnd(reqId=message.reqId, text="success"))

    def fundamentals(self, _: Session, __: wire.FundamentalDataRequest) -> None:
        """Refuse a report that IB has retired."""
        raise RequestRefused(430, "We are sorry, but fundamentals data is not available.")

    def fundamentals_answered(self, session: Session, message: wire.CancelFundamentalData) -> None:
        """Accept a cancellation that comes after the answer."""

    def _check_advisor(self) -> None:
        if not self._advisor.exists:
            raise RequestRefused(
                321,
                "Error validating request.-'cB' : cause - FA data operations ignored for non FA"
                " customers.",
            )

    def _ranking(self, req_id: int, rows: int) -> wire.ScannerData:
        stocks = [
            contract
            for contract in self._server.simulation.contracts.contracts
            if contract.sec_type == "STK" and contract.currency == "USD"
        ]
        return wire.ScannerData(
            reqId=req_id,
            scannerDataElement=tuple(
                wire.ScannerDataElement(
                    rank=rank, contract=to_wire(contract), marketName=contract.market_name
                )
                for rank, contract in enumerate(stocks[:rows])
            ),
        )
