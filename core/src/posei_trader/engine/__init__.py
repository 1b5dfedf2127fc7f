"""What runs a node: bus, clocks, cache, and the data, execution and risk engines."""
