"""History from IB: what can be asked, how a span is cut into requests, and the research client."""
