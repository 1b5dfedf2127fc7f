"""The records an order is made of."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import Record


class SoftDollarTier(Record, kw_only=True, frozen=True):
    """Name a soft dollar tier."""

    name: str = ""
    value: str = ""
    displayName: str = ""


class OrderCondition(Record, kw_only=True, frozen=True):
    """Carry one condition of an order.

    Type says which fields count (1 price, 3 time, 4 margin, 5 execution, 6 volume, 7 percent
    change).
    """

    type: int | None = None
    isConjunctionConnection: bool = False
    isMore: bool = False
    conId: int | None = None
    exchange: str = ""
    symbol: str = ""
    secType: str = ""
    percent: int | None = None
    changePercent: float | None = None
    price: float | None = None
    triggerMethod: int | None = None
    time: str = ""
    volume: int | None = None


class Order(Record, kw_only=True, frozen=True):
    """Carry all attributes of an order."""

    clientId: int | None = None
    orderId: int | None = None
    permId: int | None = None
    parentId: int | None = None
    action: str = ""
    totalQuantity: Decimal | None = None
    displaySize: int | None = None
    orderType: str = ""
    lmtPrice: float | None = None
    auxPrice: float | None = None
    tif: str = ""
    account: str = ""
    settlingFirm: str = ""
    clearingAccount: str = ""
    clearingIntent: str = ""
    allOrNone: bool = False
    blockOrder: bool = False
    hidden: bool = False
    outsideRth: bool = False
    sweepToFill: bool = False
    percentOffset: float | None = None
    trailingPercent: float | None = None
    trailStopPrice: float | None = None
    minQty: int | None = None
    goodAfterTime: str = ""
    goodTillDate: str = ""
    ocaGroup: str = ""
    orderRef: str = ""
    rule80A: str = ""
    ocaType: int | None = None
    triggerMethod: int | None = None
    activeStartTime: str = ""
    activeStopTime: str = ""
    faGroup: str = ""
    faMethod: str = ""
    faPercentage: str = ""
    volatility: float | None = None
    volatilityType: int | None = None
    continuousUpdate: bool = False
    referencePriceType: int | None = None
    deltaNeutralOrderType: str = ""
    deltaNeutralAuxPrice: float | None = None
    deltaNeutralConId: int | None = None
    deltaNeutralOpenClose: str = ""
    deltaNeutralShortSale: bool = False
    deltaNeutralShortSaleSlot: int | None = None
    deltaNeutralDesignatedLocation: str = ""
    scaleInitLevelSize: int | None = None
    scaleSubsLevelSize: int | None = None
    scalePriceIncrement: float | None = None
    scalePriceAdjustValue: float | None = None
    scalePriceAdjustInterval: int | None = None
    scaleProfitOffset: float | None = None
    scaleAutoReset: bool = False
    scaleInitPosition: int | None = None
    scaleInitFillQty: int | None = None
    scaleRandomPercent: bool = False
    scaleTable: str = ""
    hedgeType: str = ""
    hedgeParam: str = ""
    algoStrategy: str = ""
    algoParams: dict[str, str] = msgspec.field(default_factory=dict)
    algoId: str = ""
    smartComboRoutingParams: dict[str, str] = msgspec.field(default_factory=dict)
    whatIf: bool = False
    transmit: bool = False
    overridePercentageConstraints: bool = False
    openClose: str = ""
    origin: int | None = None
    shortSaleSlot: int | None = None
    designatedLocation: str = ""
    exemptCode: int | None = None
    deltaNeutralSettlingFirm: str = ""
    deltaNeutralClearingAccount: str = ""
    deltaNeutralClearingIntent: str = ""
    discretionaryAmt: float | None = None
    optOutSmartRouting: bool = False
    startingPrice: float | None = None
    stockRefPrice: float | None = None
    delta: float | None = None
    stockRangeLower: float | None = None
    stockRangeUpper: float | None = None
    notHeld: bool = False
    orderMiscOptions: dict[str, str] = msgspec.field(default_factory=dict)
    solicited: bool = False
    randomizeSize: bool = False
    randomizePrice: bool = False
    referenceContractId: int | None = None
    peggedChangeAmount: float | None = None
    isPeggedChangeAmountDecrease: bool = False
    referenceChangeAmount: float | None = None
    referenceExchangeId: str = ""
    adjustedOrderType: str = ""
    triggerPrice: float | None = None
    adjustedStopPrice: float | None = None
    adjustedStopLimitPrice: float | None = None
    adjustedTrailingAmount: float | None = None
    adjustableTrailingUnit: int | None = None
    lmtPriceOffset: float | None = None
    conditions: tuple[OrderCondition, ...] = ()
    conditionsCancelOrder: bool = False
    conditionsIgnoreRth: bool = False
    modelCode: str = ""
    extOperator: str = ""
    softDollarTier: SoftDollarTier = SoftDollarTier()
    cashQty: float | None = None
    mifid2DecisionMaker: str = ""
    mifid2DecisionAlgo: str = ""
    mifid2ExecutionTrader: str = ""
    mifid2ExecutionAlgo: str = ""
    dontUseAutoPriceForHedge: bool = False
    isOmsContainer: bool = False
    discretionaryUpToLimitPrice: bool = False
    autoCancelDate: str = ""
    filledQuantity: Decimal | None = None
    refFuturesConId: int | None = None
    autoCancelParent: bool = False
    shareholder: str = ""
    imbalanceOnly: bool = False
    routeMarketableToBbo: int | None = None
    parentPermId: int | None = None
    usePriceMgmtAlgo: int | None = None
    duration: int | None = None
    postToAts: int | None = None
    advancedErrorOverride: str = ""
    manualOrderTime: str = ""
    minTradeQty: int | None = None
    minCompeteSize: int | None = None
    competeAgainstBestOffset: float | None = None
    midOffsetAtWhole: float | None = None
    midOffsetAtHalf: float | None = None
    customerAccount: str = ""
    professionalCustomer: bool = False
    bondAccruedInterest: str = ""
    includeOvernight: bool = False
    manualOrderIndicator: int | None = None
    submitter: str = ""
    deactivate: bool = False
    postOnly: bool = False
    allowPreOpen: bool = False
    ignoreOpenAuction: bool = False
    seekPriceImprovement: int | None = None
    whatIfType: int | None = None
    hedgeMaxSize: int | None = None
    conditionsIncludeOvernight: bool = False


class OrderAllocation(Record, kw_only=True, frozen=True):
    """Carry one account's share of a previewed order."""

    account: str = ""
    position: Decimal | None = None
    positionDesired: Decimal | None = None
    positionAfter: Decimal | None = None
    desiredAllocQty: Decimal | None = None
    allowedAllocQty: Decimal | None = None
    isMonetary: bool = False


class OrderState(Record, kw_only=True, frozen=True):
    """Carry the status of an order and the margin and commission it costs."""

    status: str = ""
    initMarginBefore: float | None = None
    maintMarginBefore: float | None = None
    equityWithLoanBefore: float | None = None
    initMarginChange: float | None = None
    maintMarginChange: float | None = None
    equityWithLoanChange: float | None = None
    initMarginAfter: float | None = None
    maintMarginAfter: float | None = None
    equityWithLoanAfter: float | None = None
    commissionAndFees: float | None = None
    minCommissionAndFees: float | None = None
    maxCommissionAndFees: float | None = None
    commissionAndFeesCurrency: str = ""
    marginCurrency: str = ""
    initMarginBeforeOutsideRTH: float | None = None
    maintMarginBeforeOutsideRTH: float | None = None
    equityWithLoanBeforeOutsideRTH: float | None = None
    initMarginChangeOutsideRTH: float | None = None
    maintMarginChangeOutsideRTH: float | None = None
    equityWithLoanChangeOutsideRTH: float | None = None
    initMarginAfterOutsideRTH: float | None = None
    maintMarginAfterOutsideRTH: float | None = None
    equityWithLoanAfterOutsideRTH: float | None = None
    suggestedSize: Decimal | None = None
    rejectReason: str = ""
    orderAllocations: tuple[OrderAllocation, ...] = ()
    warningText: str = ""
    completedTime: str = ""
    completedStatus: str = ""


class OrderCancel(Record, kw_only=True, frozen=True):
    """Carry the regulatory fields of a cancellation."""

    manualOrderCancelTime: str = ""
    extOperator: str = ""
    manualOrderIndicator: int | None = None


class AttachedOrders(Record, kw_only=True, frozen=True):
    """Name the stop-loss and profit-taker orders to attach (since 218)."""

    slOrderId: int | None = None
    slOrderType: str = ""
    ptOrderId: int | None = None
    ptOrderType: str = ""
