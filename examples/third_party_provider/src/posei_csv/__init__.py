"""Daily bars from CSV files, as a PoseiTrader provider."""
