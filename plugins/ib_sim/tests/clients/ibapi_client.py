"""The official Python client in a thread of its own, with what it is told kept in lists."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from ibapi.client import EClient
from ibapi.wrapper import EWrapper

_RECORDED = (
    "managedAccounts",
    "nextValidId",
    "error",
    "contractDetails",
    "contractDetailsEnd",
    "bondContractDetails",
    "tickPrice",
    "tickSize",
    "tickString",
    "tickGeneric",
    "tickSnapshotEnd",
    "tickReqParams",
    "marketDataType",
    "tickByTickAllLast",
    "tickByTickBidAsk",
    "tickByTickMidPoint",
    "realtimeBar",
    "historicalData",
    "historicalDataEnd",
    "historicalDataUpdate",
    "historicalTicksBidAsk",
    "historicalTicksLast",
    "historicalTicks",
    "historicalSchedule",
    "headTimestamp",
    "histogramData",
    "openOrder",
    "orderStatus",
    "orderBound",
    "openOrderEnd",
    "execDetails",
    "execDetailsEnd",
    "commissionAndFeesReport",
    "completedOrder",
    "completedOrdersEnd",
    "accountSummary",
    "accountSummaryEnd",
    "updateAccountValue",
    "updatePortfolio",
    "accountDownloadEnd",
    "position",
    "positionEnd",
    "positionMulti",
    "positionMultiEnd",
    "accountUpdateMulti",
    "accountUpdateMultiEnd",
    "pnl",
    "pnlSingle",
    "currentTime",
    "symbolSamples",
    "marketRule",
    "securityDefinitionOptionParameter",
    "securityDefinitionOptionParameterEnd",
    "mktDepthExchanges",
    "smartComponents",
    "familyCodes",
    "newsProviders",
    "scannerParameters",
    "scannerData",
    "scannerDataEnd",
    "updateMktDepth",
    "updateMktDepthL2",
    "userInfo",
    "receiveFA",
    "replaceFAEnd",
    "tickOptionComputation",
    "softDollarTiers",
    "displayGroupList",
    "displayGroupUpdated",
    "connectionClosed",
)


class IbapiClient(EWrapper, EClient):
    """An `ibapi` application that records every callback."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, wrapper=self)
        self.calls: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._thread: threading.Thread | None = None
        self._stopping = False

    def start(self, host: str, port: int, client_id: int) -> None:
        """Connect and run the message loop in a thread."""
        self.connect(host, port, client_id)
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        try:
            self.run()
        except TypeError:
            # ibapi's own race: disconnect() clears the server version under its running loop.
            if not self._stopping:
                raise

    def stop(self) -> None:
        """Disconnect and wait for the loop to end."""
        self._stopping = True
        self.disconnect()
        if self._thread is not None:
            self._thread.join(5)

    def last(self, callback: str) -> tuple[Any, ...]:
        """Return the arguments of the latest call."""
        return self.calls[callback][-1]

    def errors(self) -> list[tuple[int, int, str]]:
        """Return request id, code and text of all errors that are no notices."""
        found = [(call[0], call[2], call[3]) for call in self.calls["error"]]
        return [one for one in found if one[1] not in {2104, 2106, 2158}]


def _recorder(name: str):
    def record(self: IbapiClient, *arguments: Any) -> None:
        self.calls[name].append(arguments)

    return record


for _name in _RECORDED:
    setattr(IbapiClient, _name, _recorder(_name))
