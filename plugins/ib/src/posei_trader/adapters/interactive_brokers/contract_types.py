"""IB's contracts and contract details as immutable values, under IB's own field names.

Nothing here imports `ibapi`: configuration and symbology work without it. An unset number is None,
never a magic value, so that 0 stays 0. :mod:`.contract_conversion` is the border to `ibapi`.

None of them can be part of a cycle, so the garbage collector is spared the thousands that a chain
brings (``gc=False``).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from posei_trader.errors import InvalidRequest

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = [
    "ComboLeg",
    "ContractDescription",
    "DeltaNeutralContract",
    "IBContract",
    "IBContractDetails",
    "IneligibilityReason",
    "OptionChain",
    "PriceIncrement",
    "TagValue",
]


class TagValue(msgspec.Struct, frozen=True, gc=False):
    """A named text, as IB sends security ids and algorithm parameters."""

    tag: str
    value: str


class IneligibilityReason(msgspec.Struct, frozen=True, gc=False):
    """Why a contract cannot be traded by this account."""

    id_: str
    description: str


class ComboLeg(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A part of a combination (`secType` BAG).

    Attributes:
        conId: The leg's contract.
        ratio: Units of the leg in one combination, positive.
        action: ``BUY`` or ``SELL`` when the combination is bought.
        exchange: Where the leg is routed.
        openClose: 0 as the combination, 1 open, 2 close, 3 unknown.
        shortSaleSlot: 1 or 2 for short stock legs, else 0.
        designatedLocation: Where borrowed shares lie, for `shortSaleSlot` 2.
        exemptCode: Short sale exemption, -1 for none.
    """

    conId: int
    ratio: int
    action: str
    exchange: str = ""
    openClose: int = 0
    shortSaleSlot: int = 0
    designatedLocation: str = ""
    exemptCode: int = -1


class DeltaNeutralContract(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a combination is hedged with."""

    conId: int
    delta: float = 0.0
    price: float = 0.0


_TEXTS: Final = (
    "secType",
    "symbol",
    "exchange",
    "primaryExchange",
    "currency",
    "localSymbol",
    "tradingClass",
    "lastTradeDateOrContractMonth",
    "right",
    "multiplier",
    "secIdType",
    "secId",
)


class IBContract(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, cache_hash=True
):
    """What IB is asked for: as many fields as are needed to name a contract.

    The fields up to `deltaNeutralContract` are IB's. The others tell the instrument provider which
    derivatives to load with this contract; None leaves it to the provider's configuration.

    Attributes:
        strike: None where there is none; 0.0 is a strike.
        multiplier: A text, as IB has it: ``"50"``.
        includeExpired: Whether expired futures are found too.
        build_options_chain: Load the options on this contract; for a future or a continuous
            future, the options on those futures.
        build_futures_chain: Load the futures of this contract's family.
        options_chain_exchange: Take the options of this exchange instead of the contract's own.
        min_expiry_days: First expiry to load, in days from today; 0 includes today's.
        max_expiry_days: Last expiry to load, in days from today.
        min_strike: Lowest strike to load; `right` on the underlying's contract picks calls or puts.
        max_strike: Highest strike to load.

    Raises:
        InvalidRequest: a field has the wrong type, or the expiry window is empty.
    """

    secType: str = ""
    conId: int = 0
    symbol: str = ""
    exchange: str = ""
    primaryExchange: str = ""
    currency: str = ""
    localSymbol: str = ""
    tradingClass: str = ""
    lastTradeDateOrContractMonth: str = ""
    lastTradeDate: str = ""
    strike: float | None = None
    right: str = ""
    multiplier: str = ""
    includeExpired: bool = False
    secIdType: str = ""
    secId: str = ""
    description: str = ""
    issuerId: str = ""
    comboLegsDescrip: str = ""
    comboLegs: tuple[ComboLeg, ...] = ()
    deltaNeutralContract: DeltaNeutralContract | None = None
    build_options_chain: bool | None = None
    build_futures_chain: bool | None = None
    options_chain_exchange: str | None = None
    min_expiry_days: int | None = None
    max_expiry_days: int | None = None
    min_strike: float | None = None
    max_strike: float | None = None

    def __post_init__(self) -> None:
        texts = (
            self.secType,
            self.symbol,
            self.exchange,
            self.primaryExchange,
            self.currency,
            self.localSymbol,
            self.tradingClass,
            self.lastTradeDateOrContractMonth,
            self.right,
            self.multiplier,
            self.secIdType,
            self.secId,
        )
        try:
            # The cheapest way to ask whether all are texts: contracts are made by the thousand.
            "".join(texts)
        except TypeError as error:
            raise self._wrong_text() from error
        # A list is what people write; a tuple can be hashed.
        if type(self.comboLegs) is not tuple:
            msgspec.structs.force_setattr(self, "comboLegs", tuple(self.comboLegs))
        if self.min_expiry_days is not None or self.max_expiry_days is not None:
            self._check_window()

    def _wrong_text(self) -> InvalidRequest:
        wrong = next(name for name in _TEXTS if not isinstance(getattr(self, name), str))
        return InvalidRequest(
            f"{wrong} of an IBContract must be a text",
            field=f"IBContract.{wrong}",
            value=getattr(self, wrong),
            remedy=f"write {wrong}={str(getattr(self, wrong))!r}",
        )

    def _check_window(self) -> None:
        low, high = self.min_expiry_days, self.max_expiry_days
        for name, days in (("min_expiry_days", low), ("max_expiry_days", high)):
            if days is not None and days < 0:
                raise InvalidRequest(
                    f"{name} counts days from today and may not be negative",
                    field=f"IBContract.{name}",
                    value=days,
                    remedy="0 is today",
                )
        if low is not None and high is not None and low > high:
            raise InvalidRequest(
                "the expiry window is empty",
                field="IBContract.min_expiry_days, max_expiry_days",
                value=(low, high),
                remedy="give min_expiry_days <= max_expiry_days",
            )

    def bare(self) -> IBContract:
        """Return the contract without the instructions to the provider."""
        return msgspec.structs.replace(
            self,
            build_options_chain=None,
            build_futures_chain=None,
            options_chain_exchange=None,
            min_expiry_days=None,
            max_expiry_days=None,
            min_strike=None,
            max_strike=None,
        )

    def __str__(self) -> str:
        shown = msgspec.to_builtins(self)
        return f"IBContract({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: type[object], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415  pydantic is only there when it asks

        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.from_mapping(value),
            json_schema_input_schema=core_schema.dict_schema(core_schema.str_schema()),
            serialization=core_schema.plain_serializer_function_ser_schema(
                msgspec.to_builtins, when_used="json"
            ),
        )

    @classmethod
    def from_mapping(cls, fields: Mapping[str, Any]) -> Self:
        """Make a contract from plain data such as a TOML table.

        Raises:
            InvalidRequest: a field is unknown or has the wrong type.
        """
        if not isinstance(fields, Mapping):
            raise InvalidRequest(
                "not a contract",
                field="IBContract",
                value=fields,
                remedy="give an IBContract, or a table of its fields",
            )
        unknown = sorted(set(fields) - set(cls.__struct_fields__))
        if unknown:
            raise InvalidRequest(
                f"an IBContract has no field {unknown[0]!r}",
                field=f"IBContract.{unknown[0]}",
                value=fields[unknown[0]],
                remedy=f"the fields are {', '.join(cls.__struct_fields__)}",
            )
        try:
            return msgspec.convert(fields, cls)
        except msgspec.ValidationError as error:
            raise InvalidRequest(
                "an IBContract has a field of the wrong type",
                field="IBContract",
                value=fields,
                remedy=str(error),
            ) from error


class IBContractDetails(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What IB answers about a contract; enough to make an instrument.

    The fields are those of `ibapi.contract.ContractDetails`. Texts stay IB's texts: sessions in
    `tradingHours` and `liquidHours` are local times of `timeZoneId`, `validExchanges` and
    `marketRuleIds` are parallel comma-separated lists.

    Attributes:
        minTick: The smallest price step anywhere, in the unit that IB quotes.
        priceMagnifier: How many quoted units make one unit of `currency`; 0 means 1.
        minSize: Smallest order, None where IB does not say.
        sizeIncrement: Step of order sizes, None where IB does not say.
    """

    contract: IBContract
    marketName: str = ""
    minTick: float = 0.0
    orderTypes: str = ""
    validExchanges: str = ""
    priceMagnifier: int = 0
    underConId: int = 0
    longName: str = ""
    contractMonth: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    timeZoneId: str = ""
    tradingHours: str = ""
    liquidHours: str = ""
    evRule: str = ""
    evMultiplier: float = 0.0
    aggGroup: int | None = None
    underSymbol: str = ""
    underSecType: str = ""
    marketRuleIds: str = ""
    secIdList: tuple[TagValue, ...] = ()
    realExpirationDate: str = ""
    lastTradeTime: str = ""
    stockType: str = ""
    minSize: Decimal | None = None
    sizeIncrement: Decimal | None = None
    suggestedSizeIncrement: Decimal | None = None
    minAlgoSize: Decimal | None = None
    lastPricePrecision: Decimal | None = None
    lastSizePrecision: Decimal | None = None
    # bonds
    cusip: str = ""
    ratings: str = ""
    descAppend: str = ""
    bondType: str = ""
    couponType: str = ""
    callable: bool = False
    putable: bool = False
    coupon: float = 0.0
    convertible: bool = False
    maturity: str = ""
    issueDate: str = ""
    nextOptionDate: str = ""
    nextOptionType: str = ""
    nextOptionPartial: bool = False
    notes: str = ""
    # funds
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
    fundSubsequentMinimumPurchase: str = ""
    fundBlueSkyStates: str = ""
    fundBlueSkyTerritories: str = ""
    fundDistributionPolicyIndicator: str = ""
    fundAssetType: str = ""
    ineligibilityReasonList: tuple[IneligibilityReason, ...] = ()
    # event contracts
    eventContract1: str = ""
    eventContractDescription1: str = ""
    eventContractDescription2: str = ""
    settlementMethod: str = ""

    @property
    def conId(self) -> int:
        """Return IB's number of the contract."""
        return self.contract.conId

    def security_id(self, kind: str) -> str | None:
        """Return the contract's ``ISIN``, ``CUSIP`` or other number, None where IB sent none."""
        for entry in self.secIdList:
            if entry.tag == kind and entry.value:
                return entry.value
        if kind == "CUSIP" and self.cusip:
            return self.cusip
        if self.contract.secIdType == kind and self.contract.secId:
            return self.contract.secId
        return None


class OptionChain(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the answer to `reqSecDefOptParams`: the options of one class on one exchange.

    Not every expiry has every strike.

    Attributes:
        expirations: ``YYYYMMDD``, ascending.
        strikes: Ascending.
    """

    exchange: str
    underlyingConId: int
    tradingClass: str
    multiplier: str
    expirations: tuple[str, ...]
    strikes: tuple[float, ...]


class ContractDescription(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One row of the answer to `reqMatchingSymbols`.

    Attributes:
        contract: With conId, symbol, secType, primaryExchange and currency.
        derivativeSecTypes: What can be traded on it: ``OPT``, ``FUT``, ...
    """

    contract: IBContract
    derivativeSecTypes: tuple[str, ...] = ()


class PriceIncrement(msgspec.Struct, frozen=True, gc=False):
    """One row of the answer to `reqMarketRule`.

    Attributes:
        lowEdge: The step holds from this price on, in the unit that IB quotes.
        increment: The price step.
    """

    lowEdge: float
    increment: float
