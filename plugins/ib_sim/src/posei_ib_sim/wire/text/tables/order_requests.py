"""Client to server: orders and what else changes them."""

from posei_ib_sim.wire import messages as m
from posei_ib_sim.wire.text.layout import Conditions, Item, Tags, layout, scope, when
from posei_ib_sim.wire.text.tables.parts import (
    CONTRACT_12,
    DELTA_NEUTRAL_CONTRACT,
    ORDER_LEGS,
    filled,
    infinite,
    pegged_to_benchmark,
    pegged_to_best,
    pegged_to_midpoint,
    positive,
)

_PLACE_ORDER: tuple[Item | str, ...] = (
    "orderId",
    CONTRACT_12,
    scope("contract", "secIdType secId"),
    scope(
        "order",
        "action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin",
        "orderRef transmit parentId blockOrder sweepToFill displaySize triggerMethod outsideRth",
        "hidden",
    ),
    when("contract.secType", lambda sec_type: sec_type == "BAG", *ORDER_LEGS),
    scope(
        "order",
        "'' discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage ''@..176",
        "modelCode shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm",
        "allOrNone minQty percentOffset '0' '0' '' '0' startingPrice stockRefPrice delta",
        "stockRangeLower stockRangeUpper overridePercentageConstraints volatility volatilityType",
        "deltaNeutralOrderType deltaNeutralAuxPrice",
        when(
            "deltaNeutralOrderType",
            filled,
            "deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount",
            "deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale",
            "deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation",
        ),
        "continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize",
        "scaleSubsLevelSize scalePriceIncrement",
        when(
            "scalePriceIncrement",
            positive,
            "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset",
            "scaleInitPosition scaleInitFillQty scaleRandomPercent",
        ),
        "scaleTable activeStartTime activeStopTime hedgeType",
        when("hedgeType", filled, "hedgeParam"),
        "optOutSmartRouting clearingAccount clearingIntent notHeld",
    ),
    DELTA_NEUTRAL_CONTRACT,
    scope(
        "order",
        "algoStrategy",
        when("algoStrategy", filled, Tags("algoParams")),
        "algoId whatIf orderMiscOptions solicited randomizeSize randomizePrice",
        when(
            "orderType",
            pegged_to_benchmark,
            "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount",
            "referenceChangeAmount referenceExchangeId",
        ),
        Conditions(),
        when("conditions", bool, "conditionsIgnoreRth conditionsCancelOrder"),
        "adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice",
        "adjustedTrailingAmount adjustableTrailingUnit extOperator",
        scope("softDollarTier", "name value"),
        "cashQty mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader",
        "mifid2ExecutionAlgo dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice",
        "usePriceMgmtAlgo duration@158.. postToAts@160.. autoCancelParent@162..",
        "advancedErrorOverride@166.. manualOrderTime@169..",
    ),
    when(
        "contract.exchange",
        lambda exchange: exchange == "IBKRATS",
        scope("order", "minTradeQty@170.."),
    ),
    scope(
        "order",
        when(
            "orderType",
            pegged_to_best,
            "minCompeteSize@170.. competeAgainstBestOffset@170..",
            when(
                "competeAgainstBestOffset", infinite, "midOffsetAtWhole@170.. midOffsetAtHalf@170.."
            ),
        ),
        when("orderType", pegged_to_midpoint, "midOffsetAtWhole@170.. midOffsetAtHalf@170.."),
        "customerAccount@183.. professionalCustomer@184..",
        # The short-lived fields of requests for quotes.
        "''@187..189 '2147483647'@187..189",
        "includeOvernight@189.. manualOrderIndicator@192.. imbalanceOnly@199..",
    ),
)

LAYOUTS = (
    layout(m.PlaceOrderRequest, *_PLACE_ORDER),
    layout(
        m.CancelOrderRequest,
        "'1'@..191 orderId",
        scope(
            "orderCancel",
            "manualOrderCancelTime@169.. ''@187..189 ''@187..189 '2147483647'@187..189",
            "extOperator@192.. manualOrderIndicator@192..",
        ),
    ),
    layout(
        m.GlobalCancelRequest,
        "'1'@..191",
        scope("orderCancel", "extOperator@192.. manualOrderIndicator@192.."),
    ),
    layout(m.OpenOrdersRequest, "'1'"),
    layout(m.AllOpenOrdersRequest, "'1'"),
    layout(m.AutoOpenOrdersRequest, "'1' autoBind"),
    layout(m.CompletedOrdersRequest, "apiOnly"),
    layout(m.IdsRequest, "'1' numIds"),
    layout(
        m.ExerciseOptionsRequest,
        "'2' orderId",
        scope(
            "contract",
            "conId symbol secType lastTradeDateOrContractMonth strike right multiplier exchange",
            "currency localSymbol tradingClass",
        ),
        "exerciseAction exerciseQuantity account override manualOrderTime@180..",
        "customerAccount@183.. professionalCustomer@184..",
    ),
)
