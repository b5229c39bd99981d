"""Uploads in parts: large files that survive a closed laptop and a lost network."""
