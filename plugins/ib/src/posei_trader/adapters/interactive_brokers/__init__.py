"""The Interactive Brokers adapter: data, history, instruments and execution over `ibapi`."""
