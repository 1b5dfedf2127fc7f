"""What engines tell each other and the strategies, beside the facts of the model."""

from __future__ import annotations

import msgspec

from posei_trader.model.identifiers import ClientId
from posei_trader.model.requests import Subscription

__all__ = ["ConnectionChange", "DataGap", "DataSilence", "SubscriptionFailure"]


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
    """A part of a stream was not delivered and will not be.

    Where a client fetches what was missed, that is delivered, marked as back-filled, and there is
    no gap.

    Attributes:
        subscription: The stream.
        start_ns: The beginning of what is missing, UNIX ns UTC.
        end_ns: Its end, UNIX ns UTC.
        reason: Why, for people.
    """

    subscription: Subscription
    start_ns: int
    end_ns: int
    reason: str


class DataSilence(msgspec.Struct, frozen=True):
    """A stream says nothing though its market is open, and opening it anew did not help.

    Attributes:
        subscription: The stream.
        since_ns: When it last said something, or was opened, UNIX ns UTC.
        ts_event: When we were told, UNIX ns UTC.
        reason: What was tried, for people.
    """

    subscription: Subscription
    since_ns: int
    ts_event: int
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
