"""When there were bars, as longer ones tell."""

from types import SimpleNamespace

from posei_trader.adapters.interactive_brokers.common import IBContract
from posei_trader.adapters.interactive_brokers.historical.busy_hours import BusyHours
from posei_trader.errors import RequestRejected
from posei_trader.model.bars import BarType

SECOND = 10**9
HOUR = 3_600 * SECOND
NOW = 1_700_000_000 * SECOND  # 22:13:20
SECONDS = BarType.from_str("AAPL.NASDAQ-1-SECOND-LAST-EXTERNAL")


class Columns:
    """An answer, as far as it is looked at."""

    def __init__(self, *opened):
        self.opened = [moment // SECOND for moment in opened]


class Venue:
    """What IB has of a contract."""

    def __init__(self, *answers):
        self.answers = answers
        self.asked = []

    async def fetch(self, traded, bar_type, start, end, use_rth, seconds):
        self.asked.append((str(bar_type), start, end, use_rth, seconds))
        if not self.answers:
            raise RequestRejected("no such bars")
        return [Columns(*answer) for answer in self.answers]


SHARE = SimpleNamespace(
    contract=IBContract(secType="STK", symbol="AAPL"),
    instrument=SimpleNamespace(id=SECONDS.instrument_id),
)


async def spans(venue, start, end):
    hours = BusyHours(venue.fetch, lambda: NOW)
    first = await hours.spans(SHARE, SECONDS, start, end, use_rth=True, timeout=3)
    assert await hours.spans(SHARE, SECONDS, start, end, use_rth=True, timeout=3) is first
    return first


async def test_half_hours_that_meet_are_one_and_each_span_is_asked_for_once():
    day = NOW - NOW % HOUR - 48 * HOUR
    venue = Venue([day + 3 * HOUR, day + 5 * HOUR], [day + HOUR // 2, day + HOUR])
    found = await spans(venue, day + HOUR, day + 24 * HOUR)
    assert found == [
        (day + HOUR // 2, day + HOUR * 3 // 2),
        (day + 3 * HOUR, day + HOUR * 7 // 2),
        (day + 5 * HOUR, day + HOUR * 11 // 2),
    ]
    # From the half hour before the start on: a bar that opened at a quarter to goes on.
    asked = ("AAPL.NASDAQ-30-MINUTE-LAST-EXTERNAL", day + HOUR // 2, day + 24 * HOUR, True, 3)
    assert venue.asked == [asked]


async def test_of_the_last_hour_nobody_knows_yet():
    venue = Venue([NOW - 30 * HOUR])
    early, late = await spans(venue, NOW - 48 * HOUR, NOW)
    assert early == (NOW - 30 * HOUR, NOW - 59 * HOUR // 2)
    assert late[0] == NOW - HOUR
    assert late[1] > NOW + 10_000 * HOUR


async def test_where_ib_refuses_the_longer_bars_nothing_is_known():
    venue = Venue()
    assert await spans(venue, NOW - 48 * HOUR, NOW) is None
    assert len(venue.asked) == 1
