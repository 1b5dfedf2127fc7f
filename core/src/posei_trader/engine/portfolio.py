"""The portfolio: balances, positions and profit, in exact decimals."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias, final

from posei_trader.errors import InvalidRequest
from posei_trader.model.values import Money

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from posei_trader.engine.cache import Cache
    from posei_trader.model.accounts import AccountBalance, AccountPnl, AccountState
    from posei_trader.model.currencies import Currency
    from posei_trader.model.identifiers import AccountId, InstrumentId, Venue
    from posei_trader.model.positions import Position

__all__ = ["Portfolio"]

_ByCurrency: TypeAlias = "dict[Currency, Money]"


@final
class Portfolio:
    """Answer what is held and what it earned; computed from the cache whenever it is asked.

    Amounts of different currencies are never added: totals come by currency. What depends on a
    price that is not known is None, never zero.

    Args:
        cache: Accounts, positions and prices.
        account_of_venue: Tells which account trades at a venue, None while that is not known.
    """

    def __init__(self, cache: Cache, account_of_venue: Callable[[Venue], AccountId | None]) -> None:
        self._cache = cache
        self._account_of_venue = account_of_venue
        self._specific_venue: Venue | None = None

    # -- accounts -------------------------------------------------------------------------------

    def set_specific_venue(self, venue: Venue) -> None:
        """Use the account of one venue for every venue.

        For a broker such as IB, whose one account trades at many exchanges.
        """
        self._specific_venue = venue

    def account(self, venue: Venue) -> AccountState | None:
        """Return the newest state of a venue's account, None before the first."""
        account_id = self._account_of_venue(self._specific_venue or venue)
        return None if account_id is None else self._cache.account(account_id)

    def accounts(self) -> list[AccountState]:
        """Return the newest state of every account."""
        return self._cache.accounts()

    def balances(self, venue: Venue) -> dict[Currency, AccountBalance]:
        """Return the balances of a venue's account by currency.

        Raises:
            InvalidRequest: no state of the account has come yet; unknown is not empty.
        """
        return {balance.currency: balance for balance in self._known_account(venue).balances}

    def equity(self, venue: Venue) -> Money | None:
        """Return the net liquidation value that the venue reports, None where it does not.

        Raises:
            InvalidRequest: no state of the account has come yet; unknown is not empty.
        """
        return self._known_account(venue).equity

    def reported_pnl(self, venue: Venue) -> AccountPnl | None:
        """Return the profit of a venue's account as the venue counts it, None before it has told.

        It counts by the venue's own day and marks, and everything the account holds; the other
        methods count what this node's positions earned.
        """
        account_id = self._account_of_venue(self._specific_venue or venue)
        return None if account_id is None else self._cache.account_pnl(account_id)

    def _known_account(self, venue: Venue) -> AccountState:
        account = self.account(venue)
        if account is None:
            raise InvalidRequest(
                "no account of this venue is known",
                field="venue",
                value=venue,
                remedy="wait until the execution client is connected, or set_specific_venue",
            )
        return account

    # -- positions ------------------------------------------------------------------------------

    def net_position(self, instrument_id: InstrumentId) -> Decimal:
        """Return the units held over all strategies and accounts; negative when short."""
        held = self._cache.positions_open(instrument_id)
        return sum((position.signed_qty for position in held), Decimal(0))

    def is_net_long(self, instrument_id: InstrumentId) -> bool:
        """Return whether more is bought than sold."""
        return self.net_position(instrument_id) > 0

    def is_net_short(self, instrument_id: InstrumentId) -> bool:
        """Return whether more is sold than bought."""
        return self.net_position(instrument_id) < 0

    def is_flat(self, instrument_id: InstrumentId) -> bool:
        """Return whether nothing is held, net of all strategies."""
        return self.net_position(instrument_id) == 0

    def is_completely_flat(self) -> bool:
        """Return whether no position is open: hedges that cancel out are positions."""
        return not self._cache.positions_open()

    # -- profit of one instrument ---------------------------------------------------------------

    def realized_pnl(self, instrument_id: InstrumentId) -> Money | None:
        """Return the profit of what was closed, less commissions; None when never traded.

        Commissions in other currencies than the instrument's stand in :meth:`commissions`.
        """
        positions = self._cache.positions(instrument_id)
        return _total(position.realized_pnl for position in positions)

    def unrealized_pnl(self, instrument_id: InstrumentId) -> Money | None:
        """Return what closing now would realize, before commissions.

        Zero when flat; None when never traded, or held and no price is known.
        """
        return self._valued(instrument_id, realized=False)

    def total_pnl(self, instrument_id: InstrumentId) -> Money | None:
        """Return realized plus unrealized profit; None as :meth:`unrealized_pnl`."""
        return self._valued(instrument_id, realized=True)

    def net_exposure(self, instrument_id: InstrumentId) -> Money | None:
        """Return the value of what is held net, without sign; None as :meth:`unrealized_pnl`."""
        positions = self._cache.positions(instrument_id)
        if not positions:
            return None
        currency = positions[0].instrument.settlement_currency
        net = self.net_position(instrument_id)
        if net == 0:
            return Money.zero(currency)
        price = self._cache.mark_price(instrument_id)
        if price is None:
            return None
        multiplier = positions[0].instrument.multiplier.as_decimal()
        return Money(abs(net * price.as_decimal() * multiplier), currency)

    def _valued(self, instrument_id: InstrumentId, *, realized: bool) -> Money | None:
        price = self._cache.mark_price(instrument_id)
        amounts: list[Money] = []
        for position in self._cache.positions(instrument_id):
            amount = _unrealized(position) if price is None else position.unrealized_pnl(price)
            if amount is None:
                return None
            amounts.append(amount)
            if realized:
                amounts.append(position.realized_pnl)
        return _total(amounts)

    # -- totals by currency ---------------------------------------------------------------------

    def realized_pnls(self, venue: Venue | None = None) -> dict[Currency, Money]:
        """Return what was realized, less all commissions, each in its own currency.

        Of one venue or of all.
        """
        return _by_currency(
            amount for position in self._positions(venue) for amount in _realized(position)
        )

    def unrealized_pnls(self, venue: Venue | None = None) -> dict[Currency, Money]:
        """Return the unrealized profit by currency.

        Raises:
            InvalidRequest: something is held and no price of it is known; names it.
        """
        return _by_currency(self._unrealized_of(position) for position in self._positions(venue))

    def total_pnls(self, venue: Venue | None = None) -> dict[Currency, Money]:
        """Return realized plus unrealized profit by currency. Raises as `unrealized_pnls`."""
        amounts: list[Money] = []
        for position in self._positions(venue):
            amounts += (*_realized(position), self._unrealized_of(position))
        return _by_currency(amounts)

    def commissions(self, venue: Venue | None = None) -> dict[Currency, Money]:
        """Return what trading has cost by currency, as far as the venues have told."""
        return _by_currency(
            amount for position in self._positions(venue) for amount in position.commissions
        )

    def net_exposures(self, venue: Venue | None = None) -> dict[Currency, Money]:
        """Return the value of what is held, net for each instrument, by currency.

        Raises:
            InvalidRequest: something is held and no price of it is known; names it.
        """
        held = {position.instrument_id for position in self._positions(venue) if position.is_open}
        amounts: list[Money] = []
        for instrument_id in sorted(held):
            amount = self.net_exposure(instrument_id)
            if amount is None:
                raise _no_price(instrument_id)
            amounts.append(amount)
        return _by_currency(amounts)

    def _positions(self, venue: Venue | None) -> list[Position]:
        return [
            position
            for position in self._cache.positions()
            if venue is None or position.instrument_id.venue == venue
        ]

    def _unrealized_of(self, position: Position) -> Money:
        price = self._cache.mark_price(position.instrument_id)
        amount = _unrealized(position) if price is None else position.unrealized_pnl(price)
        if amount is None:
            raise _no_price(position.instrument_id)
        return amount


def _realized(position: Position) -> list[Money]:
    earned = Money(position.realized, position.instrument.settlement_currency)
    return [earned, *(-paid for paid in position.commissions)]


def _unrealized(position: Position) -> Money | None:
    """Without a price, only a flat position's profit is known."""
    return None if position.is_open else Money.zero(position.instrument.settlement_currency)


def _total(amounts: Iterable[Money]) -> Money | None:
    total: Money | None = None
    for amount in amounts:
        total = amount if total is None else total + amount
    return total


def _by_currency(amounts: Iterable[Money]) -> _ByCurrency:
    sums: _ByCurrency = {}
    for amount in amounts:
        known = sums.get(amount.currency)
        sums[amount.currency] = amount if known is None else known + amount
    return sums


def _no_price(instrument_id: InstrumentId) -> InvalidRequest:
    return InvalidRequest(
        "something is held and no price of it is known",
        field="instrument_id",
        value=instrument_id,
        remedy="subscribe to its quotes, trades or bars",
    )
