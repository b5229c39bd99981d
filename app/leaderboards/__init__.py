"""Entries, standings and ranks; read scheme, projection, ranking, standings, then services."""
