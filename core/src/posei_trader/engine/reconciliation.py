"""Reconciliation: our orders and positions made equal to the venue's, line by line."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, final

import msgspec

from posei_trader.engine.bulk import collector_paused
from posei_trader.engine.position_takeover import PositionTakeover
from posei_trader.errors import InstrumentNotFound, ReconciliationFailed
from posei_trader.model.identifiers import ClientId, VenueOrderId
from posei_trader.model.requests import QueryOrder

if TYPE_CHECKING:
    from decimal import Decimal

    from posei_trader.engine.cache import Cache
    from posei_trader.engine.execution import ExecutionEngine
    from posei_trader.engine.takeover import Takeover
    from posei_trader.model.identifiers import InstrumentId
    from posei_trader.model.orders import Order
    from posei_trader.model.reports import ExecutionMassStatus, FillReport, OrderStatusReport
    from posei_trader.protocols import Clock, ExecClient

__all__ = ["Reconciler", "Reconciliation"]

_log: Final = logging.getLogger("posei.Reconciliation")

_NANOS_PER_MINUTE: Final = 60 * 1_000_000_000
_ATTEMPTS: Final = 5


class Reconciliation(msgspec.Struct, frozen=True):
    """What a reconciliation changed.

    Attributes:
        client_id: Whose.
        lines: One for each change, for people; empty when everything agreed.
    """

    client_id: ClientId
    lines: tuple[str, ...]


@final
class Reconciler:
    """Ask a venue for everything, and take it over.

    Args:
        engine: Tells whether executions came in between.
        cache: What we know.
        clock: Time.
        takeover: Takes over orders and executions.
    """

    def __init__(
        self, engine: ExecutionEngine, cache: Cache, clock: Clock, takeover: Takeover
    ) -> None:
        self._engine = engine
        self._cache = cache
        self._clock = clock
        self._takeover = takeover
        self._positions = PositionTakeover(engine, cache, takeover)

    async def run(self, client: ExecClient, lookback_mins: int | None) -> Reconciliation:
        """Fetch the venue's truth and take it over.

        Raises:
            RetryLater: a part did not come; what came was true, and was taken over.
            ReconciliationFailed: what came cannot be understood.
        """
        since = 0
        if lookback_mins is not None:
            since = max(0, self._clock.timestamp_ns() - lookback_mins * _NANOS_PER_MINUTE)
        try:
            await self._agree(client, since)
        finally:
            lines = self._takeover.collect()
            for line in lines:
                _log.warning("%s: %s", client.client_id, line)
        _log.info("%s agrees with us after %d changes", client.client_id, len(lines))
        return Reconciliation(client.client_id, lines)

    async def _agree(self, client: ExecClient, since: int) -> None:
        """Take over orders and executions, then positions, whose differences are told twice.

        An execution may come between the questions, and its message be lost: then the positions
        count what the executions do not tell yet.
        """
        before: dict[InstrumentId, Decimal] = {}
        for _ in range(_ATTEMPTS):
            status = await self._consistent(client, since)
            await self._load_instruments(client, status)
            missing = await self._ask_for_missing(client, status)
            with collector_paused():
                self._take(status, missing, client.client_id)
                gaps = self._positions.gaps(status)
                if not gaps or gaps == before:
                    self._positions.take(status, client.client_id)
                    for line in status.unattributed:
                        self._takeover.note(line)
                    return
            before = gaps
        raise _never_at_rest(client.client_id)

    async def _consistent(self, client: ExecClient, since: int) -> ExecutionMassStatus:
        """Ask until no execution came in between: orders and positions are of one moment then."""
        for _ in range(_ATTEMPTS):
            before = self._engine.fills_seen
            status = await client.generate_mass_status(since)
            if self._engine.fills_seen == before:
                return status
        raise _never_at_rest(client.client_id)

    async def _load_instruments(self, client: ExecClient, status: ExecutionMassStatus) -> None:
        wanted: set[InstrumentId] = {report.instrument_id for report in status.orders}
        wanted.update(fill.instrument_id for fill in status.fills)
        wanted.update(held.instrument_id for held in status.positions)
        unknown = sorted(name for name in wanted if self._cache.instrument(name) is None)
        if not unknown:
            return
        try:
            loaded = await client.instrument_provider.load_ids(unknown)
        except InstrumentNotFound as error:
            raise ReconciliationFailed(
                "the venue holds orders or positions of instruments that it cannot define",
                field=client.client_id,
                value=[str(name) for name in unknown],
                remedy="add them to load_ids in a form that the provider knows",
            ) from error
        for instrument in loaded:
            self._cache.add_instrument(instrument)
            self._engine.instrument_loaded(instrument.id)

    async def _ask_for_missing(
        self, client: ExecClient, status: ExecutionMassStatus
    ) -> list[tuple[Order, OrderStatusReport | None]]:
        """Ask for every live order of ours that the venue did not mention."""
        told = {report.client_order_id for report in status.orders}
        told_ids = {report.venue_order_id for report in status.orders}
        missing = [
            order
            for order in self._cache.orders()
            if not (
                order.is_closed
                or self._cache.client_of_order(order.client_order_id) != client.client_id
                or order.client_order_id in told
                or order.venue_order_id in told_ids
            )
        ]
        # All at once, so that a client whose venue tells of all orders anyway asks only once.
        found = await asyncio.gather(
            *(
                client.query_order(QueryOrder(order.client_order_id, order.instrument_id))
                for order in missing
            )
        )
        return list(zip(missing, found, strict=True))

    def _take(
        self,
        status: ExecutionMassStatus,
        missing: list[tuple[Order, OrderStatusReport | None]],
        client_id: ClientId,
    ) -> None:
        fills: dict[VenueOrderId, list[FillReport]] = {}
        for fill in sorted(status.fills, key=_when):
            fills.setdefault(fill.venue_order_id, []).append(fill)
        for report in status.orders:
            own = fills.pop(report.venue_order_id, ())
            self._takeover.take_order(report, own, client_id)
        for group in fills.values():
            for fill in group:
                self._takeover.take_fill(fill, client_id)
        for order, found in missing:
            self._takeover.settle_missing(order, found, client_id)


def _never_at_rest(client_id: ClientId) -> ReconciliationFailed:
    return ReconciliationFailed(
        "executions keep coming while the venue is asked",
        field=client_id,
        value=f"{_ATTEMPTS} attempts",
        remedy="find out who trades in this account, then start again",
    )


def _when(fill: FillReport) -> int:
    return fill.ts_event
