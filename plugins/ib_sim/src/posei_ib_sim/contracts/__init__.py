"""Contracts of the simulated venue: database, sessions, market rules."""

from posei_ib_sim.contracts.database import ContractDatabase
from posei_ib_sim.contracts.hours import HOURS, HoursBook, Session
from posei_ib_sim.contracts.market_rules import MARKET_RULES
from posei_ib_sim.contracts.model import ContractQuery, SimContract
from posei_ib_sim.contracts.options import OptionChain, OptionShelf
from posei_ib_sim.contracts.seeds import ContractFactory, FuturesShelf, load_seeds

__all__ = [
    "HOURS",
    "MARKET_RULES",
    "ContractDatabase",
    "ContractFactory",
    "ContractQuery",
    "FuturesShelf",
    "HoursBook",
    "OptionChain",
    "OptionShelf",
    "Session",
    "SimContract",
    "load_seeds",
]
