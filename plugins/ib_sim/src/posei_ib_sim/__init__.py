"""A simulated IB Gateway: a server of the TWS socket protocol that any IB client can use."""
