"""The Interactive Brokers client: one connection to TWS or IB Gateway."""

from posei_trader.adapters.interactive_brokers.client.account import (
    ALL_TAGS,
    InteractiveBrokersClientAccountMixin,
)
from posei_trader.adapters.interactive_brokers.client.client import (
    ClientHealth,
    InteractiveBrokersClient,
)
from posei_trader.adapters.interactive_brokers.client.connection import (
    InteractiveBrokersClientConnectionMixin,
)
from posei_trader.adapters.interactive_brokers.client.contract import (
    InteractiveBrokersClientContractMixin,
)
from posei_trader.adapters.interactive_brokers.client.error import (
    InteractiveBrokersClientErrorMixin,
)
from posei_trader.adapters.interactive_brokers.client.market_data import (
    InteractiveBrokersClientMarketDataMixin,
)
from posei_trader.adapters.interactive_brokers.client.options import ConnectionOptions
from posei_trader.adapters.interactive_brokers.client.order import (
    InteractiveBrokersClientOrderMixin,
)
from posei_trader.adapters.interactive_brokers.client.states import ConnectionState
from posei_trader.adapters.interactive_brokers.client.stream_records import StreamState
from posei_trader.adapters.interactive_brokers.client.streams import Subscription

__all__ = [
    "ALL_TAGS",
    "ClientHealth",
    "ConnectionOptions",
    "ConnectionState",
    "InteractiveBrokersClient",
    "InteractiveBrokersClientAccountMixin",
    "InteractiveBrokersClientConnectionMixin",
    "InteractiveBrokersClientContractMixin",
    "InteractiveBrokersClientErrorMixin",
    "InteractiveBrokersClientMarketDataMixin",
    "InteractiveBrokersClientOrderMixin",
    "StreamState",
    "Subscription",
]
