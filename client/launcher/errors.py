"""What the launcher says when it cannot go on."""

from __future__ import annotations


class LaunchError(Exception):
    """One sentence for the person at the terminal: what is wrong and what to do."""
