"""Sample solutions scored on every task they belong to, for the organizer to see."""
