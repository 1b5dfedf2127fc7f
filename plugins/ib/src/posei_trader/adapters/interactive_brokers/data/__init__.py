"""Market data of IB: live streams and history."""

from posei_trader.adapters.interactive_brokers.data.client import InteractiveBrokersDataClient

__all__ = ["InteractiveBrokersDataClient"]
