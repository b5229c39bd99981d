"""Stored things: files, datasets, programs, tasks and their revisions, uploads."""
