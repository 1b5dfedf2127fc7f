"""Random trading under random faults, in virtual time, against the simulated gateway."""
