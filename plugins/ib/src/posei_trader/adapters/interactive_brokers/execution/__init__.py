"""Execution at IB: orders, fills, the account."""

from posei_trader.adapters.interactive_brokers.execution.client import (
    InteractiveBrokersExecutionClient,
)

__all__ = ["InteractiveBrokersExecutionClient"]
