"""History as Arrow tables, whole or piece by piece, without an object a record.

Apart from `HistoryDownloads`, so that a live node, which needs objects, does not load Arrow.
"""

# ruff: noqa: ASYNC109 - a timeout here bounds each request to IB, not the whole call

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import pyarrow as pa

from posei_trader.adapters.interactive_brokers.historical.columns import BarColumns
from posei_trader.adapters.interactive_brokers.historical.conversion import Discarded
from posei_trader.adapters.interactive_brokers.historical.discarded import report_discarded
from posei_trader.adapters.interactive_brokers.historical.downloads import HistoryDownloads
from posei_trader.adapters.interactive_brokers.historical.scales import Scale
from posei_trader.adapters.interactive_brokers.historical.side_by_side import in_turn
from posei_trader.adapters.interactive_brokers.historical.tables import (
    bars_table,
    quotes_table,
    trades_table,
)
from posei_trader.persistence import schemas
from posei_trader.persistence.schemas import CatalogTable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from posei_trader.adapters.interactive_brokers.historical.segmentation import Segment
    from posei_trader.adapters.interactive_brokers.traded import Traded
    from posei_trader.model.bars import BarType

__all__ = ["HistoryTable", "TableDownloads"]

_ROWS_OF_A_PIECE: Final = 20_000


class HistoryTable(NamedTuple):
    """A piece of history that is whole.

    Attributes:
        rows: Everything there is in its span; may be empty.
        start_ns: First moment, UNIX ns UTC.
        end_ns: End, UNIX ns UTC, not included.
    """

    rows: CatalogTable
    start_ns: int
    end_ns: int


@final
class TableDownloads(HistoryDownloads):
    """Fetches bars and ticks, as objects or as tables. Arguments as `HistoryDownloads`."""

    # -- bars -----------------------------------------------------------------------------------

    async def bars_table(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_segment: Callable[[int], None] | None = None,
    ) -> CatalogTable:
        """Fetch the bars of a span as an Arrow table. Otherwise as `bars`."""
        parts = await self._bar_parts(
            traded, bar_type, start_ns, end_ns, use_rth, timeout, on_segment, lambda found: found
        )
        columns = BarColumns.joined(parts)
        discarded = Discarded()
        table = bars_table(columns, bar_type.spec, Scale(traded), discarded)
        report_discarded(discarded, str(bar_type))
        return CatalogTable(schemas.BARS.name, bar_type, table)

    async def bar_tables(
        self,
        traded: Traded,
        bar_type: BarType,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
    ) -> AsyncGenerator[HistoryTable, None]:
        """Fetch the bars of a span piece by piece, ascending: what is yielded is whole.

        Some requests are made ahead, so that waiting for IB and using the bars overlap.

        Raises:
            As :meth:`bars`, while iterating; what was yielded before is right.
        """
        plan = await self.requests(
            traded, bar_type, start_ns, end_ns, use_rth=use_rth, timeout=timeout
        )
        plan.reverse()
        # What was empty between two requests belongs to the later one: pieces meet exactly.
        ends = [*(segment.end_ns for segment in plan[:-1]), end_ns]

        async def fetch(segment: Segment, first: int, end: int) -> HistoryTable:
            columns = await self._part(
                traded, bar_type, segment, end_ns, use_rth=use_rth, timeout=timeout
            )
            discarded = Discarded()
            table = bars_table(columns, bar_type.spec, Scale(traded), discarded)
            report_discarded(discarded, str(bar_type))
            rows = CatalogTable(schemas.BARS.name, bar_type, table)
            return HistoryTable(rows, first, end)

        work = map(fetch, plan, [start_ns, *ends[:-1]], ends)
        async with contextlib.aclosing(in_turn(work)) as pieces:
            async for piece in pieces:
                yield piece

    # -- ticks ----------------------------------------------------------------------------------

    async def tick_tables(
        self,
        traded: Traded,
        kind: str,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int, int], None] | None = None,
        rows_at_least: int = _ROWS_OF_A_PIECE,
    ) -> AsyncGenerator[HistoryTable, None]:
        """Fetch the ticks of a span piece by piece, ascending: what is yielded is whole.

        Args:
            traded: Of what.
            kind: ``TRADES`` or ``BID_ASK``.
            start_ns: First moment, UNIX ns UTC.
            end_ns: End, UNIX ns UTC, not included.
            use_rth: Regular trading hours only.
            timeout: Seconds for each request to IB.
            on_page: Called after each answer with the number of its ticks, and until when all is
                known, UNIX ns UTC.
            rows_at_least: How many ticks a piece has before it is yielded; the last has the rest.

        Raises:
            As :meth:`bars`, while iterating; what was yielded before is right.
        """
        scale = Scale(traded)
        instrument_id = traded.instrument.id
        is_trades = kind == "TRADES"
        name = schemas.TRADE_TICKS.name if is_trades else schemas.QUOTE_TICKS.name

        def piece(rows: list[Any], first: int, end: int) -> HistoryTable:
            discarded = Discarded()
            make = trades_table if is_trades else quotes_table
            table = make(rows, scale, discarded)
            report_discarded(discarded, f"{name} of {instrument_id}")
            return HistoryTable(CatalogTable(name, instrument_id, table), first, end)

        rows: list[Any] = []
        first = known = start_ns
        pages = self._trade_pages if is_trades else self._quote_pages
        async for page in pages(traded, start_ns, end_ns, use_rth, timeout):
            rows += page.rows
            known = min(page.until_ns, end_ns)
            if on_page is not None:
                on_page(len(page.rows), page.until_ns)
            if len(rows) >= rows_at_least and known < end_ns:
                yield piece(rows, first, known)
                rows, first = [], known
        if first < end_ns:
            yield piece(rows, first, end_ns)

    async def tick_table(
        self,
        traded: Traded,
        kind: str,
        start_ns: int,
        end_ns: int,
        *,
        use_rth: bool,
        timeout: float | None = None,
        on_page: Callable[[int, int], None] | None = None,
    ) -> CatalogTable:
        """Fetch the ticks of a span as an Arrow table. Otherwise as `tick_tables`."""
        pieces = [
            piece.rows
            async for piece in self.tick_tables(
                traded, kind, start_ns, end_ns, use_rth=use_rth, timeout=timeout, on_page=on_page
            )
        ]
        table = pa.concat_tables([piece.table for piece in pieces])
        return CatalogTable(pieces[0].kind, pieces[0].key, table)
