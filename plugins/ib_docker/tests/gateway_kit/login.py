"""The login that the test image accepts."""

USERNAME = "alice4711"
PASSWORD = "correct horse\\battery ü"  # every kind of character that an image may stumble over
