"""Competition zip in."""
