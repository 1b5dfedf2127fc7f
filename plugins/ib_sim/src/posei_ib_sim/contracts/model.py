"""A contract as the simulated venue knows it: identity, listing and trading terms in one record."""

from __future__ import annotations

from decimal import Decimal

import msgspec

__all__ = ["ContractQuery", "Leg", "SimContract"]


class Leg(msgspec.Struct, frozen=True):
    """One leg of a combo; the ratio is negative for a leg that is sold."""

    contract: SimContract
    ratio: int


class SimContract(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One contract of the database. Field names follow IB's contract and contract details.

    Attributes:
        exchange: Where the contract is traded when nothing else is asked for.
        routes: Exchanges a client may name for it, the first is the usual one.
        hours: Name of a session template in `posei_ib_sim.contracts.hours`.
        reference_price: Where synthetic prices start, in the unit that the venue quotes.
        legs: What a combo consists of.
        margin: Initial margin of one future in its currency; 0 means by percentage.
        fee: All-in commission for one future; 0 means by asset class.
        last_trade_time: Clock time and zone of the last trade, as IB appends it to the date.
    """

    con_id: int
    symbol: str
    sec_type: str
    exchange: str
    currency: str
    local_symbol: str
    trading_class: str
    min_tick: Decimal
    hours: str
    zone: str
    routes: tuple[str, ...]
    last_trade_date: str = ""
    last_trade_time: str = ""
    real_expiration_date: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    primary_exchange: str = ""
    market_name: str = ""
    long_name: str = ""
    price_magnifier: int = 1
    market_rule: int = 26
    under_con_id: int = 0
    under_symbol: str = ""
    under_sec_type: str = ""
    contract_month: str = ""
    industry: str = ""
    category: str = ""
    subcategory: str = ""
    stock_type: str = ""
    isin: str = ""
    cusip: str = ""
    agg_group: int | None = None
    min_size: Decimal = Decimal(1)
    size_increment: Decimal = Decimal(1)
    suggested_size_increment: Decimal = Decimal(1)
    order_types: str = ""
    reference_price: float = 100.0
    margin: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    maturity: str = ""
    coupon: float = 0.0
    bond_type: str = ""
    ratings: str = ""
    callable: bool = False
    family: str = ""
    legs: tuple[Leg, ...] = ()

    @property
    def money_factor(self) -> Decimal:
        """Money in the contract's currency for a price move of 1 in one unit.

        The multiplier divided by the price magnifier: corn trades 5,000 bushels in cents.
        """
        return Decimal(self.multiplier or "1") / self.price_magnifier

    @property
    def whole_unit(self) -> Decimal:
        """Least size that is no fraction: where the broker itself decides on sizes."""
        increment = self.size_increment
        return increment if self.sec_type == "CRYPTO" else max(increment, Decimal(1))

    @property
    def is_tradable(self) -> bool:
        """Whether orders are accepted; an index only prints."""
        return self.sec_type not in {"IND", "CONTFUT", "NEWS"}

    @property
    def has_trades(self) -> bool:
        """Whether the venue prints trades; spot forex, CFDs and commodities only quote."""
        return self.sec_type not in {"CASH", "CFD", "CMDTY", "BAG"}


class ContractQuery(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says about a contract; empty fields are open."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    last_trade_date: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = ""
    primary_exchange: str = ""
    currency: str = ""
    local_symbol: str = ""
    trading_class: str = ""
    sec_id_type: str = ""
    sec_id: str = ""
    issuer_id: str = ""
    include_expired: bool = False
