"""Competitions, phases, pages, participants, boards and columns."""
