"""The cache: what a node knows now, found in constant time.

The engines write to it; strategies, actors and clients read. Ticks and bars are kept in bounded
rings, newest last; orders, positions and accounts are kept for the life of the node.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, final

from posei_trader.engine.order_index import OrderIndex
from posei_trader.model.book import OrderBook
from posei_trader.model.enums import GreeksBasis, PriceType
from posei_trader.model.values import Price

if TYPE_CHECKING:
    from posei_trader.model.accounts import AccountPnl, AccountState
    from posei_trader.model.bars import Bar, BarType
    from posei_trader.model.derivatives import OpenInterest, OptionGreeks
    from posei_trader.model.enums import OrderSide
    from posei_trader.model.identifiers import (
        AccountId,
        ClientId,
        InstrumentId,
        PositionId,
        StrategyId,
        Venue,
        VenueOrderId,
    )
    from posei_trader.model.instruments import Instrument
    from posei_trader.model.orders import Order
    from posei_trader.model.positions import Position
    from posei_trader.model.ticks import IndexPriceUpdate, InstrumentStatus, QuoteTick, TradeTick

__all__ = ["Cache"]

DEFAULT_CAPACITY: Final = 1_000
"""How many ticks of an instrument, and bars of a type, are kept."""


@final
class Cache:
    """Everything a node knows. Satisfies :class:`posei_trader.protocols.ClientCache`.

    Lists that it returns are copies in the order of arrival.

    Args:
        tick_capacity: How many quotes and trades of each instrument are kept.
        bar_capacity: How many bars of each type are kept.
    """

    def __init__(
        self, tick_capacity: int = DEFAULT_CAPACITY, bar_capacity: int = DEFAULT_CAPACITY
    ) -> None:
        self._tick_capacity = tick_capacity
        self._bar_capacity = bar_capacity
        self._instruments: dict[InstrumentId, Instrument] = {}
        self._by_venue: dict[Venue, dict[InstrumentId, Instrument]] = {}
        self._quotes: dict[InstrumentId, deque[QuoteTick]] = {}
        self._trades: dict[InstrumentId, deque[TradeTick]] = {}
        self._bars: dict[BarType, deque[Bar]] = {}
        self._books: dict[InstrumentId, OrderBook] = {}
        self._statuses: dict[InstrumentId, InstrumentStatus] = {}
        self._index_prices: dict[InstrumentId, IndexPriceUpdate] = {}
        self._greeks: dict[tuple[InstrumentId, GreeksBasis], OptionGreeks] = {}
        self._open_interest: dict[InstrumentId, OpenInterest] = {}
        self._orders = OrderIndex()
        self._positions: dict[PositionId, Position] = {}
        self._positions_of: dict[InstrumentId, dict[PositionId, Position]] = {}
        self._accounts: dict[AccountId, AccountState] = {}
        self._account_pnls: dict[AccountId, AccountPnl] = {}

    # -- instruments ----------------------------------------------------------------------------

    def instrument(self, instrument_id: InstrumentId) -> Instrument | None:
        """Return an instrument, or None when it is not loaded."""
        return self._instruments.get(instrument_id)

    def instruments(self, venue: Venue | None = None) -> list[Instrument]:
        """Return the loaded instruments, of one venue or of all."""
        if venue is None:
            return list(self._instruments.values())
        return list(self._by_venue.get(venue, {}).values())

    def add_instrument(self, instrument: Instrument) -> None:
        """Add or replace an instrument."""
        self._instruments[instrument.id] = instrument
        self._by_venue.setdefault(instrument.venue, {})[instrument.id] = instrument

    # -- market data ----------------------------------------------------------------------------

    def quote_ring(self, instrument_id: InstrumentId) -> deque[QuoteTick]:
        """Return the ring that the data engine appends quotes to."""
        ring = self._quotes.get(instrument_id)
        if ring is None:
            ring = self._quotes[instrument_id] = deque(maxlen=self._tick_capacity)
        return ring

    def trade_ring(self, instrument_id: InstrumentId) -> deque[TradeTick]:
        """Return the ring that the data engine appends trades to."""
        ring = self._trades.get(instrument_id)
        if ring is None:
            ring = self._trades[instrument_id] = deque(maxlen=self._tick_capacity)
        return ring

    def bar_ring(self, bar_type: BarType) -> deque[Bar]:
        """Return the ring that the data engine appends bars to."""
        ring = self._bars.get(bar_type)
        if ring is None:
            ring = self._bars[bar_type] = deque(maxlen=self._bar_capacity)
        return ring

    def quote_tick(self, instrument_id: InstrumentId) -> QuoteTick | None:
        """Return the last quote, None before the first."""
        ring = self._quotes.get(instrument_id)
        return ring[-1] if ring else None

    def trade_tick(self, instrument_id: InstrumentId) -> TradeTick | None:
        """Return the last trade, None before the first."""
        ring = self._trades.get(instrument_id)
        return ring[-1] if ring else None

    def bar(self, bar_type: BarType) -> Bar | None:
        """Return the last bar, None before the first."""
        ring = self._bars.get(bar_type)
        return ring[-1] if ring else None

    def quote_ticks(self, instrument_id: InstrumentId) -> list[QuoteTick]:
        """Return the kept quotes."""
        return list(self._quotes.get(instrument_id, ()))

    def trade_ticks(self, instrument_id: InstrumentId) -> list[TradeTick]:
        """Return the kept trades."""
        return list(self._trades.get(instrument_id, ()))

    def bars(self, bar_type: BarType) -> list[Bar]:
        """Return the kept bars."""
        return list(self._bars.get(bar_type, ()))

    def order_book(self, instrument_id: InstrumentId) -> OrderBook | None:
        """Return the book, None when none was subscribed."""
        return self._books.get(instrument_id)

    def open_book(self, instrument_id: InstrumentId) -> OrderBook:
        """Return the book, an empty one when there was none."""
        book = self._books.get(instrument_id)
        if book is None:
            book = self._books[instrument_id] = OrderBook(instrument_id)
        return book

    def instrument_status(self, instrument_id: InstrumentId) -> InstrumentStatus | None:
        """Return the last known market state, None when none was told."""
        return self._statuses.get(instrument_id)

    def set_instrument_status(self, status: InstrumentStatus) -> None:
        """Keep a market state."""
        self._statuses[status.instrument_id] = status

    def index_price(self, instrument_id: InstrumentId) -> IndexPriceUpdate | None:
        """Return the last value of an index, None before the first."""
        return self._index_prices.get(instrument_id)

    def set_index_price(self, update: IndexPriceUpdate) -> None:
        """Keep an index value."""
        self._index_prices[update.instrument_id] = update

    def option_greeks(
        self, instrument_id: InstrumentId, basis: GreeksBasis = GreeksBasis.MODEL
    ) -> OptionGreeks | None:
        """Return the last greeks of a basis, None before the first."""
        return self._greeks.get((instrument_id, basis))

    def set_option_greeks(self, greeks: OptionGreeks) -> None:
        """Keep greeks."""
        self._greeks[greeks.instrument_id, greeks.basis] = greeks

    def open_interest(self, instrument_id: InstrumentId) -> OpenInterest | None:
        """Return the last known open interest, None before the first."""
        return self._open_interest.get(instrument_id)

    def set_open_interest(self, update: OpenInterest) -> None:
        """Keep an open interest."""
        self._open_interest[update.instrument_id] = update

    def price(self, instrument_id: InstrumentId, price_type: PriceType) -> Price | None:
        """Return the last known price of a kind; None while none is known.

        LAST is the last trade, or an index's value; the others come from the last quote.
        """
        if price_type is PriceType.LAST:
            trade = self.trade_tick(instrument_id)
            if trade is not None:
                return trade.price
            index = self._index_prices.get(instrument_id)
            return None if index is None else index.value
        quote = self.quote_tick(instrument_id)
        if quote is None:
            return None
        # A midpoint has one digit more than the prices it lies between.
        digits = quote.price_precision + (price_type is PriceType.MID)
        return Price.from_raw(quote.price_raw(price_type), min(9, digits))

    def mark_price(self, instrument_id: InstrumentId) -> Price | None:
        """Return the price to value a position at; None while none is known.

        The newer of the last trade and the last quote's midpoint; else the newest bar's close.
        """
        trade, quote = self.trade_tick(instrument_id), self.quote_tick(instrument_id)
        if quote is not None and (trade is None or quote.ts_event > trade.ts_event):
            return self.price(instrument_id, PriceType.MID)
        if trade is not None:
            return trade.price
        newest: Bar | None = None
        for bar_type, ring in self._bars.items():
            if bar_type.instrument_id == instrument_id and ring:
                bar = ring[-1]
                newest = bar if newest is None or bar.ts_event > newest.ts_event else newest
        return self.price(instrument_id, PriceType.LAST) if newest is None else newest.close

    # -- orders ---------------------------------------------------------------------------------

    def add_order(self, order: Order, client_id: ClientId | None = None) -> None:
        """Add an order and the client that handles it.

        Raises:
            InvalidRequest: an order of that name is there already.
        """
        self._orders.add(order, client_id)

    def update_order(self, order: Order) -> None:
        """Sort an order in again after a change."""
        self._orders.update(order)

    def order(self, client_order_id: str) -> Order | None:
        """Return an order of ours, or None when there is none of that name."""
        return self._orders.by_id.get(client_order_id)

    def order_by_venue_id(
        self, venue_order_id: VenueOrderId, account_id: AccountId | None = None
    ) -> Order | None:
        """Return an order by the venue's name, or None."""
        return self._orders.by_venue_order_id(venue_order_id, account_id)

    def client_of_order(self, client_order_id: str) -> ClientId | None:
        """Return which execution client handles an order, None when that is not known."""
        return self._orders.client_of(client_order_id)

    def orders(
        self,
        instrument_id: InstrumentId | None = None,
        strategy_id: StrategyId | None = None,
        side: OrderSide | None = None,
    ) -> list[Order]:
        """Return every order that fits, oldest first."""
        return self._orders.select(None, instrument_id, strategy_id, side)

    def orders_open(
        self,
        instrument_id: InstrumentId | None = None,
        strategy_id: StrategyId | None = None,
        side: OrderSide | None = None,
    ) -> list[Order]:
        """Return the orders that the venue works, as far as we know."""
        return self._orders.select("open", instrument_id, strategy_id, side)

    def orders_in_flight(
        self,
        instrument_id: InstrumentId | None = None,
        strategy_id: StrategyId | None = None,
        side: OrderSide | None = None,
    ) -> list[Order]:
        """Return the orders that wait for the venue's answer."""
        return self._orders.select("in_flight", instrument_id, strategy_id, side)

    def orders_closed(
        self,
        instrument_id: InstrumentId | None = None,
        strategy_id: StrategyId | None = None,
        side: OrderSide | None = None,
    ) -> list[Order]:
        """Return the orders that have reached an end."""
        return self._orders.select("closed", instrument_id, strategy_id, side)

    # -- positions ------------------------------------------------------------------------------

    def add_position(self, position: Position) -> None:
        """Add or replace a position."""
        self._positions[position.id] = position
        self._positions_of.setdefault(position.instrument_id, {})[position.id] = position

    def position(self, position_id: PositionId) -> Position | None:
        """Return a position, or None."""
        return self._positions.get(position_id)

    def positions(
        self, instrument_id: InstrumentId | None = None, strategy_id: StrategyId | None = None
    ) -> list[Position]:
        """Return every position that fits, flat ones too."""
        group = (
            self._positions if instrument_id is None else self._positions_of.get(instrument_id, {})
        )
        return [
            position
            for position in group.values()
            if strategy_id is None or position.strategy_id == strategy_id
        ]

    def positions_open(
        self, instrument_id: InstrumentId | None = None, strategy_id: StrategyId | None = None
    ) -> list[Position]:
        """Return the positions that are not flat."""
        return [held for held in self.positions(instrument_id, strategy_id) if held.is_open]

    def positions_closed(
        self, instrument_id: InstrumentId | None = None, strategy_id: StrategyId | None = None
    ) -> list[Position]:
        """Return the positions that are flat again."""
        return [held for held in self.positions(instrument_id, strategy_id) if not held.is_open]

    # -- accounts -------------------------------------------------------------------------------

    def set_account(self, state: AccountState) -> None:
        """Keep an account's newest state."""
        self._accounts[state.account_id] = state

    def account(self, account_id: AccountId) -> AccountState | None:
        """Return an account's newest state, None before the first."""
        return self._accounts.get(account_id)

    def set_account_pnl(self, pnl: AccountPnl) -> None:
        """Keep the newest profit that a venue counts."""
        self._account_pnls[pnl.account_id] = pnl

    def account_pnl(self, account_id: AccountId) -> AccountPnl | None:
        """Return the profit that the venue counts, None before it has told."""
        return self._account_pnls.get(account_id)

    def accounts(self) -> list[AccountState]:
        """Return the newest state of every account."""
        return list(self._accounts.values())
