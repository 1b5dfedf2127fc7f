"""Answers about contracts: thousands of rows, most of which say the same but for the contract."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final, final

from msgspec.structs import replace

from posei_ib_sim import wire
from posei_ib_sim.server.translate import to_wire

if TYPE_CHECKING:
    from posei_ib_sim.contracts import HoursBook, SimContract

__all__ = ["Descriptions"]

# All that the details of a contract are made of.
_DESCRIBING: Final = attrgetter(
    "market_name", "min_tick", "order_types", "routes", "price_magnifier", "under_con_id",
    "long_name", "contract_month", "industry", "category", "subcategory", "zone", "hours", "isin",
    "cusip", "agg_group", "under_symbol", "under_sec_type", "market_rule", "real_expiration_date",
    "stock_type", "min_size", "size_increment", "suggested_size_increment", "ratings", "bond_type",
    "sec_type", "coupon", "callable", "family",
)  # fmt: skip


@final
class Descriptions:
    """The rows of answers. Rows that follow each other share their details if these are equal."""

    def __init__(self) -> None:
        self._when: object = None
        self._trading = self._liquid = ""
        self._described: object = None
        self._details = wire.ContractDetails()

    def describe(
        self, contract: SimContract, hours: HoursBook, now_ns: int
    ) -> tuple[wire.Contract, wire.ContractDetails]:
        """Return the two halves of a contract details answer.

        Args:
            contract: What is described.
            hours: Knows its trading hours.
            now_ns: Simulated time of the answer.
        """
        described = to_wire(contract)
        if contract.last_trade_time:
            described = replace(
                described,
                lastTradeDateOrContractMonth=f"{contract.last_trade_date} "
                f"{contract.last_trade_time}",
                lastTradeDate=contract.last_trade_date,
            )
        when = (contract.hours, now_ns, hours)
        if when != self._when:
            self._trading = hours.describe(contract.hours, now_ns, liquid=False)
            self._liquid = hours.describe(contract.hours, now_ns, liquid=True)
            self._when = when
        describing = (_DESCRIBING(contract), self._trading, self._liquid)
        if describing != self._described:
            self._details = self._made(contract)
            self._described = describing
        return described, self._details

    def _made(self, contract: SimContract) -> wire.ContractDetails:
        rules = ",".join([str(contract.market_rule)] * len(contract.routes))
        ids = {"ISIN": contract.isin} if contract.isin else {}
        if contract.cusip:
            ids["CUSIP"] = contract.cusip
        bond = contract.sec_type == "BOND"
        return wire.ContractDetails(
            marketName=contract.market_name,
            minTick=contract.min_tick,
            orderTypes=contract.order_types,
            validExchanges=",".join(contract.routes),
            priceMagnifier=contract.price_magnifier,
            underConId=contract.under_con_id,
            longName=contract.long_name,
            contractMonth=contract.contract_month,
            industry=contract.industry,
            category=contract.category,
            subcategory=contract.subcategory,
            timeZoneId=contract.zone,
            tradingHours=self._trading,
            liquidHours=self._liquid,
            evRule="",
            evMultiplier=0.0,
            secIdList=ids,
            aggGroup=contract.agg_group,
            underSymbol=contract.under_symbol,
            underSecType=contract.under_sec_type,
            marketRuleIds=rules,
            realExpirationDate=contract.real_expiration_date,
            stockType=contract.stock_type,
            minSize=contract.min_size,
            sizeIncrement=contract.size_increment,
            suggestedSizeIncrement=contract.suggested_size_increment,
            cusip=contract.cusip,
            ratings=contract.ratings,
            bondType=contract.bond_type,
            coupon=contract.coupon if bond else None,
            couponType="FIXED" if bond else "",
            callable=contract.callable,
            descAppend=contract.long_name if bond else "",
            fundName=contract.long_name if contract.family else "",
            fundFamily=contract.family,
            fundType="Equity" if contract.family else "",
        )
