"""Entries, standings and ranks."""
