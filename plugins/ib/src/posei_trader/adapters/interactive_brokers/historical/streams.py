"""One stream of history: which bars or ticks of which contract, and what is missing of them."""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, final

from posei_trader.adapters.interactive_brokers.historical.bar_specs import what_to_show
from posei_trader.adapters.interactive_brokers.historical.results import HistoryGap, Unchecked
from posei_trader.adapters.interactive_brokers.historical.table_downloads import TableDownloads
from posei_trader.adapters.interactive_brokers.historical.trading_hours import TradingHours
from posei_trader.adapters.interactive_brokers.venue_time import from_nanos
from posei_trader.errors import FixRequest, PoseiError, RequestRejected
from posei_trader.logs import get_logger
from posei_trader.model.bars import NANOS_PER_SECOND, BarType
from posei_trader.persistence import schemas
from posei_trader.persistence.gaps import bar_gaps, tick_gaps

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Sequence

    from posei_trader.adapters.interactive_brokers.client import InteractiveBrokersClient
    from posei_trader.adapters.interactive_brokers.historical.table_downloads import HistoryTable
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.protocols import Clock

__all__ = ["HistorySource", "HistoryStream"]

_log = get_logger("InteractiveBrokersHistory")

_TICKS: Final = {"TRADES": schemas.TRADE_TICKS.name, "BID_ASK": schemas.QUOTE_TICKS.name}


class HistoryStream(NamedTuple):
    """Which history.

    Attributes:
        traded: Of what.
        bar_type: Which bars; None for ticks.
        ticks: ``TRADES`` or ``BID_ASK``; empty for bars.
    """

    traded: Traded
    bar_type: BarType | None
    ticks: str = ""

    @property
    def kind(self) -> str:
        """Return the catalog's name of the kind of record."""
        return schemas.BARS.name if self.bar_type is not None else _TICKS[self.ticks]

    @property
    def key(self) -> BarType | InstrumentId:
        """Return the bar type, or the instrument's id."""
        return self.traded.instrument.id if self.bar_type is None else self.bar_type

    @property
    def shown(self) -> str:
        """Return IB's name of the data."""
        if self.bar_type is None:
            return self.ticks
        return what_to_show(self.bar_type.spec.price_type, self.traded.sec_type)

    def __str__(self) -> str:
        if self.bar_type is not None:
            return str(self.bar_type)
        return f"{self.traded.instrument.id} {self.kind}"


@final
class HistorySource:
    """Fetches streams, and says what they lack.

    Args:
        client: The connection.
        clock: Time.
    """

    def __init__(self, client: InteractiveBrokersClient, clock: Clock) -> None:
        self._client = client
        self.downloads: Final = TableDownloads(client, clock)
        self.hours: Final = TradingHours(client)
        self._heads: dict[tuple[object, str, bool], int | None] = {}

    def tables(
        self,
        stream: HistoryStream,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int, int], None] | None = None,
    ) -> AsyncGenerator[HistoryTable, None]:
        """Fetch a stream piece by piece. As `TableDownloads.bar_tables` and `tick_tables`."""
        if stream.bar_type is not None:
            return self.downloads.bar_tables(
                stream.traded, stream.bar_type, start_ns, end_ns, use_rth=use_rth, timeout=timeout
            )
        return self.downloads.tick_tables(
            stream.traded,
            stream.ticks,
            start_ns,
            end_ns,
            use_rth=use_rth,
            timeout=timeout,
            on_page=on_page,
        )

    async def request_count(
        self,
        stream: HistoryStream,
        start_ns: int,
        end_ns: int,
        use_rth: bool,
        timeout: float | None,
    ) -> int:
        """Return how many requests the bars of a span need; 1 for ticks: nobody knows.

        Raises:
            As `HistoryDownloads.requests`.
        """
        if stream.bar_type is None:
            return 1
        plan = await self.downloads.requests(
            stream.traded, stream.bar_type, start_ns, end_ns, use_rth=use_rth, timeout=timeout
        )
        return len(plan)

    async def head_ns(
        self, stream: HistoryStream, *, use_rth: bool, timeout: float | None = None
    ) -> int | None:
        """Return when IB's history of a stream begins, UNIX ns UTC; None where IB does not say.

        Raises:
            RetryLater: the answer did not come.
        """
        key = (stream.traded.contract, stream.shown, use_rth)
        if key not in self._heads:
            shown = "TRADES" if stream.shown == "AGGTRADES" else stream.shown
            try:
                seconds = await self._client.get_head_timestamp(
                    stream.traded.contract, what_to_show=shown, use_rth=use_rth, timeout=timeout
                )
            except FixRequest:
                self._heads[key] = None
            else:
                self._heads[key] = seconds * NANOS_PER_SECOND
        return self._heads[key]

    async def check_reach(
        self, stream: HistoryStream, end_ns: int, *, use_rth: bool, timeout: float | None = None
    ) -> None:
        """Check that IB's history reaches back to a span that turned out empty.

        Raises:
            RequestRejected: it begins later.
            RetryLater: the answer did not come.
        """
        head = await self.head_ns(stream, use_rth=use_rth, timeout=timeout)
        if head is not None and end_ns <= head:
            raise RequestRejected(
                f"IB's history of {stream} begins later",
                field="end_date_time",
                value=f"{from_nanos(end_ns):%Y-%m-%d %H:%M} UTC",
                remedy=f"ask for something after {from_nanos(head):%Y-%m-%d %H:%M} UTC",
            )

    async def gaps(
        self,
        stream: HistoryStream,
        moments: Sequence[int],
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
    ) -> list[HistoryGap] | Unchecked:
        """Return where the market was open and nothing came, or why nobody can say.

        Args:
            stream: What was fetched.
            moments: When something came, UNIX ns UTC, ascending.
            start_ns: First moment asked for.
            end_ns: End, not included.
            use_rth: Whether only regular hours were asked for.
            timeout: Seconds for each request to IB.
        """
        try:
            sessions, source = await self.hours.sessions(
                stream.traded, start_ns, end_ns, use_rth=use_rth, timeout=timeout
            )
        except PoseiError as error:
            _log.warning("gaps are unknown", what=str(stream), reason=error.message)
            return Unchecked(stream.kind, stream.key, error.message)
        if stream.bar_type is not None:
            found = bar_gaps(moments, stream.bar_type.spec, sessions, start_ns, end_ns)
        else:
            found = tick_gaps(moments, sessions, start_ns, end_ns)
        return [HistoryGap(stream.kind, stream.key, *gap, source) for gap in found]
