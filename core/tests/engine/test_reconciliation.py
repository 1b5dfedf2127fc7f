"""What we believe is made equal to what the venue says, line by line."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import OWNER, SIM, TRADER, Rig
from venue import AAPL, MSFT, SECOND, USD, Venue, equity, quote

from posei_trader.config import LiveExecEngineConfig
from posei_trader.engine.adoption import EXTERNAL, Adopter, order_of_report
from posei_trader.engine.order_history import OrderHistory
from posei_trader.engine.position_takeover import gap_price
from posei_trader.engine.sqlite_store import SqliteOrderStore
from posei_trader.errors import ReconciliationFailed, RequestTimeout
from posei_trader.model import events as ev
from posei_trader.model.enums import (
    OrderSide,
    OrderStatus,
    OrderType,
    TimeInForce,
    TrailingOffsetType,
)
from posei_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    StrategyId,
    TradeId,
    VenueOrderId,
)
from posei_trader.model.reports import FillReport, OrderStatusReport
from posei_trader.model.values import Money, Price, Quantity

GATED = LiveExecEngineConfig(reconciliation=True)


def gated(venue=None, **settings):
    return Rig(venue, execution=GATED, **settings)


def with_market(rig):
    rig.venue.set_quote(quote(AAPL, "99.99", "100.00", rig.clock.timestamp_ns()))
    return rig


def report(**terms):
    return OrderStatusReport(
        **{
            "account_id": AccountId("SIM-001"),
            "instrument_id": AAPL,
            "venue_order_id": VenueOrderId("77"),
            "order_side": OrderSide.BUY,
            "order_type": OrderType.LIMIT,
            "time_in_force": TimeInForce.GTC,
            "order_status": OrderStatus.ACCEPTED,
            "quantity": Quantity("10"),
            "filled_qty": Quantity("0"),
            "price": Price("90.00"),
            **terms,
        }
    )


def fill_report(**terms):
    return FillReport(
        **{
            "account_id": AccountId("SIM-001"),
            "instrument_id": AAPL,
            "venue_order_id": VenueOrderId("77"),
            "trade_id": TradeId("X-1"),
            "order_side": OrderSide.BUY,
            "last_qty": Quantity("4"),
            "last_px": Price("90.00"),
            **terms,
        }
    )


async def reconciled(rig):
    return await rig.execution.reconcile(rig.exec_client)


async def test_nothing_may_be_sent_before_the_venue_has_told():
    rig = with_market(gated())
    order = rig.market(AAPL, "BUY", "1")
    assert order.reason.startswith("NOT_RECONCILED")
    result = await reconciled(rig)
    assert result.lines == ()
    assert rig.market(AAPL, "BUY", "1").status is OrderStatus.FILLED


async def test_what_the_venue_can_attribute_to_nothing_is_told_and_keeps_nobody_from_trading():
    rig = with_market(gated())
    rig.venue.unattributed.append("execution X-9 is of an instrument that nothing names")
    result = await reconciled(rig)
    assert result.lines == ("execution X-9 is of an instrument that nothing names",)
    assert rig.market(AAPL, "BUY", "1").status is OrderStatus.FILLED


async def test_a_venue_that_does_not_answer_keeps_the_gate_closed():
    rig = with_market(gated())
    rig.venue.is_silent = True
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await reconciled(rig)
    assert not rig.execution.may_trade(SIM)
    await rig.execution.stop()
    await rig.execution.stop()


async def test_a_venue_that_refuses_to_tell_is_an_error_for_whoever_waits(caplog):
    rig = gated()
    rig.exec_client.is_connected = False
    with pytest.raises(ConnectionError):
        await reconciled(rig)
    assert "was not reconciled" in caplog.text
    assert not rig.execution.may_trade(SIM)


async def test_calls_at_the_same_time_share_one_run():
    rig = gated()
    one, two = await asyncio.gather(reconciled(rig), reconciled(rig))
    assert one is two


async def test_what_happened_while_the_wire_was_cut_is_made_up_for():
    rig = with_market(gated())
    await reconciled(rig)
    filled, canceled = (rig.limit(AAPL, "BUY", "10", price) for price in ("95.00", "94.00"))
    partly = rig.limit(AAPL, "BUY", "10", "93.00")
    rig.exec_client.drop()
    assert not rig.execution.may_trade(SIM)
    rig.venue.orders[canceled.client_order_id].status = OrderStatus.CANCELED
    rig.venue.fill(rig.venue.orders[partly.client_order_id], 4 * SECOND, 93 * SECOND)
    rig.venue.set_quote(quote(AAPL, "94.50", "94.60", rig.clock.timestamp_ns()))
    rig.run()
    assert [order.status for order in (filled, canceled, partly)] == ["ACCEPTED"] * 3

    rig.exec_client.is_connected = True
    result = await reconciled(rig)
    assert [order.status for order in (filled, canceled, partly)] == [
        "FILLED",
        "CANCELED",
        "PARTIALLY_FILLED",
    ]
    assert rig.portfolio.net_position(AAPL) == rig.venue.holdings[AAPL] == 14
    assert len(result.lines) == 3
    assert all(event.is_reconciliation for event in rig.events[-3:] if hasattr(event, "trade_id"))
    assert (await reconciled(rig)).lines == ()


async def test_after_a_reconnect_the_engine_reconciles_by_itself_before_orders_go_out():
    rig = with_market(gated())
    rig.exec_client.restore()
    await reconciled(rig)
    order = rig.limit(AAPL, "BUY", "10", "95.00")
    rig.exec_client.drop()
    rig.venue.orders[order.client_order_id].status = OrderStatus.CANCELED
    rig.exec_client.restore()
    assert not rig.execution.may_trade(SIM)
    await rig.execution._recovery._tasks.wait()
    assert rig.execution.may_trade(SIM)
    assert order.status is OrderStatus.CANCELED
    await rig.execution.stop()


async def test_a_reconciliation_that_fails_later_is_tried_again(monkeypatch, caplog):
    rig = with_market(gated())
    await reconciled(rig)
    answers = [RequestTimeout("no answer"), None]
    ask = rig.exec_client.generate_mass_status

    async def moody(since_ns=0):
        answer = answers.pop(0)
        if answer is not None:
            raise answer
        return await ask(since_ns)

    async def no_pause(_):
        pass

    monkeypatch.setattr("posei_trader.engine.recovery.asyncio.sleep", no_pause)
    rig.exec_client.generate_mass_status = moody
    rig.exec_client.drop()
    rig.exec_client.restore()
    await rig.execution._recovery._tasks.wait()
    assert rig.execution.may_trade(SIM)
    assert "cannot be reconciled yet" in caplog.text


async def test_a_reconciliation_that_cannot_succeed_leaves_the_gate_closed_and_calls_a_human(
    caplog,
):
    rig = with_market(gated())
    await reconciled(rig)
    rig.exec_client.drop()
    rig.venue.extra_positions[InstrumentId("GONE.SIM")] = (Decimal(3), Decimal(1))
    rig.exec_client.restore()
    await rig.execution._recovery._tasks.wait()
    assert not rig.execution.may_trade(SIM)
    assert "may not trade" in caplog.text


async def test_an_order_that_never_arrived_is_rejected_only_when_the_venue_says_so():
    rig = with_market(gated())
    await reconciled(rig)
    rig.venue.is_deaf = True
    order = rig.limit(AAPL, "BUY", "10", "95.00")
    assert order.status is OrderStatus.SUBMITTED
    await reconciled(rig)
    assert order.status is OrderStatus.REJECTED
    assert "knows nothing" in order.reason


async def test_a_stored_order_that_was_never_sent_is_denied():
    rig = gated()
    order = rig.factory.limit(AAPL, OrderSide.BUY, Quantity("1"), Price("90.00"))
    rig.cache.add_order(order, SIM)
    await reconciled(rig)
    assert order.status is OrderStatus.DENIED


async def test_a_working_order_that_the_venue_has_forgotten_is_canceled():
    rig = with_market(gated())
    await reconciled(rig)
    order = rig.limit(AAPL, "BUY", "10", "95.00")
    del rig.venue.orders[order.client_order_id]
    await reconciled(rig)
    assert order.status is OrderStatus.CANCELED


@pytest.mark.parametrize("pending", ["cancel", "change"])
async def test_a_request_that_was_lost_on_the_way_is_told_as_refused(pending):
    rig = with_market(gated())
    await reconciled(rig)
    order = rig.limit(AAPL, "BUY", "10", "95.00")
    rig.venue.is_deaf = True
    if pending == "cancel":
        rig.commands.cancel_order(order)
    else:
        rig.commands.modify_order(order, price=Price("94.00"))
    rig.run()
    assert order.is_in_flight
    await reconciled(rig)
    assert order.status is OrderStatus.ACCEPTED
    assert order.price == Price("95.00")
    assert rig.names[-1] == ("OrderCancelRejected" if pending == "cancel" else "OrderUpdated")


async def test_orders_and_executions_of_others_are_adopted_by_name():
    rig = gated()
    other = Rig(rig.venue)
    rig.exec_client, rig.venue.exec_client = other.exec_client, other.exec_client
    rig = gated(rig.venue)
    rig.venue.exec_client = other.exec_client
    stray = with_market(other).limit(AAPL, "BUY", "10", "95.00")
    done = other.market(AAPL, "SELL", "4")
    for client_order_id in (stray.client_order_id, done.client_order_id):
        order = rig.venue.orders[client_order_id].order
        order.terms = msgspec.structs.replace(order.terms)
    rig.venue.exec_client = rig.exec_client
    result = await reconciled(rig)
    assert {order.strategy_id for order in rig.cache.orders()} == {EXTERNAL}
    assert [order.client_order_id for order in rig.cache.orders_open()] == [stray.client_order_id]
    assert rig.portfolio.net_position(AAPL) == -4
    assert any(line.startswith("adopted") for line in result.lines)
    assert (await reconciled(rig)).lines == ()


async def test_a_strategy_that_claims_an_instrument_owns_what_is_adopted():
    rig = gated()
    rig.execution.register_strategy(OWNER, claims=[AAPL])
    rig.venue.extra_positions[AAPL] = (Decimal(7), Decimal("12.5"))
    rig.venue.extra_positions[MSFT] = (Decimal(-3), Decimal(20))
    await reconciled(rig)
    owners = {held.instrument_id: held.strategy_id for held in rig.cache.positions_open()}
    assert owners == {AAPL: OWNER, MSFT: EXTERNAL}


async def test_what_is_not_ours_is_left_alone_when_configured_so():
    rig = Rig(execution=LiveExecEngineConfig(external_orders="ignore"))
    rig.venue.extra_positions[AAPL] = (Decimal(7), Decimal("12.5"))
    await reconciled(rig)
    rig.execution.order_report(report())
    rig.execution.fill_report(fill_report())
    assert rig.cache.orders() == []
    assert rig.cache.positions() == []
    assert rig.execution.counters.snapshot() == {
        "external_positions_ignored": 1,
        "external_orders_ignored": 1,
        "external_fills_ignored": 1,
    }


async def test_an_instrument_that_is_only_known_to_the_venue_is_loaded():
    rig = gated()
    new = InstrumentId("NVDA.SIM")
    rig.venue.instruments[new] = equity(new)
    rig.venue.extra_positions[new] = (Decimal(5), Decimal(8))
    await reconciled(rig)
    assert rig.portfolio.net_position(new) == 5
    assert rig.cache.positions_open()[0].avg_px_open == 8


async def test_an_instrument_that_nobody_can_define_fails_the_reconciliation():
    rig = gated()
    rig.venue.extra_positions[InstrumentId("GONE.SIM")] = (Decimal(5), Decimal(8))
    with pytest.raises(ReconciliationFailed, match=r"GONE\.SIM"):
        await reconciled(rig)


async def test_a_position_without_any_price_fails_the_reconciliation():
    rig = gated()
    status = await rig.exec_client.generate_mass_status()
    held = msgspec.structs.replace((await positions_of(rig, AAPL, Decimal(5)))[0], avg_px_open=None)
    rig.venue.extra_positions.clear()
    rig.exec_client.generate_mass_status = answer(
        msgspec.structs.replace(status, positions=(held,))
    )
    with pytest.raises(ReconciliationFailed, match="no price is known"):
        await reconciled(rig)
    rig.venue.set_quote(quote(AAPL, "9.99", "10.01", 1))
    await reconciled(rig)
    assert rig.cache.positions_open()[0].avg_px_open == 10


async def positions_of(rig, instrument_id, units):
    rig.venue.extra_positions[instrument_id] = (units, Decimal(1))
    return await rig.exec_client.generate_position_reports()


def answer(status):
    async def told(_since_ns=0):
        return status

    return told


async def test_a_position_that_was_closed_unseen_is_closed_without_inventing_profit():
    rig = with_market(gated())
    await reconciled(rig)
    rig.market(AAPL, "BUY", "10")
    rig.venue.holdings[AAPL] = Decimal(0)
    result = await reconciled(rig)
    assert rig.portfolio.is_flat(AAPL)
    assert rig.portfolio.realized_pnls() == {USD: Money("-1.00", USD)}
    assert result.lines[0] == "AAPL.SIM: the venue holds 0, we knew of 10"


async def test_a_position_that_is_ahead_of_its_execution_books_nothing(caplog):
    """The execution came between the venue's answers, and its message was lost."""
    rig = with_market(gated())
    await reconciled(rig)
    rig.venue.extra_positions[AAPL] = (Decimal(4), Decimal(90))
    early = await rig.exec_client.generate_mass_status()
    late = msgspec.structs.replace(early, fills=(fill_report(),))
    answers = [early, late]

    async def told(_since_ns=0):
        return answers.pop(0)

    rig.exec_client.generate_mass_status = told
    result = await reconciled(rig)
    assert not any("the venue holds" in line for line in result.lines)
    (fill,) = [fill for order in rig.cache.orders() for fill in order.fills]
    assert fill.trade_id == "X-1"
    assert rig.cache.positions_open()[0].signed_qty == 4


async def test_positions_that_differ_otherwise_at_every_answer_end_the_attempt(caplog):
    rig = with_market(gated())
    await reconciled(rig)
    rig.venue.extra_positions[AAPL] = (Decimal(4), Decimal(90))
    ask = rig.exec_client.generate_mass_status

    async def restless(since_ns=0):
        units, price = rig.venue.extra_positions[AAPL]
        rig.venue.extra_positions[AAPL] = (units + 1, price)
        return await ask(since_ns)

    rig.exec_client.generate_mass_status = restless
    with pytest.raises(ReconciliationFailed, match="keep coming"):
        await reconciled(rig)
    assert rig.cache.positions_open() == []


async def test_executions_that_keep_coming_end_the_attempt():
    rig = with_market(gated())
    ask = rig.exec_client.generate_mass_status

    async def busy(since_ns=0):
        rig.execution._fills_seen += 1
        return await ask(since_ns)

    rig.exec_client.generate_mass_status = busy
    with pytest.raises(ReconciliationFailed, match="keep coming"):
        await reconciled(rig)


async def test_only_recent_executions_are_asked_for_when_configured_so():
    rig = Rig(execution=LiveExecEngineConfig(reconciliation_lookback_mins=2))
    asked = []
    ask = rig.exec_client.generate_mass_status

    async def noted(since_ns=0):
        asked.append(since_ns)
        return await ask(since_ns)

    rig.exec_client.generate_mass_status = noted
    await reconciled(rig)
    assert asked == [rig.clock.timestamp_ns() - 120 * SECOND]


async def test_an_order_that_is_told_after_a_reconciliation_is_stored_a_turn_later(tmp_path):
    path = tmp_path / "orders.db"
    rig = with_market(gated(store=SqliteOrderStore(path)))
    status = await rig.exec_client.generate_mass_status()
    many = tuple(report(venue_order_id=VenueOrderId(name)) for name in ("77", "78"))
    rig.exec_client.generate_mass_status = answer(msgspec.structs.replace(status, orders=many))
    await reconciled(rig)
    rig.execution.order_report(report(venue_order_id=VenueOrderId("79")))
    for _ in range(2):
        await asyncio.sleep(0)
    with OrderHistory(path) as history:
        stored = [(one.order.client_order_id, one.order.status) for one in history.orders()]
    assert stored == [(f"EXT-SIM-001-{name}", "ACCEPTED") for name in ("77", "78", "79")]
    rig.execution.close_store()


# -- single reports --------------------------------------------------------------------------------


def test_a_report_of_a_foreign_order_is_adopted_and_followed():
    rig = Rig()
    rig.execution.order_report(report())
    [order] = rig.cache.orders_open()
    assert order.client_order_id == "EXT-SIM-001-77"
    assert (order.status, order.price, order.strategy_id) == ("ACCEPTED", Price("90.00"), EXTERNAL)
    rig.execution.fill_report(fill_report())
    rig.execution.fill_report(fill_report(commission=Money("1", USD)))
    rig.execution.fill_report(fill_report(commission=Money("1", USD)))
    assert order.filled_qty == Quantity("4")
    assert order.commissions == [Money("1", USD)]
    rig.execution.order_report(
        report(order_status=OrderStatus.CANCELED, filled_qty=Quantity("4"), reason="user")
    )
    assert (order.status, order.reason) == (OrderStatus.CANCELED, "user")
    assert rig.cache.client_of_order(order.client_order_id) == SIM


def test_an_execution_of_an_order_that_was_never_told_proves_an_order():
    rig = Rig()
    rig.execution.fill_report(fill_report())
    rig.execution.fill_report(fill_report(trade_id=TradeId("X-2")))
    [order] = rig.cache.orders()
    assert order.status is OrderStatus.FILLED
    assert rig.portfolio.net_position(AAPL) == 8


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (OrderStatus.EXPIRED, "EXPIRED"),
        (OrderStatus.REJECTED, "REJECTED"),
        (OrderStatus.TRIGGERED, "TRIGGERED"),
        (OrderStatus.PENDING_CANCEL, "ACCEPTED"),
    ],
)
def test_the_reported_status_is_taken_over(status, expected):
    rig = Rig()
    rig.execution.order_report(report(order_status=status))
    assert rig.cache.orders()[0].status == expected


def test_executions_that_are_no_longer_listed_are_inferred_at_the_venues_average():
    rig = Rig()
    rig.execution.order_report(report())
    rig.execution.fill_report(fill_report(last_qty=Quantity("2"), last_px=Price("80.00")))
    rig.execution.order_report(
        report(
            order_status=OrderStatus.PARTIALLY_FILLED,
            filled_qty=Quantity("8"),
            avg_px=Decimal("87.5"),
        )
    )
    [order] = rig.cache.orders()
    assert order.avg_px == Decimal("87.5")
    assert [fill.price.as_decimal() for fill in order.fills] == [80, 90]
    rig.execution.order_report(report(order_status=OrderStatus.FILLED, filled_qty=Quantity("10")))
    assert order.status is OrderStatus.FILLED
    assert order.fills[-1].price == Price("90.00")


def test_an_inferred_execution_without_any_price_is_not_invented():
    rig = Rig()
    rig.execution.order_report(
        report(
            order_type=OrderType.MARKET,
            price=None,
            order_status=OrderStatus.FILLED,
            filled_qty=Quantity("10"),
        )
    )
    assert rig.execution.counters["reports_not_understood"] == 1
    assert rig.portfolio.is_flat(AAPL)


def test_executions_that_we_know_stand_when_the_venues_sum_lags():
    rig = with_market(Rig())
    order = rig.market(AAPL, "BUY", "10")
    lagging = msgspec.structs.replace(
        rig.venue.report(rig.venue.orders[order.client_order_id]),
        filled_qty=Quantity("4"),
        order_status=OrderStatus.PARTIALLY_FILLED,
    )
    rig.execution.order_report(lagging)
    assert order.status is OrderStatus.FILLED
    assert order.filled_qty == Quantity("10")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"time_in_force": TimeInForce.GTD}, (OrderType.LIMIT, TimeInForce.GTC, 0)),
        (
            {"time_in_force": TimeInForce.GTD, "expire_time_ns": 5},
            (OrderType.LIMIT, TimeInForce.GTD, 5),
        ),
        ({"order_type": OrderType.STOP_MARKET}, (OrderType.MARKET, TimeInForce.GTC, 0)),
        (
            {
                "order_type": OrderType.TRAILING_STOP_MARKET,
                "trailing_offset": Decimal(1),
                "trailing_offset_type": TrailingOffsetType.TICKS,
            },
            (OrderType.TRAILING_STOP_MARKET, TimeInForce.GTC, 0),
        ),
    ],
)
def test_what_a_report_lacks_is_left_out_of_the_adopted_terms(terms, expected):
    adopter = Adopter(TRADER, StrategyId("S-1"), 1)
    order = order_of_report(adopter, report(client_order_id=ClientOrderId("theirs"), **terms))
    assert (order.order_type, order.time_in_force, order.terms.expire_time_ns) == expected
    assert order.client_order_id == "theirs"


def test_an_adopted_order_of_no_quantity_has_what_was_filled():
    adopter = Adopter(TRADER, EXTERNAL, 1)
    order = order_of_report(adopter, report(quantity=Quantity("0"), filled_qty=Quantity("3")))
    assert order.quantity == Quantity("3")


UNITS = st.integers(-20, 20).map(Decimal)
PRICES = st.decimals("1", "200", places=2)


@given(UNITS, PRICES, UNITS, PRICES)
def test_a_booked_difference_gives_the_venues_average_and_never_invents_profit(
    held, avg, told, told_avg
):
    if held == told:
        return
    price = gap_price(held, held * avg, told, told_avg, None)
    gap = told - held
    if held * gap >= 0:  # grown, or opened: the cost of both parts is the venue's cost
        assert abs(held * avg + gap * price - told * told_avg) < Decimal("1e-15")
    elif held * told >= 0:  # shrunk, or closed: at our own cost
        assert price == avg
    else:  # turned: closing at our average and opening at theirs is the same money
        assert abs(gap * price - (-held * avg + told * told_avg)) < Decimal("1e-15")


def test_without_a_price_of_the_venue_the_market_decides_or_nothing_can_be_known():
    assert gap_price(Decimal(0), Decimal(0), Decimal(5), None, Decimal(7)) == 7
    assert gap_price(Decimal(0), Decimal(0), Decimal(5), None, None) is None
    assert gap_price(Decimal(-5), Decimal(-50), Decimal(5), None, None) is None


async def test_an_event_after_adoption_is_told_to_the_owner():
    rig = gated(Venue())
    rig.execution.register_strategy(OWNER, claims=[AAPL])
    rig.execution.order_report(report())
    assert {event.strategy_id for event in rig.events} == {OWNER}
    assert isinstance(rig.events[0], ev.OrderAccepted)
