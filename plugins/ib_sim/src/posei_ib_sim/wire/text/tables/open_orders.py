"""Server to client: open and completed orders, the two widest layouts."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import Conditions, Item, Tags, layout, repeat, scope, when
from posei_ib_sim.wire.text.tables.parts import (
    CONTRACT_11,
    DELTA_NEUTRAL_CONTRACT,
    ORDER_LEGS,
    filled,
    pegged_to_benchmark,
    positive,
)

_SCALE = scope(
    "order",
    "scaleInitLevelSize|MAX scaleSubsLevelSize|MAX scalePriceIncrement",
    when(
        "scalePriceIncrement",
        positive,
        "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset",
        "scaleAutoReset scaleInitPosition scaleInitFillQty scaleRandomPercent",
    ),
)

_HEDGE = scope("order", "hedgeType", when("hedgeType", filled, "hedgeParam"))

_ALGO = scope("order", "algoStrategy", when("algoStrategy", filled, Tags("algoParams")))

_PEGGED = scope(
    "order",
    "randomizeSize randomizePrice",
    when(
        "orderType",
        pegged_to_benchmark,
        "referenceContractId|0 isPeggedChangeAmountDecrease peggedChangeAmount|0",
        "referenceChangeAmount|0 referenceExchangeId",
    ),
)

_CONDITIONS = scope(
    "order",
    Conditions(),
    when("conditions", bool, "conditionsIgnoreRth conditionsCancelOrder"),
)

_OFFSETS = scope(
    "order",
    "minTradeQty@170.. minCompeteSize@170.. competeAgainstBestOffset@170..",
    "midOffsetAtWhole@170.. midOffsetAtHalf@170..",
)

_MARGINS = scope(
    "orderState",
    "initMarginBefore|MAX maintMarginBefore|MAX equityWithLoanBefore|MAX initMarginChange|MAX",
    "maintMarginChange|MAX equityWithLoanChange|MAX initMarginAfter|MAX maintMarginAfter|MAX",
    "equityWithLoanAfter|MAX commissionAndFees minCommissionAndFees",
    "maxCommissionAndFees commissionAndFeesCurrency",
    "marginCurrency@195.. initMarginBeforeOutsideRTH|MAX@195..",
    "maintMarginBeforeOutsideRTH|MAX@195.. equityWithLoanBeforeOutsideRTH|MAX@195..",
    "initMarginChangeOutsideRTH|MAX@195.. maintMarginChangeOutsideRTH|MAX@195..",
    "equityWithLoanChangeOutsideRTH|MAX@195.. initMarginAfterOutsideRTH|MAX@195..",
    "maintMarginAfterOutsideRTH|MAX@195.. equityWithLoanAfterOutsideRTH|MAX@195..",
    "suggestedSize|MAX@195.. rejectReason@195..",
    repeat(
        "orderAllocations",
        "account position|MAX positionDesired|MAX positionAfter|MAX desiredAllocQty|MAX",
        "allowedAllocQty|MAX isMonetary",
        since=195,
    ),
    "warningText",
)

_OPEN_ORDER: tuple[Item | str, ...] = (
    "orderId",
    CONTRACT_11,
    scope(
        "order",
        "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin|0",
        "orderRef clientId|0 permId|0 outsideRth hidden discretionaryAmt|0 goodAfterTime",
        "'' faGroup faMethod faPercentage ''@..176 modelCode goodTillDate rule80A",
        "percentOffset settlingFirm shortSaleSlot|0 designatedLocation exemptCode|-1 '0'",
        "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize|MAX",
        "blockOrder sweepToFill allOrNone minQty ocaType|0 '0' '0' '' parentId|0",
        "triggerMethod|0 volatility volatilityType|0 deltaNeutralOrderType",
        "deltaNeutralAuxPrice",
        when(
            "deltaNeutralOrderType",
            filled,
            "deltaNeutralConId|0 deltaNeutralSettlingFirm deltaNeutralClearingAccount",
            "deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale",
            "deltaNeutralShortSaleSlot|0 deltaNeutralDesignatedLocation",
        ),
        "continuousUpdate referencePriceType|0 trailStopPrice trailingPercent",
        # Basis points and their type, which the protobuf dialect no longer has.
        "'' '2147483647'",
    ),
    scope("contract", "comboLegsDescrip"),
    *ORDER_LEGS,
    _SCALE,
    _HEDGE,
    scope("order", "optOutSmartRouting clearingAccount clearingIntent notHeld"),
    DELTA_NEUTRAL_CONTRACT,
    _ALGO,
    scope("order", "solicited whatIf"),
    scope("orderState", "status"),
    _MARGINS,
    _PEGGED,
    _CONDITIONS,
    scope(
        "order",
        "adjustedOrderType triggerPrice|MAX trailStopPrice lmtPriceOffset|MAX",
        "adjustedStopPrice|MAX adjustedStopLimitPrice|MAX adjustedTrailingAmount|MAX",
        "adjustableTrailingUnit|0",
        scope("softDollarTier", "name value displayName"),
        "cashQty dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice",
        "usePriceMgmtAlgo duration|MAX@158.. postToAts|MAX@160.. autoCancelParent@162..",
    ),
    _OFFSETS,
    scope(
        "order",
        "customerAccount@183.. professionalCustomer@184.. bondAccruedInterest@185..",
        "includeOvernight@189.. extOperator@193.. manualOrderIndicator|MAX@193..",
        "submitter@198.. imbalanceOnly@199..",
    ),
)

_COMPLETED_ORDER: tuple[Item | str, ...] = (
    CONTRACT_11,
    scope(
        "order",
        "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin|0",
        "orderRef permId|0 outsideRth hidden discretionaryAmt|0 goodAfterTime",
        "faGroup faMethod faPercentage ''@..176 modelCode goodTillDate rule80A",
        "percentOffset settlingFirm shortSaleSlot|0 designatedLocation exemptCode|-1",
        "startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize|MAX",
        "sweepToFill allOrNone minQty ocaType|0 triggerMethod|0 volatility",
        "volatilityType|0 deltaNeutralOrderType deltaNeutralAuxPrice",
        when(
            "deltaNeutralOrderType",
            filled,
            "deltaNeutralConId|0 deltaNeutralShortSale deltaNeutralShortSaleSlot|0",
            "deltaNeutralDesignatedLocation",
        ),
        "continuousUpdate referencePriceType|0 trailStopPrice trailingPercent",
    ),
    scope("contract", "comboLegsDescrip"),
    *ORDER_LEGS,
    _SCALE,
    _HEDGE,
    scope("order", "clearingAccount clearingIntent notHeld"),
    DELTA_NEUTRAL_CONTRACT,
    _ALGO,
    scope("order", "solicited"),
    scope("orderState", "status"),
    _PEGGED,
    _CONDITIONS,
    scope(
        "order",
        "trailStopPrice lmtPriceOffset cashQty dontUseAutoPriceForHedge",
        "isOmsContainer autoCancelDate filledQuantity refFuturesConId|MAX autoCancelParent",
        "shareholder imbalanceOnly routeMarketableToBbo parentPermId|9223372036854775807",
    ),
    scope("orderState", "completedTime completedStatus"),
    _OFFSETS,
    scope("order", "customerAccount@183.. professionalCustomer@184.. submitter@198.."),
)

LAYOUTS = (
    layout(m.OpenOrder, *_OPEN_ORDER),
    layout(m.CompletedOrder, *_COMPLETED_ORDER),
)
