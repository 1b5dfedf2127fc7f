"""Server to client: accounts, positions, profit and loss, advisor configuration."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import layout, repeat, scope
from posei_ib_sim.wire.text.tables.parts import CONTRACT_11

LAYOUTS = (
    layout(m.ManagedAccounts, "'1' accountsList", exact=True),
    layout(m.AccountValue, "'2' key value currency accountName", exact=True),
    layout(
        m.PortfolioValue,
        "'8'",
        scope(
            "contract",
            "conId|0 symbol secType lastTradeDateOrContractMonth strike|0 right multiplier",
            "primaryExch currency localSymbol tradingClass",
        ),
        "position|0 marketPrice|0 marketValue|0 averageCost|0 unrealizedPNL|0 realizedPNL|0",
        "accountName",
    ),
    layout(m.AccountUpdateTime, "'1' timeStamp", exact=True),
    layout(m.AccountDataEnd, "'1' accountName", exact=True),
    layout(m.AccountSummary, "'1' reqId account tag value currency", exact=True),
    layout(m.AccountSummaryEnd, "'1' reqId", exact=True),
    layout(m.Position, "'3' account", CONTRACT_11, "position|0 avgCost|0"),
    layout(m.PositionEnd, "'1'", exact=True),
    layout(m.PositionMulti, "'1' reqId account", CONTRACT_11, "position|0 avgCost|0 modelCode"),
    layout(m.PositionMultiEnd, "'1' reqId", exact=True),
    layout(m.AccountUpdateMulti, "'1' reqId account modelCode key value currency", exact=True),
    layout(m.AccountUpdateMultiEnd, "'1' reqId", exact=True),
    layout(m.PnL, "reqId dailyPnL|MAX unrealizedPnL|MAX realizedPnL|MAX"),
    layout(
        m.PnLSingle, "reqId position|0 dailyPnL|MAX unrealizedPnL|MAX realizedPnL|MAX value|MAX"
    ),
    layout(m.FamilyCodes, repeat("familyCodes", "accountId familyCode")),
    layout(m.SoftDollarTiers, "reqId", repeat("softDollarTiers", "name value displayName")),
    layout(m.UserInfo, "reqId whiteBrandingId"),
    layout(m.ReceiveFA, "'1' faDataType xml", exact=True),
    layout(m.ReplaceFAEnd, "reqId text"),
)
