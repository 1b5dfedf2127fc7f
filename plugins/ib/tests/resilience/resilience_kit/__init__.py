"""What the tests of this folder share: a whole node on a simulated venue, in virtual time."""
