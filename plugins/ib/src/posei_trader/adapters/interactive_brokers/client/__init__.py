"""The Interactive Brokers client: one connection to TWS or IB Gateway."""
