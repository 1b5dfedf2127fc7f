"""What outlives the process: market data in Parquet that any reader understands."""
