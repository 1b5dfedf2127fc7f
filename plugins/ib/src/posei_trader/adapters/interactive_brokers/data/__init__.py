"""Market data of IB: live streams and history."""
