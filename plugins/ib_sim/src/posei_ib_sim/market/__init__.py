"""Market data of the simulated venue: replayed or synthetic, one tape per instrument."""

from posei_ib_sim.market.bars_to_ticks import BarExpander, BaseBar
from posei_ib_sim.market.board import Board
from posei_ib_sim.market.events import MarketEvent, Quote, Trade
from posei_ib_sim.market.feed import Listener, MarketFeed
from posei_ib_sim.market.replay import ReplayFile, ReplayLoader, display_lot
from posei_ib_sim.market.synthetic import SyntheticBars
from posei_ib_sim.market.tape import SyntheticTape, Tape

__all__ = [
    "BarExpander",
    "BaseBar",
    "Board",
    "Listener",
    "MarketEvent",
    "MarketFeed",
    "Quote",
    "ReplayFile",
    "ReplayLoader",
    "SyntheticBars",
    "SyntheticTape",
    "Tape",
    "Trade",
    "display_lot",
]
