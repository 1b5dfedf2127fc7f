"""Part of the simulated IB Gateway."""
