"""Contracts, their details, and the requests for them."""

from decimal import Decimal

import msgspec

from posei_ib_sim.wire.messages.base import ClientMessage, Record, ServerMessage


class DeltaNeutralContract(Record, kw_only=True, frozen=True):
    """Carry the hedging contract of a delta-neutral combo."""

    conId: int | None = None
    delta: float | None = None
    price: float | None = None


class ComboLeg(Record, kw_only=True, frozen=True):
    """Describe one leg of a BAG; perLegPrice is the leg's own limit price."""

    conId: int | None = None
    ratio: int | None = None
    action: str = ""
    exchange: str = ""
    openClose: int | None = None
    shortSalesSlot: int | None = None
    designatedLocation: str = ""
    exemptCode: int | None = None
    perLegPrice: float | None = None


class Contract(Record, kw_only=True, frozen=True):
    """Name an instrument, as in every request and report that is about one."""

    conId: int | None = None
    symbol: str = ""
    secType: str = ""
    lastTradeDateOrContractMonth: str = ""
    strike: float | None = None
    right: str = ""
    multiplier: float | None = None
    exchange: str = ""
    primaryExch: str = ""
    currency: str = ""
    localSymbol: str = ""
    tradingClass: str = ""
    secIdType: str = ""
    secId: str = ""
    description: str = ""
    issuerId: str = ""
    deltaNeutralContract: DeltaNeutralContract | None = None
    includeExpired: bool = False
    comboLegsDescrip: str = ""
    comboLegs: tuple[ComboLeg, ...] = ()
    lastTradeDate: str = ""


class IneligibilityReason(Record, kw_only=True, frozen=True):
    """Say why an instrument may not be traded."""

    id: str = ""
    description: str = ""


class ContractDetails(Record, kw_only=True, frozen=True):
    """Carry everything a security definition says beyond the contract itself."""

    marketName: str = ""
    minTick: Decimal | None = None
    orderTypes: str = ""
    validExchanges: str = ""
    priceMagnifier: int | None = None
    underConId: int | None = None
    longName: str = ""
    contractMonth: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    timeZoneId: str = ""
    tradingHours: str = ""
    liquidHours: str = ""
    evRule: str = ""
    evMultiplier: float | None = None
    secIdList: dict[str, str] = msgspec.field(default_factory=dict)
    aggGroup: int | None = None
    underSymbol: str = ""
    underSecType: str = ""
    marketRuleIds: str = ""
    realExpirationDate: str = ""
    stockType: str = ""
    minSize: Decimal | None = None
    sizeIncrement: Decimal | None = None
    suggestedSizeIncrement: Decimal | None = None
    fundName: str = ""
    fundFamily: str = ""
    fundType: str = ""
    fundFrontLoad: str = ""
    fundBackLoad: str = ""
    fundBackLoadTimeInterval: str = ""
    fundManagementFee: str = ""
    fundClosed: bool = False
    fundClosedForNewInvestors: bool = False
    fundClosedForNewMoney: bool = False
    fundNotifyAmount: str = ""
    fundMinimumInitialPurchase: str = ""
    fundMinimumSubsequentPurchase: str = ""
    fundBlueSkyStates: str = ""
    fundBlueSkyTerritories: str = ""
    fundDistributionPolicyIndicator: str = ""
    fundAssetType: str = ""
    cusip: str = ""
    issueDate: str = ""
    ratings: str = ""
    bondType: str = ""
    coupon: float | None = None
    couponType: str = ""
    convertible: bool = False
    callable: bool = False
    puttable: bool = False
    descAppend: str = ""
    nextOptionDate: str = ""
    nextOptionType: str = ""
    nextOptionPartial: bool = False
    bondNotes: str = ""
    ineligibilityReasonList: tuple[IneligibilityReason, ...] = ()
    eventContract1: str = ""
    eventContractDescription1: str = ""
    eventContractDescription2: str = ""
    minAlgoSize: Decimal | None = None
    lastPricePrecision: Decimal | None = None
    lastSizePrecision: Decimal | None = None
    settlementMethod: str = ""


class ContractData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqContractDetails, one message a contract (10, contractData)."""

    reqId: int | None = None
    contract: Contract = Contract()
    contractDetails: ContractDetails = ContractDetails()


class BondContractData(ServerMessage, kw_only=True, frozen=True):
    """Answer reqContractDetails for a bond (18, bondContractData)."""

    reqId: int | None = None
    contract: Contract = Contract()
    contractDetails: ContractDetails = ContractDetails()


class ContractDataEnd(ServerMessage, kw_only=True, frozen=True):
    """End the answers to reqContractDetails (52, contractDataEnd)."""

    reqId: int | None = None


class ContractDataRequest(ClientMessage, kw_only=True, frozen=True):
    """Ask for security definitions (9, reqContractDetails)."""

    reqId: int | None = None
    contract: Contract = Contract()


class CancelContractData(ClientMessage, kw_only=True, frozen=True):
    """Stop a security definition request (106, since 215, protobuf only)."""

    reqId: int | None = None
