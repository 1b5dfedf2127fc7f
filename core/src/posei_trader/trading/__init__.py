"""What a user writes against: strategies, actors and orders."""
