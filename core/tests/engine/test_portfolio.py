from __future__ import annotations

from decimal import Decimal

import pytest
from rig import Rig
from venue import AAPL, MSFT, USD, Venue, equity, quote

from posei_trader.errors import InvalidRequest
from posei_trader.model import identifiers as ids
from posei_trader.model.currencies import Currency
from posei_trader.model.values import Money, Quantity

EUR = Currency.of("EUR")
SAP = ids.InstrumentId("SAP.XETR")
SIM = ids.Venue("SIM")


def traded():
    """Ten Apples bought at 100 and four sold at 110; five SAP sold short at 50, in euros."""
    venue = Venue()
    venue.instruments[SAP] = equity(SAP, quote_currency=EUR, multiplier=Quantity("2"))
    rig = Rig(venue)
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", 1))
    rig.market(AAPL, "BUY", "10")
    rig.venue.set_quote(quote(AAPL, "110.00", "110.02", 2))
    rig.market(AAPL, "SELL", "4")
    rig.venue.set_quote(quote(SAP, "50.00", "50.10", 1))
    rig.market(SAP, "SELL", "5")
    return rig


def test_profit_by_instrument_is_exact():
    folio = traded().portfolio
    assert folio.realized_pnl(AAPL) == Money("38.00", USD)  # 4 * 10, less two commissions
    assert folio.unrealized_pnl(AAPL) == Money("60.06", USD)  # 6 * (110.01 - 100)
    assert folio.total_pnl(AAPL) == Money("98.06", USD)
    assert folio.unrealized_pnl(SAP) == Money("-0.50", EUR)  # -5 * 2 * 0.05
    assert folio.net_exposure(AAPL) == Money("660.06", USD)
    assert folio.net_exposure(SAP) == Money("500.50", EUR)


def test_totals_keep_currencies_apart_and_follow_the_venue():
    folio = traded().portfolio
    # The commission of the euro trade was paid in dollars.
    assert folio.realized_pnls() == {USD: Money("37.00", USD), EUR: Money("0", EUR)}
    assert folio.unrealized_pnls() == {USD: Money("60.06", USD), EUR: Money("-0.50", EUR)}
    assert folio.total_pnls(SIM) == {USD: Money("98.06", USD)}
    assert folio.commissions() == {USD: Money("3.00", USD)}
    assert folio.net_exposures() == {USD: Money("660.06", USD), EUR: Money("500.50", EUR)}


def test_net_positions_say_long_short_and_flat():
    rig = traded()
    folio = rig.portfolio
    assert (folio.net_position(AAPL), folio.net_position(SAP)) == (6, -5)
    assert folio.is_net_long(AAPL)
    assert folio.is_net_short(SAP)
    assert folio.is_flat(MSFT)
    assert not folio.is_completely_flat()
    rig.market(AAPL, "SELL", "6")
    rig.market(SAP, "BUY", "5")
    assert folio.is_completely_flat()
    assert folio.net_exposure(AAPL) == folio.unrealized_pnl(AAPL) == Money("0", USD)
    assert folio.net_exposures() == {}


def test_what_was_never_traded_is_unknown_not_zero():
    folio = traded().portfolio
    assert folio.realized_pnl(MSFT) is None
    assert folio.unrealized_pnl(MSFT) is None
    assert folio.net_exposure(MSFT) is None


def test_what_is_held_without_a_price_is_unknown_and_totals_say_so():
    rig = traded()
    rig.cache._quotes.clear()
    folio = rig.portfolio
    assert folio.unrealized_pnl(AAPL) is None
    assert folio.total_pnl(AAPL) is None
    assert folio.net_exposure(AAPL) is None
    for total in (folio.unrealized_pnls, folio.total_pnls, folio.net_exposures):
        with pytest.raises(InvalidRequest, match=r"no price of it is known(.|\n)*AAPL\.SIM"):
            total()


def test_a_flat_position_needs_no_price():
    rig = traded()
    rig.market(AAPL, "SELL", "6")
    rig.cache._quotes.clear()
    assert rig.portfolio.unrealized_pnl(AAPL) == Money("0", USD)
    assert rig.portfolio.total_pnls(SIM) == {USD: Money("97.00", USD)}


def test_the_account_is_that_of_the_venues_client_or_of_the_specific_venue():
    rig = traded()
    folio = rig.portfolio
    expected = rig.venue.account_state()
    assert folio.account(ids.Venue("XETR")).balances == expected.balances
    folio.set_specific_venue(SIM)
    assert folio.account(ids.Venue("ANY")).account_id == expected.account_id
    assert folio.accounts() == [folio.account(SIM)]
    assert folio.balances(SIM)[USD].total == Money(rig.venue.cash, USD)
    assert folio.equity(SIM) is None


def test_an_account_that_has_not_told_yet_is_an_error_not_an_empty_one():
    rig = Rig()
    assert rig.portfolio.account(SIM) is None
    with pytest.raises(InvalidRequest, match="no account of this venue"):
        rig.portfolio.balances(SIM)
    with pytest.raises(InvalidRequest, match="no account of this venue"):
        rig.portfolio.equity(SIM)


def test_total_profit_is_what_the_account_gained():
    rig = traded()
    gained = rig.venue.cash - 100_000
    marks = {AAPL: Decimal("110.01"), SAP: Decimal("50.05")}
    # The venue books plain prices: SAP's multiplier of two is ours alone, so it is added here.
    value = sum(rig.venue.holdings[name] * mark for name, mark in marks.items())
    ours = rig.portfolio.total_pnls()
    assert ours[USD].as_decimal() + ours[EUR].as_decimal() / 2 == gained + value
