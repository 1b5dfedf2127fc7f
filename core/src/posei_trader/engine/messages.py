"""What engines tell each other and the strategies, beside the facts of the model."""

from __future__ import annotations

import msgspec

from posei_trader.model.identifiers import ClientId
from posei_trader.model.requests import Subscription

__all__ = ["ConnectionChange", "DataGap", "SubscriptionFailure"]


class ConnectionChange(msgspec.Struct, frozen=True):
    """A client lost or regained its venue.

    Attributes:
        client_id: The client.
        connected: Whether the venue can be asked now.
        reason: The client's words.
        ts_event: When we were told, UNIX ns UTC.
    """

    client_id: ClientId
    connected: bool
    reason: str
    ts_event: int


class DataGap(msgspec.Struct, frozen=True):
    """A stream was interrupted: what happened in between was not delivered when it happened.

    Attributes:
        subscription: The stream.
        start_ns: When the connection was lost, UNIX ns UTC.
        end_ns: When it was regained, UNIX ns UTC.
        reason: The client's words about the loss.
    """

    subscription: Subscription
    start_ns: int
    end_ns: int
    reason: str


class SubscriptionFailure(msgspec.Struct, frozen=True):
    """A stream that was open has ended, or cannot be opened.

    Attributes:
        subscription: The stream.
        error: Why.
        ts_event: When we were told, UNIX ns UTC.
    """

    subscription: Subscription
    error: Exception
    ts_event: int
