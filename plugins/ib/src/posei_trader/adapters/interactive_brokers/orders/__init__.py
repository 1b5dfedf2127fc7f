"""Orders between PoseiTrader and IB: pure functions and one total state machine, no I/O."""
