"""Greeks and open interest: as IB says them, when they change, for those that have them."""

from __future__ import annotations

import pytest

from posei_trader.adapters.interactive_brokers.client.messages import OptionComputation
from posei_trader.adapters.interactive_brokers.contract_types import IBContract
from posei_trader.adapters.interactive_brokers.data.derivatives import (
    GreeksOfOption,
    OpenInterestOf,
    interest_types,
)
from posei_trader.errors import Unsupported
from posei_trader.model.enums import GreeksBasis
from posei_trader.model.identifiers import InstrumentId
from posei_trader.model.requests import DataKind, Subscription

FUTURE = InstrumentId("ESM4.CME")


def computed(tick_type, **values):
    known = {
        "implied_vol": 0.2,
        "delta": 0.5,
        "option_price": 7.0,
        "pv_dividend": 0.0,
        "gamma": 0.01,
        "vega": 0.3,
        "theta": -0.02,
        "underlying_price": 190.0,
        **values,
    }
    return OptionComputation(tick_type, None, **known)


@pytest.mark.parametrize(
    ("tick_type", "basis"),
    [
        (10, GreeksBasis.BID),
        (11, GreeksBasis.ASK),
        (12, GreeksBasis.LAST),
        (13, GreeksBasis.MODEL),
        (80, GreeksBasis.BID),
        (81, GreeksBasis.ASK),
        (82, GreeksBasis.LAST),
        (83, GreeksBasis.MODEL),
    ],
)
def test_live_and_delayed_computations_have_a_basis(make_context, sink, tick_type, basis):
    greeks = GreeksOfOption(make_context())
    greeks.option_computation(computed(tick_type))
    greeks.option_computation(computed(tick_type))
    greeks.option_computation(computed(53))
    [told] = sink.greeks
    assert told.basis is basis
    assert (told.implied_vol, told.delta, told.gamma) == (0.2, 0.5, 0.01)
    assert (told.vega, told.theta, told.option_price) == (0.3, -0.02, 7.0)
    assert (told.underlying_price, told.pv_dividend) == (190.0, 0.0)


def test_what_ib_could_not_compute_is_none_and_counted_when_nothing_is_left(make_context, sink):
    context = make_context()
    greeks = GreeksOfOption(context)
    greeks.option_computation(computed(10, delta=None, gamma=None))
    assert (sink.greeks[0].delta, sink.greeks[0].implied_vol) == (None, 0.2)
    greeks.option_computation(computed(10, implied_vol=None, delta=None, option_price=None))
    assert len(sink.greeks) == 1
    assert context.counters == {"greeks that IB could not compute left out": 1}


def test_greeks_come_again_after_an_interruption(make_context, sink):
    greeks = GreeksOfOption(make_context())
    greeks.option_computation(computed(13))
    greeks.stream_restarted("the connection was lost")
    greeks.option_computation(computed(13))
    assert len(sink.greeks) == 2
    assert len(sink.gaps) == 1


def test_prices_in_cents_are_ours_in_dollars(make_context, sink):
    GreeksOfOption(make_context(magnifier=100)).option_computation(computed(13))
    [told] = sink.greeks
    assert (told.option_price, told.underlying_price, told.vega) == (0.07, 1.9, 0.003)
    assert (told.delta, told.implied_vol) == (0.5, 0.2)


@pytest.mark.parametrize(
    ("sec_type", "right", "tick_types"),
    [("FUT", "", {86}), ("OPT", "C", {27}), ("OPT", "PUT", {28}), ("FOP", "P", {28})],
)
def test_each_derivative_has_its_tick_of_open_interest(
    make_context, sink, sec_type, right, tick_types
):
    contract = IBContract(secType=sec_type, symbol="X", right=right, conId=1)
    context = make_context(contract=contract)
    assert interest_types(context) == tick_types
    interest = OpenInterestOf(context, interest_types(context))
    for tick_type in (27, 28, 86, 27, 28, 86):
        interest.tick_size(tick_type, 1_234 * 10**9)
    interest.tick_size(next(iter(tick_types)), None)
    [told] = sink.interest
    assert str(told.value) == "1234"


async def test_a_share_has_neither(feed, aapl):
    for kind in (DataKind.OPTION_GREEKS, DataKind.OPEN_INTEREST):
        with pytest.raises(Unsupported):
            await feed.client.subscribe(Subscription(kind, aapl))
    assert feed.connection.health().streams == ()


async def test_a_continuous_future_has_no_open_interest_but_its_current_contract_does(open_feed):
    continuous = InstrumentId("ES.CME")
    feed = await open_feed(load_ids=frozenset({continuous}))
    with pytest.raises(Unsupported, match="continuous future") as found:
        await feed.client.subscribe(Subscription(DataKind.OPEN_INTEREST, continuous))
    assert (found.value.field, found.value.value) == ("instrument_id", continuous)
    assert "current month" in found.value.remedy
    assert feed.connection.health().streams == ()


async def test_greeks_of_a_real_option_stream_over_the_socket(open_feed, start_gateway):
    gateway = await start_gateway()
    option = InstrumentId("AAPL240419C00170000.SMART")
    feed = await open_feed(gateway, load_ids=frozenset())
    await feed.subscribe(Subscription(DataKind.OPTION_GREEKS, option))
    await feed.run(10)
    model = [told for told in feed.sink.greeks if told.basis is GreeksBasis.MODEL]
    assert len(model) > 1
    assert all(0 < told.delta < 1 and told.implied_vol > 0 for told in model)
    assert {told.basis for told in feed.sink.greeks} >= {GreeksBasis.BID, GreeksBasis.ASK}
    feed.check()


async def test_open_interest_of_a_future_streams_over_the_socket(open_feed):
    feed = await open_feed(load_ids=frozenset({FUTURE}))
    await feed.subscribe(Subscription(DataKind.OPEN_INTEREST, FUTURE))
    await feed.run(5)
    [told] = feed.sink.interest
    assert told.instrument_id == FUTURE
    assert told.value.as_decimal() > 100
    feed.check()
