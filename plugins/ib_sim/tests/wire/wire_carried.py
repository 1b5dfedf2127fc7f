"""What of a message survives each dialect and version, written down apart from the codec's tables.

`in_text` and `in_protobuf` return the message a receiver must see.
"""

import math
from collections.abc import Callable

import msgspec

from posei_ib_sim.wire import messages as m

ORDER_CONTRACT = (
    "conId symbol secType lastTradeDateOrContractMonth strike right multiplier exchange currency"
    " localSymbol tradingClass"
)
REQUEST_CONTRACT = ORDER_CONTRACT + " primaryExch"

# Which fields of the contract a message carries in text.
CONTRACT = {
    "MarketDataRequest": REQUEST_CONTRACT + " deltaNeutralContract comboLegs",
    "TickByTickRequest": REQUEST_CONTRACT,
    "MarketDepthRequest": REQUEST_CONTRACT,
    "RealTimeBarsRequest": REQUEST_CONTRACT,
    "HistoricalDataRequest": REQUEST_CONTRACT + " includeExpired comboLegs",
    "HeadTimestampRequest": REQUEST_CONTRACT + " includeExpired",
    "HistogramDataRequest": REQUEST_CONTRACT + " includeExpired",
    "HistoricalTicksRequest": REQUEST_CONTRACT + " includeExpired",
    "ContractDataRequest": REQUEST_CONTRACT + " includeExpired secIdType secId issuerId",
    "CalculateImpliedVolatilityRequest": REQUEST_CONTRACT,
    "CalculateOptionPriceRequest": REQUEST_CONTRACT,
    "ExerciseOptionsRequest": ORDER_CONTRACT,
    "FundamentalDataRequest": "conId symbol secType exchange primaryExch currency localSymbol",
    "PlaceOrderRequest": REQUEST_CONTRACT + " secIdType secId comboLegs deltaNeutralContract",
    "OpenOrder": ORDER_CONTRACT + " comboLegsDescrip comboLegs deltaNeutralContract",
    "CompletedOrder": ORDER_CONTRACT + " comboLegsDescrip comboLegs deltaNeutralContract",
    "ExecutionDetails": ORDER_CONTRACT,
    "Position": ORDER_CONTRACT,
    "PositionMulti": ORDER_CONTRACT,
    "PortfolioValue": ORDER_CONTRACT.replace(" exchange", "") + " primaryExch",
    "ContractData": REQUEST_CONTRACT + " lastTradeDate",
    "BondContractData": (
        "symbol secType lastTradeDateOrContractMonth exchange currency tradingClass conId"
    ),
}
SCANNED = ORDER_CONTRACT.replace(" multiplier", "")
SAMPLED = "conId symbol secType primaryExch currency description issuerId"

_NEVER = 10_000

# Fields (dotted) that text has only from a version on.
SINCE = {
    ("TickReqParams", "lastPricePrecision"): _NEVER,
    ("TickReqParams", "lastSizePrecision"): _NEVER,
    ("GlobalCancelRequest", "orderCancel.manualOrderCancelTime"): _NEVER,
    ("ErrorMessage", "advancedOrderRejectJson"): 166,
    ("ErrorMessage", "errorTime"): 194,
    ("ExecutionDetails", "execution.isPriceRevisionPending"): 178,
    ("ExecutionDetails", "execution.submitter"): 198,
    ("ContractData", "contract.lastTradeDate"): 182,
    ("ContractData", "contractDetails.minSize"): 163,
    ("ContractData", "contractDetails.sizeIncrement"): 164,
    ("ContractData", "contractDetails.suggestedSizeIncrement"): 164,
    ("ContractData", "contractDetails.ineligibilityReasonList"): 186,
    ("BondContractData", "contractDetails.minSize"): 164,
    ("BondContractData", "contractDetails.sizeIncrement"): 164,
    ("BondContractData", "contractDetails.suggestedSizeIncrement"): 164,
    ("BondContractData", "contractDetails.timeZoneId"): 188,
    ("BondContractData", "contractDetails.tradingHours"): 188,
    ("BondContractData", "contractDetails.liquidHours"): 188,
    ("ContractDataRequest", "contract.issuerId"): 176,
    ("ExerciseOptionsRequest", "manualOrderTime"): 180,
    ("ExerciseOptionsRequest", "customerAccount"): 183,
    ("ExerciseOptionsRequest", "professionalCustomer"): 184,
    ("CancelOrderRequest", "orderCancel.manualOrderCancelTime"): 169,
    ("CancelOrderRequest", "orderCancel.extOperator"): 192,
    ("CancelOrderRequest", "orderCancel.manualOrderIndicator"): 192,
    ("GlobalCancelRequest", "orderCancel.extOperator"): 192,
    ("GlobalCancelRequest", "orderCancel.manualOrderIndicator"): 192,
    ("ExecutionRequest", "executionFilter.lastNDays"): 200,
    ("ExecutionRequest", "executionFilter.specificDates"): 200,
    ("WshEventDataRequest", "filter"): 171,
    ("WshEventDataRequest", "fillWatchlist"): 171,
    ("WshEventDataRequest", "fillPortfolio"): 171,
    ("WshEventDataRequest", "fillCompetitors"): 171,
    ("WshEventDataRequest", "startDate"): 173,
    ("WshEventDataRequest", "endDate"): 173,
    ("WshEventDataRequest", "totalLimit"): 173,
    ("OpenOrder", "order.duration"): 158,
    ("OpenOrder", "order.postToAts"): 160,
    ("OpenOrder", "order.autoCancelParent"): 162,
    ("OpenOrder", "order.minTradeQty"): 170,
    ("OpenOrder", "order.minCompeteSize"): 170,
    ("OpenOrder", "order.competeAgainstBestOffset"): 170,
    ("OpenOrder", "order.midOffsetAtWhole"): 170,
    ("OpenOrder", "order.midOffsetAtHalf"): 170,
    ("OpenOrder", "order.customerAccount"): 183,
    ("OpenOrder", "order.professionalCustomer"): 184,
    ("OpenOrder", "order.bondAccruedInterest"): 185,
    ("OpenOrder", "order.includeOvernight"): 189,
    ("OpenOrder", "order.extOperator"): 193,
    ("OpenOrder", "order.manualOrderIndicator"): 193,
    ("OpenOrder", "order.submitter"): 198,
    ("OpenOrder", "order.imbalanceOnly"): 199,
    **{
        ("OpenOrder", f"orderState.{name}"): 195
        for name in m.OrderState.__struct_fields__
        if name.endswith("OutsideRTH")
    },
    ("OpenOrder", "orderState.marginCurrency"): 195,
    ("OpenOrder", "orderState.suggestedSize"): 195,
    ("OpenOrder", "orderState.rejectReason"): 195,
    ("OpenOrder", "orderState.orderAllocations"): 195,
    ("CompletedOrder", "order.minTradeQty"): 170,
    ("CompletedOrder", "order.minCompeteSize"): 170,
    ("CompletedOrder", "order.competeAgainstBestOffset"): 170,
    ("CompletedOrder", "order.midOffsetAtWhole"): 170,
    ("CompletedOrder", "order.midOffsetAtHalf"): 170,
    ("CompletedOrder", "order.customerAccount"): 183,
    ("CompletedOrder", "order.professionalCustomer"): 184,
    ("CompletedOrder", "order.submitter"): 198,
    ("PlaceOrderRequest", "order.duration"): 158,
    ("PlaceOrderRequest", "order.postToAts"): 160,
    ("PlaceOrderRequest", "order.autoCancelParent"): 162,
    ("PlaceOrderRequest", "order.advancedErrorOverride"): 166,
    ("PlaceOrderRequest", "order.manualOrderTime"): 169,
    ("PlaceOrderRequest", "order.minTradeQty"): 170,
    ("PlaceOrderRequest", "order.minCompeteSize"): 170,
    ("PlaceOrderRequest", "order.competeAgainstBestOffset"): 170,
    ("PlaceOrderRequest", "order.midOffsetAtWhole"): 170,
    ("PlaceOrderRequest", "order.midOffsetAtHalf"): 170,
    ("PlaceOrderRequest", "order.customerAccount"): 183,
    ("PlaceOrderRequest", "order.professionalCustomer"): 184,
    ("PlaceOrderRequest", "order.includeOvernight"): 189,
    ("PlaceOrderRequest", "order.manualOrderIndicator"): 192,
    ("PlaceOrderRequest", "order.imbalanceOnly"): 199,
}

_LATER_ORDER_FIELDS = (
    "deactivate postOnly allowPreOpen ignoreOpenAuction seekPriceImprovement whatIfType"
    " hedgeMaxSize conditionsIncludeOvernight"
)
# Fields of nested records that text never has, beside those of the contract.
NEVER = {
    "OpenOrder": {
        "order": (
            f"{_LATER_ORDER_FIELDS} orderId activeStartTime activeStopTime scaleTable algoId"
            " transmit overridePercentageConstraints orderMiscOptions mifid2DecisionMaker"
            " mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo autoCancelDate"
            " filledQuantity refFuturesConId shareholder routeMarketableToBbo parentPermId"
            " advancedErrorOverride manualOrderTime"
        ),
        "orderState": "completedTime completedStatus",
    },
    "CompletedOrder": {
        "order": (
            f"{_LATER_ORDER_FIELDS} orderId clientId parentId activeStartTime activeStopTime"
            " scaleTable algoId transmit overridePercentageConstraints orderMiscOptions"
            " mifid2DecisionMaker mifid2DecisionAlgo mifid2ExecutionTrader mifid2ExecutionAlgo"
            " advancedErrorOverride manualOrderTime blockOrder whatIf optOutSmartRouting"
            " deltaNeutralSettlingFirm deltaNeutralClearingAccount deltaNeutralClearingIntent"
            " deltaNeutralOpenClose adjustedOrderType triggerPrice adjustedStopPrice"
            " adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit softDollarTier"
            " discretionaryUpToLimitPrice usePriceMgmtAlgo duration postToAts bondAccruedInterest"
            " includeOvernight extOperator manualOrderIndicator"
        ),
        "orderState": " ".join(
            set(m.OrderState.__struct_fields__) - {"status", "completedTime", "completedStatus"}
        ),
    },
    "PlaceOrderRequest": {
        "order": (
            f"{_LATER_ORDER_FIELDS} clientId orderId permId autoCancelDate filledQuantity"
            " refFuturesConId shareholder routeMarketableToBbo parentPermId bondAccruedInterest"
            " submitter"
        ),
    },
    "ExecutionDetails": {"execution": "optExerciseOrLapseType"},
    "ContractData": {
        "contractDetails": (
            "cusip issueDate ratings bondType coupon couponType convertible callable puttable"
            " descAppend nextOptionDate nextOptionType nextOptionPartial bondNotes eventContract1"
            " eventContractDescription1 eventContractDescription2 minAlgoSize lastPricePrecision"
            " lastSizePrecision settlementMethod"
        ),
    },
    "BondContractData": {
        "contractDetails": (
            "priceMagnifier underConId contractMonth industry category subcategory underSymbol"
            " underSecType realExpirationDate stockType ineligibilityReasonList eventContract1"
            " eventContractDescription1 eventContractDescription2 minAlgoSize lastPricePrecision"
            " lastSizePrecision settlementMethod "
            + " ".join(
                name for name in m.ContractDetails.__struct_fields__ if name.startswith("fund")
            )
        ),
    },
    "MarketDepth": {"marketDepthData": "marketMaker isSmartDepth"},
}

# What an unset field of a report becomes in text, because clients want a number there.
FILLED_IN = {
    ("TickPrice", "attrMask"): 0,
    ("TickOptionComputation", "tickAttrib"): 0,
    ("TickReqParams", "snapshotPermissions"): 0,
    ("ErrorMessage", "id"): -1,
    ("ErrorMessage", "errorTime"): 0,
    ("PnLSingle", "position"): 0,
    **{("OrderStatus", name): 0 for name in (
        "filled", "remaining", "avgFillPrice", "permId", "parentId", "lastFillPrice", "clientId",
        "mktCapPrice",
    )},
    **{("PortfolioValue", name): 0 for name in (
        "position", "marketPrice", "marketValue", "averageCost", "unrealizedPNL", "realizedPNL",
        "contract.conId", "contract.strike",
    )},
    **{(owner, name): 0 for owner in ("Position", "PositionMulti") for name in (
        "position", "avgCost", "contract.conId", "contract.strike",
    )},
    **{("ExecutionDetails", name): 0 for name in (
        "contract.conId", "contract.strike", "execution.orderId", "execution.permId",
        "execution.clientId", "execution.evMultiplier", "execution.lastLiquidity",
    )},
    ("ContractData", "contract.conId"): 0,
    ("ContractData", "contract.strike"): 0,
    ("ContractData", "contractDetails.priceMagnifier"): 1,
    ("ContractData", "contractDetails.underConId"): 0,
    ("BondContractData", "contract.conId"): 0,
    **{(owner, name): 0 for owner in ("OpenOrder", "CompletedOrder") for name in (
        "contract.conId", "contract.strike", "order.origin", "order.permId",
        "order.discretionaryAmt", "order.shortSaleSlot", "order.ocaType", "order.triggerMethod",
        "order.volatilityType", "order.referencePriceType",
    )},
    ("OpenOrder", "order.exemptCode"): -1,
    ("CompletedOrder", "order.exemptCode"): -1,
    ("OpenOrder", "order.clientId"): 0,
    ("OpenOrder", "order.parentId"): 0,
    ("OpenOrder", "order.adjustableTrailingUnit"): 0,
}  # fmt: skip

CONDITION_FIELDS = {
    1: "isMore price conId exchange triggerMethod",
    3: "isMore time",
    4: "isMore percent",
    5: "secType exchange symbol",
    6: "isMore volume conId exchange",
    7: "isMore changePercent conId exchange",
}
SCALE = (
    "scalePriceAdjustValue scalePriceAdjustInterval scaleProfitOffset scaleAutoReset"
    " scaleInitPosition scaleInitFillQty scaleRandomPercent"
)
BENCHMARK = (
    "referenceContractId isPeggedChangeAmountDecrease peggedChangeAmount referenceChangeAmount"
    " referenceExchangeId"
)
DELTA_NEUTRAL = (
    "deltaNeutralConId deltaNeutralSettlingFirm deltaNeutralClearingAccount"
    " deltaNeutralClearingIntent deltaNeutralOpenClose deltaNeutralShortSale"
    " deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation"
)
UNSET_IN_BLOCKS = ("deltaNeutralConId", "deltaNeutralShortSaleSlot", "referenceContractId",
                   "peggedChangeAmount", "referenceChangeAmount")  # fmt: skip

PROTOBUF_SINCE = {
    "Order": {
        216: "deactivate postOnly allowPreOpen ignoreOpenAuction",
        217: "routeMarketableToBbo seekPriceImprovement whatIfType",
        223: "hedgeMaxSize",
        226: "conditionsIncludeOvernight",
    },
    "PlaceOrderRequest": {218: "attachedOrders"},
    "ContractDetails": {224: "lastPricePrecision lastSizePrecision", 225: "settlementMethod"},
    "TickReqParams": {224: "lastPricePrecision lastSizePrecision"},
    "HistoricalData": {_NEVER: "startDateStr endDateStr"},
}

FIRST_VERSION = {
    **dict.fromkeys(
        (
            m.WshMetaData, m.WshEventData, m.WshMetaDataRequest, m.CancelWshMetaData,
            m.WshEventDataRequest, m.CancelWshEventData,
        ),
        161,
    ),
    m.HistoricalSchedule: 165,
    m.UserInfo: 167,
    m.UserInfoRequest: 167,
    m.HistoricalDataEnd: 196,
    m.CurrentTimeInMillis: 197,
    m.CurrentTimeInMillisRequest: 197,
    m.CancelContractData: 215,
    m.CancelHistoricalTicks: 215,
    m.ConfigRequest: 219,
    m.ConfigResponse: 219,
    m.UpdateConfigRequest: 221,
    m.UpdateConfigResponse: 221,
}  # fmt: skip
"""The first version that has a message; the others are older than 157."""


def in_protobuf(message: m.Record, version: int) -> m.Record:
    """Return what a receiver sees at a protobuf version."""
    lost = " ".join(
        names
        for since, names in PROTOBUF_SINCE.get(type(message).__name__, {}).items()
        if version < since
    )
    return _drop(_each_nested(message, lambda nested: in_protobuf(nested, version)), lost)


def in_text(message: m.Record, version: int) -> m.Record:
    """Return what a receiver sees at a text version."""
    owner = type(message).__name__
    if owner in CONTRACT:
        message = _nest(message, "contract", lambda c: _keep(c, CONTRACT[owner]))
    for name, lost in NEVER.get(owner, {}).items():
        message = _nest(message, name, lambda nested, lost=lost: _drop(nested, lost))
    for (of, path), since in SINCE.items():
        if of == owner and version < since:
            message = _set(message, path, None)
    shape = SHAPES.get(owner)
    if shape is not None:
        message = shape(message, version)
    for (of, path), value in FILLED_IN.items():
        known = version >= SINCE.get((of, path), 0)
        if of == owner and known and _get(message, path) is None:
            message = _set(message, path, value)
    return message


def _open_order(message: m.OpenOrder, _version: int) -> m.OpenOrder:
    return _reported_order(message, DELTA_NEUTRAL)


def _completed_order(message: m.CompletedOrder, _version: int) -> m.CompletedOrder:
    return _reported_order(
        message,
        "deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot"
        " deltaNeutralDesignatedLocation",
    )


def _reported_order(message: m.Record, delta_neutral: str) -> m.Record:
    order = _conditional(message.order, delta_neutral)
    order = _fill_blocks(order)
    return msgspec.structs.replace(message, order=order, contract=_zero_hedge(message.contract))


def _zero_hedge(contract: m.Contract) -> m.Contract:
    return _nest(contract, "deltaNeutralContract", lambda c: _zeroed(c, "conId delta price"))


def _fill_blocks(order: m.Order) -> m.Order:
    """Put zeros where an entered block of a report has something unset."""
    in_block = {"PEG BENCH", "PEGBENCH"}
    zeros = {}
    for name in UNSET_IN_BLOCKS:
        entered = (
            bool(order.deltaNeutralOrderType)
            if name.startswith("deltaNeutral")
            else order.orderType in in_block
        )
        if entered and getattr(order, name) is None:
            zeros[name] = 0
    return msgspec.structs.replace(order, **zeros)


def _conditional(order: m.Order, delta_neutral: str = DELTA_NEUTRAL) -> m.Order:
    """Drop the fields that an order carries only together with others."""
    if not order.deltaNeutralOrderType:
        order = _drop(order, delta_neutral)
    if not (order.scalePriceIncrement and order.scalePriceIncrement > 0):
        order = _drop(order, SCALE)
    if not order.hedgeType:
        order = _drop(order, "hedgeParam")
    if not order.algoStrategy:
        order = _drop(order, "algoParams")
    if order.orderType not in {"PEG BENCH", "PEGBENCH"}:
        order = _drop(order, BENCHMARK)
    if not order.conditions:
        order = _drop(order, "conditionsIgnoreRth conditionsCancelOrder")
    conditions = tuple(
        _keep(c, "type isConjunctionConnection " + CONDITION_FIELDS[c.type])
        for c in order.conditions
    )
    return msgspec.structs.replace(order, conditions=conditions)


def _place_order(message: m.PlaceOrderRequest, version: int) -> m.PlaceOrderRequest:
    contract, order = _zero_hedge(message.contract), _conditional(message.order)
    if contract.secType != "BAG":
        contract = _drop(contract, "comboLegs")
        order = _drop(order, "smartComboRoutingParams")
    if contract.exchange != "IBKRATS":
        order = _drop(order, "minTradeQty")
    offset = message.order.competeAgainstBestOffset
    best = order.orderType in {"PEG BEST", "PEGBEST"}
    to_midpoint = best and offset is not None and math.isinf(offset) and version >= 170
    if not best:
        order = _drop(order, "minCompeteSize competeAgainstBestOffset")
    if not to_midpoint and order.orderType not in {"PEG MID", "PEGMID"}:
        order = _drop(order, "midOffsetAtWhole midOffsetAtHalf")
    order = _nest(order, "softDollarTier", lambda tier: _drop(tier, "displayName"))
    return msgspec.structs.replace(
        message, contract=contract, order=order, attachedOrders=m.AttachedOrders()
    )


def _combo_request(message: m.Record, _version: int) -> m.Record:
    message = _nest(message, "contract", _zero_hedge)
    if message.contract.secType != "BAG":
        return _nest(message, "contract", lambda c: _drop(c, "comboLegs"))
    legs = tuple(_keep(leg, "conId ratio action exchange") for leg in message.contract.comboLegs)
    return _set(message, "contract.comboLegs", legs)


def _contract_data(message: m.ContractData, version: int) -> m.ContractData:
    if message.contract.secType == "FUND" and version >= 179:
        return message
    funds = [name for name in m.ContractDetails.__struct_fields__ if name.startswith("fund")]
    return _nest(message, "contractDetails", lambda d: _drop(d, " ".join(funds)))


def _tick_by_tick(message: m.TickByTickData, _version: int) -> m.TickByTickData:
    kinds = {1: "Last", 2: "Last", 3: "BidAsk", 4: "MidPoint"}
    carried = f"historicalTick{kinds.get(message.tickType, '')}"
    blank = {
        "historicalTickLast": m.HistoricalTickLast(),
        "historicalTickBidAsk": m.HistoricalTickBidAsk(),
        "historicalTickMidPoint": m.HistoricalTick(),
    }
    tick = getattr(message, carried, None) or blank.get(carried)
    if carried == "historicalTickMidPoint":
        tick = _drop(tick, "size")
    kept = _keep(message, "reqId tickType")
    return msgspec.structs.replace(kept, **{carried: tick}) if tick else kept


def _bars(message: m.HistoricalData, version: int) -> m.HistoricalData:
    bars = tuple(_bar(bar) for bar in message.historicalDataBars)
    message = msgspec.structs.replace(message, historicalDataBars=bars)
    return message if version < 196 else _drop(message, "startDateStr endDateStr")


def _bar(bar: m.HistoricalDataBar) -> m.HistoricalDataBar:
    filled = {name: -1 for name in ("volume", "WAP", "barCount") if getattr(bar, name) is None}
    return msgspec.structs.replace(bar, **filled)


def _scan(message: m.ScannerData, _version: int) -> m.ScannerData:
    rows = tuple(
        _nest(row, "contract", lambda c: _zeroed(_keep(c, SCANNED), "conId strike"))
        for row in message.scannerDataElement
    )
    return msgspec.structs.replace(message, scannerDataElement=rows)


def _samples(message: m.SymbolSamples, version: int) -> m.SymbolSamples:
    kept = SAMPLED if version >= 176 else SAMPLED.removesuffix(" description issuerId")
    rows = tuple(
        _nest(row, "contract", lambda c: _zeroed(_keep(c, kept), "conId"))
        for row in message.contractDescriptions
    )
    return msgspec.structs.replace(message, contractDescriptions=rows)


SHAPES: dict[str, Callable[[m.Record, int], m.Record]] = {
    "OpenOrder": _open_order,
    "CompletedOrder": _completed_order,
    "PlaceOrderRequest": _place_order,
    "MarketDataRequest": _combo_request,
    "HistoricalDataRequest": _combo_request,
    "ContractData": _contract_data,
    "TickByTickData": _tick_by_tick,
    "HistoricalData": _bars,
    "HistoricalDataUpdate": lambda message, _: _nest(message, "historicalDataBar", _bar),
    "ScannerData": _scan,
    "SymbolSamples": _samples,
    "HistoricalTicks": lambda message, _: message,
}


def _defaults(record: m.Record, names: set[str]) -> dict[str, object]:
    blank = type(record)()
    return {name: getattr(blank, name) for name in names}


def _keep(record: m.Record, names: str) -> m.Record:
    lost = set(record.__struct_fields__) - set(names.split())
    return msgspec.structs.replace(record, **_defaults(record, lost))


def _drop(record: m.Record, names: str) -> m.Record:
    return msgspec.structs.replace(record, **_defaults(record, set(names.split())))


def _zeroed(record: m.Record, names: str) -> m.Record:
    zeros = {name: 0 for name in names.split() if getattr(record, name) is None}
    return msgspec.structs.replace(record, **zeros)


def _nest(record: m.Record, name: str, change: Callable[[m.Record], m.Record]) -> m.Record:
    nested = getattr(record, name)
    if nested is None:
        return record
    return msgspec.structs.replace(record, **{name: change(nested)})


def _get(record: m.Record, path: str) -> object:
    for name in path.split("."):
        record = getattr(record, name)
    return record


def _set(record: m.Record, path: str, value: object) -> m.Record:
    """Set a dotted path; None stands for the field's default."""
    name, _, rest = path.partition(".")
    if rest:
        return _nest(record, name, lambda nested: _set(nested, rest, value))
    if value is None:
        return _drop(record, name)
    return msgspec.structs.replace(record, **{name: value})


def _each_nested(record: m.Record, change: Callable[[m.Record], m.Record]) -> m.Record:
    changes: dict[str, object] = {}
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, m.Record):
            changes[name] = change(value)
        elif isinstance(value, tuple):
            changes[name] = tuple(change(v) if isinstance(v, m.Record) else v for v in value)
    return msgspec.structs.replace(record, **changes)
