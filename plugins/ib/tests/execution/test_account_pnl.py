"""Profit as IB counts it, and as the node does: both known, each for what it is."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from posei_trader.engine.portfolio import Portfolio
from posei_trader.model.enums import OrderSide
from posei_trader.model.identifiers import Venue
from posei_trader.model.values import Quantity

if TYPE_CHECKING:
    from conftest import Desk

IB = Venue("INTERACTIVE_BROKERS")


def portfolio_of(desk: Desk) -> Portfolio:
    portfolio = Portfolio(desk.cache, lambda _venue: desk.client.account_id)
    portfolio.set_specific_venue(IB)
    return portfolio


async def test_the_profit_that_ib_counts_reaches_the_portfolio_and_the_bus(
    start_gateway, open_desk, aapl
):
    desk = await open_desk(await start_gateway(speed=10.0))
    heard = []
    desk.bus.subscribe("events.account_pnl", heard.append)
    portfolio = portfolio_of(desk)
    order = desk.factory.market(aapl, OrderSide.BUY, Quantity("10"))
    desk.commands.submit_order(order)
    await desk.done(order)
    await desk.until(
        lambda: (portfolio.reported_pnl(IB) or 0) and portfolio.reported_pnl(IB).unrealized
    )
    pnl = portfolio.reported_pnl(IB)
    assert pnl.account_id == desk.client.account_id
    assert pnl.realized is not None
    assert pnl.unrealized.currency.code == pnl.daily.currency.code == "USD"
    assert pnl in heard
    # Ten shares were bought at the ask: what IB counts is what the books of the simulated one say.
    books = desk.gateway.truth.valuation()
    assert abs(pnl.unrealized.as_decimal() - books.unrealized) < Decimal(50)
    desk.check()


async def test_profit_is_followed_again_after_a_reconnect(start_gateway, open_desk, aapl):
    desk = await open_desk(await start_gateway(speed=10.0))
    await desk.until(lambda: desk.cache.account_pnl(desk.client.account_id))
    await desk.lose_connection()
    await desk.reconciled()
    heard = []
    desk.bus.subscribe("events.account_pnl", heard.append)
    order = desk.factory.market(aapl, OrderSide.BUY, Quantity("10"))
    desk.commands.submit_order(order)
    await desk.until(lambda: any(pnl.unrealized for pnl in heard))
    desk.check()
