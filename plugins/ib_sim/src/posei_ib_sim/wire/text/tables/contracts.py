"""Server to client: contract details and other reference data."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import Tags, layout, repeat, scope, when
from posei_ib_sim.wire.text.tables.parts import is_fund

SIZE_RULES = scope(
    "contractDetails", "minSize@164.. sizeIncrement@164.. suggestedSizeIncrement@164.."
)

FUND = when(
    "contract.secType",
    is_fund,
    scope(
        "contractDetails",
        "fundName fundFamily fundType fundFrontLoad fundBackLoad fundBackLoadTimeInterval",
        "fundManagementFee fundClosed fundClosedForNewInvestors fundClosedForNewMoney",
        "fundNotifyAmount fundMinimumInitialPurchase fundMinimumSubsequentPurchase",
        "fundBlueSkyStates fundBlueSkyTerritories fundDistributionPolicyIndicator fundAssetType",
    ),
    since=179,
)

LAYOUTS = (
    layout(
        m.ContractData,
        "'8'@..163 reqId",
        scope(
            "contract",
            "symbol secType lastTradeDateOrContractMonth lastTradeDate@182.. strike|0 right",
            "exchange currency localSymbol",
        ),
        scope("contractDetails", "marketName"),
        scope("contract", "tradingClass conId|0"),
        # '1' stands for mdSizeMultiplier, which no client has used since sizes became shares.
        scope("contractDetails", "minTick '1'@..163"),
        scope("contract", "multiplier"),
        scope(
            "contractDetails", "orderTypes validExchanges priceMagnifier|1 underConId|0 longName"
        ),
        scope("contract", "primaryExch"),
        scope(
            "contractDetails",
            "contractMonth industry category subcategory timeZoneId tradingHours liquidHours",
            "evRule evMultiplier",
            Tags("secIdList"),
            "aggGroup|MAX underSymbol underSecType marketRuleIds realExpirationDate stockType",
            "minSize@163",
        ),
        SIZE_RULES,
        FUND,
        scope("contractDetails", repeat("ineligibilityReasonList", "id description", since=186)),
    ),
    layout(
        m.BondContractData,
        "'6'@..163 reqId",
        scope("contract", "symbol secType"),
        scope("contractDetails", "cusip coupon"),
        # A bond's maturity is its contract's last trade date.
        scope("contract", "lastTradeDateOrContractMonth"),
        scope(
            "contractDetails",
            "issueDate ratings bondType couponType convertible callable puttable descAppend",
        ),
        scope("contract", "exchange currency"),
        scope("contractDetails", "marketName"),
        scope("contract", "tradingClass conId|0"),
        scope(
            "contractDetails",
            "minTick '1'@..163 orderTypes validExchanges nextOptionDate nextOptionType",
            "nextOptionPartial bondNotes longName",
            "timeZoneId@188.. tradingHours@188.. liquidHours@188.. evRule evMultiplier",
            Tags("secIdList"),
            "aggGroup|MAX marketRuleIds",
        ),
        SIZE_RULES,
    ),
    layout(m.ContractDataEnd, "'1' reqId", exact=True),
    layout(
        m.SecDefOptParameter,
        "reqId exchange underlyingConId tradingClass multiplier",
        repeat("expirations"),
        repeat("strikes"),
    ),
    layout(m.SecDefOptParameterEnd, "reqId"),
    layout(
        m.SymbolSamples,
        "reqId",
        repeat(
            "contractDescriptions",
            scope("contract", "conId|0 symbol secType primaryExch currency"),
            repeat("derivativeSecTypes"),
            scope("contract", "description@176.. issuerId@176.."),
        ),
    ),
    layout(m.MarketRule, "marketRuleId", repeat("priceIncrements", "lowEdge increment")),
)
