"""The protobuf schemas: field number, name and type; ``*`` means repeated."""

from posei_ib_sim.wire.protobuf.schema.records import RECORDS
from posei_ib_sim.wire.protobuf.schema.reports import REPORTS
from posei_ib_sim.wire.protobuf.schema.requests import REQUESTS

SCHEMAS: tuple[str, ...] = (RECORDS, REPORTS, REQUESTS)
"""All schemas; a name at the margin starts a message, its fields follow indented."""

FIELD_SINCE: dict[tuple[str, str], int] = {
    ("Order", "deactivate"): 216,
    ("Order", "postOnly"): 216,
    ("Order", "allowPreOpen"): 216,
    ("Order", "ignoreOpenAuction"): 216,
    ("Order", "routeMarketableToBbo"): 217,
    ("Order", "seekPriceImprovement"): 217,
    ("Order", "whatIfType"): 217,
    ("PlaceOrderRequest", "attachedOrders"): 218,
    ("Order", "hedgeMaxSize"): 223,
    ("ContractDetails", "lastPricePrecision"): 224,
    ("ContractDetails", "lastSizePrecision"): 224,
    ("TickReqParams", "lastPricePrecision"): 224,
    ("TickReqParams", "lastSizePrecision"): 224,
    ("ContractDetails", "settlementMethod"): 225,
    ("Order", "conditionsIncludeOvernight"): 226,
}
"""Fields younger than 213: the first server version that has them."""
