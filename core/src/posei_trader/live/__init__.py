"""A node that trades live."""
