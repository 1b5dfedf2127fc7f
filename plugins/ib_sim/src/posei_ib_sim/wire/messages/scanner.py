"""Market scans."""

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage
from posei_ib_sim.wire.messages.contract import Contract


class ScannerSubscription(Record, kw_only=True, frozen=True):
    """Describe a market scan."""

    numberOfRows: int | None = None
    instrument: str = ""
    locationCode: str = ""
    scanCode: str = ""
    abovePrice: float | None = None
    belowPrice: float | None = None
    aboveVolume: int | None = None
    marketCapAbove: float | None = None
    marketCapBelow: float | None = None
    moodyRatingAbove: str = ""
    moodyRatingBelow: str = ""
    spRatingAbove: str = ""
    spRatingBelow: str = ""
    maturityDateAbove: str = ""
    maturityDateBelow: str = ""
    couponRateAbove: float | None = None
    couponRateBelow: float | None = None
    excludeConvertible: bool = False
    averageOptionVolumeAbove: int | None = None
    scannerSettingPairs: str = ""
    stockTypeFilter: str = ""
    scannerSubscriptionFilterOptions: dict[str, str] = msgspec.field(default_factory=dict)
    scannerSubscriptionOptions: dict[str, str] = msgspec.field(default_factory=dict)


class ScannerDataElement(Record, kw_only=True, frozen=True):
    """Carry one row of a ranking; rank starts at 0."""

    rank: int | None = None
    contract: Contract = Contract()
    marketName: str = ""
    distance: str = ""
    benchmark: str = ""
    projection: str = ""
    comboKey: str = ""


class ScannerData(ServerMessage, kw_only=True, frozen=True):
    """Carry a complete ranking (20, scannerData)."""

    reqId: int | None = None
    scannerDataElement: tuple[ScannerDataElement, ...] = ()


class ScannerParameters(ServerMessage, kw_only=True, frozen=True):
    """Answer reqScannerParameters with XML (19, scannerParameters)."""

    xml: str = ""


class ScannerParametersRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for the scanner's parameters (24, reqScannerParameters)."""


class ScannerSubscriptionRequest(ClientMessage, kw_only=True, frozen=True):
    """Subscribe to a market scan (22, reqScannerSubscription)."""

    reqId: int | None = None
    scannerSubscription: ScannerSubscription = ScannerSubscription()


class CancelScannerSubscription(ClientMessage, kw_only=True, frozen=True):
    """End a scan subscription (23, cancelScannerSubscription)."""

    reqId: int | None = None
