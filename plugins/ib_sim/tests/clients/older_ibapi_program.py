"""A whole session of an older official client, run in an environment of its own.

    python older_ibapi_program.py PORT

Prints one JSON object of what the client was told. Knows both forms of the interface that differ
between 9.81 and 10.30.
"""

import inspect
import json
import sys
import threading

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper

RECORDED = (
    "managedAccounts", "nextValidId", "error", "contractDetails", "contractDetailsEnd",
    "securityDefinitionOptionParameter", "securityDefinitionOptionParameterEnd", "tickPrice",
    "tickSize", "historicalData", "historicalDataEnd", "openOrder", "orderStatus", "execDetails",
    "execDetailsEnd", "commissionReport", "accountSummary", "accountSummaryEnd",
    "updateAccountValue", "accountDownloadEnd", "position", "positionEnd", "pnl",
)  # fmt: skip


class Program(EWrapper, EClient):
    """Records every callback and lets the main thread wait for what it needs."""

    def __init__(self):
        EWrapper.__init__(self)
        EClient.__init__(self, wrapper=self)
        self.calls = {name: [] for name in RECORDED}
        self.news = threading.Condition()

    def note(self, name, arguments):
        with self.news:
            self.calls[name].append(arguments)
            self.news.notify_all()

    def wait(self, condition, what):
        with self.news:
            if not self.news.wait_for(lambda: condition(self.calls), 20):
                errors = [call[1:3] for call in self.calls["error"]]
                raise TimeoutError(f"{what} did not come; errors: {errors}")


def recorder(name):
    return lambda self, *arguments: self.note(name, arguments)


for _name in RECORDED:
    setattr(Program, _name, recorder(_name))


def stock():
    contract = Contract()
    contract.symbol, contract.secType = "KO", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(action, quantity, kind, price=0.0):
    made = Order()
    made.action, made.totalQuantity, made.orderType, made.lmtPrice = action, quantity, kind, price
    # 9.81 sets both by itself; gateways have refused them since.
    made.eTradeOnly = made.firmQuoteOnly = False
    return made


def cancel(program, order_id):
    if "orderCancel" in inspect.signature(program.cancelOrder).parameters:
        from ibapi.order_cancel import OrderCancel

        program.cancelOrder(order_id, OrderCancel())
    else:
        program.cancelOrder(order_id)


def look_up(program):
    program.reqContractDetails(1, stock())
    program.wait(lambda seen: seen["contractDetailsEnd"], "contract details")
    contract = program.calls["contractDetails"][0][1].contract
    program.reqSecDefOptParams(2, "AAPL", "", "STK", 265598)
    program.wait(lambda seen: seen["securityDefinitionOptionParameterEnd"], "the option chain")
    return contract


def look_back(program):
    program.reqHistoricalData(3, stock(), "", "1 D", "1 min", "MIDPOINT", 0, 2, False, [])
    program.wait(lambda seen: seen["historicalDataEnd"], "history")


def trade(program, contract):
    first = program.calls["nextValidId"][0][0]
    program.reqMktData(4, contract, "", False, False, [])
    program.wait(lambda seen: any(c[1] == 1 for c in seen["tickPrice"]), "a bid")
    program.placeOrder(first, contract, order("BUY", 100, "MKT"))
    program.wait(
        lambda seen: (
            seen["commissionReport"] and any(c[1] == "Filled" for c in seen["orderStatus"])
        ),
        "the fill",
    )
    program.placeOrder(first + 1, contract, order("BUY", 100, "LMT", 30.0))
    program.wait(lambda seen: any(c[0] == first + 1 for c in seen["orderStatus"]), "a status")
    program.placeOrder(first + 1, contract, order("BUY", 50, "LMT", 31.0))
    program.wait(
        lambda seen: any(c[0] == first + 1 and float(c[3]) == 50 for c in seen["orderStatus"]),
        "the modified order",
    )
    cancel(program, first + 1)
    program.wait(lambda seen: any(c[1] == 202 for c in seen["error"]), "the cancellation")


def reconcile(program):
    account = program.calls["managedAccounts"][0][0]
    program.reqPositions()
    program.wait(lambda seen: seen["positionEnd"], "positions")
    program.reqAccountSummary(5, "All", "TotalCashValue,NetLiquidation")
    program.wait(lambda seen: seen["accountSummaryEnd"], "the account summary")
    program.reqAccountUpdates(True, account)
    program.wait(lambda seen: seen["accountDownloadEnd"], "account updates")
    program.reqPnL(6, account, "")
    program.wait(lambda seen: seen["pnl"], "profit and loss")
    executions = len(program.calls["execDetails"])
    program.reqExecutions(7, ExecutionFilter())
    program.wait(lambda seen: seen["execDetailsEnd"], "executions")
    return executions


def main():
    program = Program()
    program.connect("127.0.0.1", int(sys.argv[1]), 21)
    reader = threading.Thread(target=program.run, daemon=True)
    reader.start()
    program.wait(lambda seen: seen["nextValidId"] and seen["managedAccounts"], "the session")
    contract = look_up(program)
    trade(program, contract)
    live = reconcile(program)
    look_back(program)
    version = program.serverVersion()
    program.disconnect()
    reader.join(10)
    calls = program.calls
    chains = [c for c in calls["securityDefinitionOptionParameter"] if c[1] == "SMART"]
    bars = [c[1] for c in calls["historicalData"]]
    print(  # noqa: T201 - the test reads it
        json.dumps(
            {
                "version": version,
                "con_id": contract.conId,
                "expirations": sorted(e for c in chains for e in c[5]),
                "strikes": sorted(float(k) for c in chains for k in c[6]),
                "bids": [c[2] for c in calls["tickPrice"] if c[1] == 1],
                "bars": [[b.date, b.open, b.high, b.low, b.close] for b in bars],
                "pnl": [c[2] for c in calls["pnl"]],
                "executions": [
                    [c[2].execId, str(c[2].price), str(float(c[2].shares))]
                    for c in calls["execDetails"][:live]
                ],
                "again": [c[2].execId for c in calls["execDetails"][live:]],
                "commissions": [str(c[0].commission) for c in calls["commissionReport"][:live]],
                "positions": [[c[0], c[1].symbol, str(float(c[2]))] for c in calls["position"]],
                "summary": {c[2]: c[3] for c in calls["accountSummary"]},
                "statuses": [[c[0], c[1]] for c in calls["orderStatus"]],
                "errors": [c[1] for c in calls["error"] if c[0] >= 0],
                "values": len(calls["updateAccountValue"]),
            }
        )
    )


if __name__ == "__main__":
    main()
