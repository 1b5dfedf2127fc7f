"""Server to client: order status, executions, costs."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import layout, scope
from posei_ib_sim.wire.text.tables.parts import CONTRACT_11

LAYOUTS = (
    layout(
        m.OrderStatus,
        "orderId status filled|0 remaining|0 avgFillPrice|0 permId|0 parentId|0 lastFillPrice|0",
        "clientId|0 whyHeld mktCapPrice|0",
    ),
    layout(
        m.ExecutionDetails,
        "reqId",
        scope("execution", "orderId|0"),
        CONTRACT_11,
        scope(
            "execution",
            "execId time acctNumber exchange side shares price permId|0 clientId|0 isLiquidation",
            "cumQty avgPrice orderRef evRule evMultiplier|0 modelCode lastLiquidity|0",
            "isPriceRevisionPending@178.. submitter@198..",
        ),
    ),
    layout(m.ExecutionDetailsEnd, "'1' reqId", exact=True),
    layout(
        m.CommissionAndFeesReport,
        "'1' execId commissionAndFees|MAX currency realizedPNL|MAX bondYield|MAX",
        "yieldRedemptionDate",
    ),
    layout(m.OpenOrdersEnd, "'1'", exact=True),
    layout(m.CompletedOrdersEnd),
    layout(m.OrderBound, "permId clientId orderId"),
)
