"""What a client is given when it is made: see the contexts in :mod:`posei_trader.protocols`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from posei_trader.model.identifiers import ClientId, TraderId
    from posei_trader.protocols import ClientCache, Clock, DataSink, ExecSink

__all__ = ["DataContext", "ExecContext"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DataContext:
    """Satisfy :class:`posei_trader.protocols.DataClientContext`.

    Attributes:
        client_id: The name under which the client is configured.
        trader_id: The node it works for.
        clock: Time.
        cache: Instruments and orders.
        sink: Where to deliver.
    """

    client_id: ClientId
    trader_id: TraderId
    clock: Clock
    cache: ClientCache
    sink: DataSink


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExecContext:
    """Satisfy :class:`posei_trader.protocols.ExecClientContext`.

    Attributes:
        client_id: The name under which the client is configured.
        trader_id: The node it works for.
        clock: Time.
        cache: Instruments and orders.
        sink: Where to deliver.
    """

    client_id: ClientId
    trader_id: TraderId
    clock: Clock
    cache: ClientCache
    sink: ExecSink
