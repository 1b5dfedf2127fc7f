"""Handlers of client messages, one group for each subject."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posei_ib_sim.server.handlers.accounts import AccountHandlers
from posei_ib_sim.server.handlers.depth import DepthHandlers
from posei_ib_sim.server.handlers.history import HistoryHandlers
from posei_ib_sim.server.handlers.market_data import MarketDataHandlers
from posei_ib_sim.server.handlers.news import NewsHandlers
from posei_ib_sim.server.handlers.options import OptionHandlers
from posei_ib_sim.server.handlers.orders import OrderHandlers
from posei_ib_sim.server.handlers.reference import ReferenceHandlers
from posei_ib_sim.server.handlers.settings import SettingHandlers
from posei_ib_sim.server.handlers.start import StartHandlers
from posei_ib_sim.server.handlers.ticks import TickHandlers

if TYPE_CHECKING:
    from posei_ib_sim.server.routes import HandlerGroup, Routes
    from posei_ib_sim.server.server import Server

__all__ = ["register_all"]


def register_all(server: Server, routes: Routes) -> None:
    """Enter the handlers of every subject into the table."""
    groups: list[HandlerGroup] = [
        StartHandlers(server),
        ReferenceHandlers(server),
        MarketDataHandlers(server),
        TickHandlers(server),
        DepthHandlers(server),
        HistoryHandlers(server),
        OrderHandlers(server),
        AccountHandlers(server),
        NewsHandlers(server),
        OptionHandlers(server),
        SettingHandlers(server),
    ]
    for group in groups:
        group.register(routes)
