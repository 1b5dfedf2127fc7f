"""What a venue adapter is: four protocols, and one for what must be up before it can connect.

    DataClient          streams and history
    ExecClient          orders, executions, account
    InstrumentProvider  what can be traded
    Symbology           the venue's names <-> ours, without I/O
    Gateway             a process or container that must run first

Rules that hold for every method here, unless it says otherwise:

- **One thread.** Everything is called on, and delivers on, the node's event loop.
- **Blocking.** A plain method returns at once and does no I/O but writing to a connected transport.
  A coroutine may wait; cancelling it leaves no task, socket or subscription behind.
- **Delivery.** Clients deliver by calling the sink they were given, in the order of the venue.
  They never reach into an engine.
- **Unknown is never empty.** A request returns the complete answer or raises. A timeout or a lost
  connection raises a :class:`~posei_trader.errors.RetryLater`; it never looks like "nothing there".
- **Errors** are of the tree in :mod:`posei_trader.errors`; a venue's own codes travel in `code`.

Implementations need not inherit: these are structural types.
"""

from posei_trader.protocols.clients import (
    DataClient,
    ExecClient,
    ExercisesOptions,
    HealsGaps,
    PreviewsOrders,
    StartsGateway,
    TellsFailures,
)
from posei_trader.protocols.factories import (
    DataClientFactory,
    ExecClientFactory,
    InstrumentProviderFactory,
)
from posei_trader.protocols.node import (
    ClientCache,
    Clock,
    DataClientContext,
    DataSink,
    ExecClientContext,
    ExecSink,
    InstrumentStore,
    OrderLookup,
    TimerHandle,
)
from posei_trader.protocols.venue import (
    Gateway,
    InstrumentProvider,
    Symbology,
)

__all__ = [
    "ClientCache",
    "Clock",
    "DataClient",
    "DataClientContext",
    "DataClientFactory",
    "DataSink",
    "ExecClient",
    "ExecClientContext",
    "ExecClientFactory",
    "ExecSink",
    "ExercisesOptions",
    "Gateway",
    "HealsGaps",
    "InstrumentProvider",
    "InstrumentProviderFactory",
    "InstrumentStore",
    "OrderLookup",
    "PreviewsOrders",
    "StartsGateway",
    "Symbology",
    "TellsFailures",
    "TimerHandle",
]
