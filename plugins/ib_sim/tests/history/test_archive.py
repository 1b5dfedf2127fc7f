"""Bars from the archive are the bars that would be built anew."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posei_ib_sim.contracts.hours import HoursBook
from posei_ib_sim.history import Bar, HistoryService, parse_bar_size
from posei_ib_sim.history.archive import BarArchive
from posei_ib_sim.history.table import BarTable
from posei_ib_sim.market.events import Quote, Trade
from posei_ib_sim.market.tape import TickTape

SECOND = 1_000_000_000
START = int(dt.datetime(2024, 3, 4, 14, 0, tzinfo=dt.UTC).timestamp()) * SECOND
SPAN = 4 * 86_400
HOURS = HoursBook()
THIRTY = BarTable.of([Bar(n, dt.date(2024, 3, 4), *[1.0] * 6, 1) for n in range(30)])


class Contract:
    """What the service asks of a contract."""

    con_id, hours = 1, "US_STOCK"


@pytest.fixture(scope="module")
def tape():
    events = []
    for number in range(0, SPAN, 37):
        at = START + number * SECOND
        price = 50 + number % 91 / 10
        events += [Quote(at, price, price + 0.1, 100.0, 200.0), Trade(at, price, 10.0)]
    return TickTape(events)


def asked(service, start, length, size, what, use_rth):
    bars, builder = service.bars(
        Contract,
        START + start * SECOND,
        START + (start + length) * SECOND,
        parse_bar_size(size),
        what,
        use_rth=use_rth,
    )
    return [repr(bar) for bar in bars], builder.until_ns if bars else None


@settings(max_examples=40, deadline=None)
@given(
    requests=st.lists(
        st.tuples(
            st.integers(0, SPAN),
            st.integers(1, 90_000),
            st.sampled_from(["1 min", "5 mins", "1 hour", "8 hours", "1 day"]),
            st.sampled_from(["TRADES", "MIDPOINT", "BID_ASK"]),
            st.booleans(),
        ),
        min_size=2,
        max_size=8,
    )
)
def test_any_order_of_requests_gets_what_a_fresh_service_answers(tape, requests):
    def service():
        return HistoryService(HOURS, lambda: START + SPAN * SECOND, lambda _: tape)

    remembering = service()
    for request in [*requests, *requests]:
        assert asked(remembering, *request)[0] == asked(service(), *request)[0]


def test_the_archive_keeps_a_bounded_number_of_bars(tape, monkeypatch):
    monkeypatch.setattr("posei_ib_sim.history.archive._MOST_BARS", 50)
    archive = BarArchive()
    for series in range(10):
        archive.shelf(series, 0).append(THIRTY, 30)
        archive.tidy()
    assert archive.held <= 50
    assert len(archive.shelf(9, 0).bars) == 30
    assert len(archive.shelf(0, 0).bars) == 0
