"""How the official client names what we send: its callbacks, and its names for fields."""

import math
from datetime import UTC, datetime
from decimal import Decimal

from ibapi import order_condition
from ibapi.client import EClient
from ibapi.common import WshEventData
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue
from ibapi.wrapper import EWrapper

from posei_ib_sim.wire import messages as m

RENAMED = {
    "Contract": {"primaryExch": "primaryExchange"},
    "ComboLeg": {"shortSalesSlot": "shortSaleSlot"},
    "Execution": {
        "isLiquidation": "liquidation",
        "isPriceRevisionPending": "pendingPriceRevision",
    },
    "ContractDetails": {
        "puttable": "putable",
        "bondNotes": "notes",
        "fundMinimumSubsequentPurchase": "fundSubsequentMinimumPurchase",
    },
    "IneligibilityReason": {"id": "id_"},
    "OrderCondition": {"type": "condType"},
    "SoftDollarTier": {"value": "val"},
    "HistoricalDataBar": {"WAP": "wap"},
    "CommissionAndFeesReport": {"bondYield": "yield_"},
    "FamilyCode": {"accountId": "accountID", "familyCode": "familyCodeStr"},
    "NewsProvider": {"providerCode": "code", "providerName": "name"},
}
# The names ib_async has for what the official client calls as we do.
IN_IB_ASYNC = {
    "OrderState": {
        "commissionAndFees": "commission",
        "minCommissionAndFees": "minCommission",
        "maxCommissionAndFees": "maxCommission",
        "commissionAndFeesCurrency": "commissionCurrency",
    },
    "CommissionAndFeesReport": {"commissionAndFees": "commission"},
    "HistoricalDataBar": {"WAP": "average"},
    "HistogramDataEntry": {"size": "count"},
    "OrderCondition": {"isConjunctionConnection": "conjunction", "exchange": "exch"},
}
ELSEWHERE = {
    "ComboLeg": {"perLegPrice"},  # the client keeps prices in order.orderComboLegs
    "Contract": {"secIdType", "secId", "includeExpired"},  # of requests only
    # Turned into enums of the client's own.
    "ContractDetails": {"fundDistributionPolicyIndicator", "fundAssetType"},
    "Execution": {"optExerciseOrLapseType"},
    # Fields of order requests, which the client does not take from reports.
    "Order": {
        "orderId", "transmit", "scaleTable", "algoId", "overridePercentageConstraints",
        "orderMiscOptions", "mifid2DecisionMaker", "mifid2DecisionAlgo", "mifid2ExecutionTrader",
        "mifid2ExecutionAlgo", "advancedErrorOverride", "manualOrderTime",
    },
}  # fmt: skip
KNOWN_TIMES = {"20260413 15:27:04 US/Eastern": datetime(2026, 4, 13, 19, 27, 4, tzinfo=UTC)}
UNSETS = {2**31 - 1, 2**63 - 1, 1.7976931348623157e308, Decimal(2**127 - 1)}


class Recorder(EWrapper):
    """Record every callback but those that hand over raw protobuf."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _recording(name):
    def record(self, *args):
        self.calls.append((name, args))

    return record


for _name in dir(EWrapper):
    if not _name.startswith("_") and callable(getattr(EWrapper, _name)):
        _keep = (lambda self, *args: None) if _name.endswith("ProtoBuf") else _recording(_name)
        setattr(Recorder, _name, _keep)


class Parts(dict):
    """Structs of ours that the client keeps together in one object, by its name for them."""


class Exactly:
    """A value that the client builds from several of ours."""

    def __init__(self, value):
        self.value = value


def disagreements(ours, theirs, path=""):
    """Name every field in which the client's object differs from our struct."""
    if isinstance(ours, Parts):
        return [
            problem
            for name, part in ours.items()
            for problem in disagreements(part, getattr(theirs, name) if name else theirs, path)
        ]
    if isinstance(ours, m.Record):
        return _record_disagreements(ours, theirs, path)
    if isinstance(ours, dict):
        return _map_disagreements(ours, theirs, path)
    if isinstance(ours, Exactly):
        same = ours.value == theirs
        return [] if same else [f"{path}: {ours.value!r}, the client has {theirs!r}"]
    if isinstance(ours, tuple):
        theirs = list(theirs or [])
        if len(ours) != len(theirs):
            return [f"{path}: {len(ours)} elements, the client has {len(theirs)}"]
        return [
            problem
            for index, (one, other) in enumerate(zip(ours, theirs, strict=True))
            for problem in disagreements(one, other, f"{path}[{index}]")
        ]
    return [] if _same(ours, theirs) else [f"{path}: {ours!r}, the client has {theirs!r}"]


def _record_disagreements(ours, theirs, path):
    owner = type(ours).__name__
    renamed = RENAMED.get(owner, {})
    problems = []
    for name in ours.__struct_fields__:
        value = getattr(ours, name)
        if name in ELSEWHERE.get(owner, ()):
            continue
        their_name = renamed.get(name, name)
        if not hasattr(theirs, their_name):
            their_name = IN_IB_ASYNC.get(owner, {}).get(name, their_name)
        blank = getattr(type(ours)(), name)
        if not hasattr(theirs, their_name) and (value == blank or owner == "OrderCondition"):
            continue  # unset here and unknown there, or of another type of condition
        if not hasattr(theirs, their_name):
            problems.append(f"{path}.{name}: {value!r}, the client has no such field")
            continue
        problems += disagreements(value, getattr(theirs, their_name), f"{path}.{name}")
    return problems


def _map_disagreements(ours, theirs, path):
    theirs = {item.tag: item.value for item in theirs or []}
    return [] if ours == theirs else [f"{path}: {ours!r}, the client has {theirs!r}"]


def _same(ours, theirs):
    if ours is None:
        return theirs in UNSETS or theirs in (None, 0, "", -1, -2) or _is_nan(theirs)
    if isinstance(theirs, datetime):
        return theirs == (KNOWN_TIMES[ours] if ours in KNOWN_TIMES else _at(ours))
    if isinstance(ours, str):
        return ours == str(theirs or "")
    if theirs in ("a", "o"):  # conjunctions
        return ours == (theirs == "a")
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return bool(theirs) == bool(ours)
    if isinstance(theirs, str):  # multipliers and margins are text there
        theirs = float(theirs) if theirs else 0
    return math.isclose(float(ours), float(theirs)) if theirs is not None else ours == 0


def _at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


def _is_nan(value):
    return isinstance(value, float | Decimal) and math.isnan(value)


def official(record):
    """Build the official client's object that means the same as one of our structs."""
    owner = type(record).__name__
    is_condition = owner == "OrderCondition"
    theirs = order_condition.Create(record.type) if is_condition else OFFICIAL[owner]()
    for name in record.__struct_fields__:
        value = getattr(record, name)
        their_name = RENAMED.get(owner, {}).get(name, name)
        if value not in (None, ()) and hasattr(theirs, their_name) and name != "type":
            setattr(theirs, their_name, argument(value))
    if owner == "Order":
        theirs.softDollarTier = SoftDollarTier(
            record.softDollarTier.name, record.softDollarTier.value, ""
        )
    return theirs


def argument(value):
    """Turn a value into what the official client takes."""
    if isinstance(value, m.Record):
        return official(value)
    if isinstance(value, dict):
        return [TagValue(tag, text) for tag, text in value.items()]
    if isinstance(value, tuple):
        return [argument(element) for element in value]
    return value


OFFICIAL = {
    "Contract": Contract,
    "ComboLeg": ComboLeg,
    "DeltaNeutralContract": DeltaNeutralContract,
    "Order": Order,
    "SoftDollarTier": lambda: SoftDollarTier("", "", ""),
    "OrderCancel": OrderCancel,
    "ExecutionFilter": ExecutionFilter,
    "ScannerSubscription": ScannerSubscription,
    "WshEventDataRequest": WshEventData,
}


class CapturingClient(EClient):
    """The official client at a server version, connected to a list."""

    def __init__(self, version):
        self.recorder = Recorder()
        super().__init__(self.recorder)
        self.serverVersion_ = version
        self.clientId = 7
        self.optCapab = ""
        self.conn = self
        self.connState = EClient.CONNECTED
        self.sent = b""

    def isConnected(self):
        return True

    def sendMsg(self, *message):  # as client: id and text; as connection: a whole frame
        if len(message) == 1:
            self.sent += message[0]
        else:
            super().sendMsg(*message)
