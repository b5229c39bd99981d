"""What a person runs at a terminal: the launcher behind ``./run``."""
