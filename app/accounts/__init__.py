"""People, log-in and sessions."""
