"""Uploads to a phase, their runs, attempts and scores."""
