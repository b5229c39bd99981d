"""Taking a benchmark away: as a bundle that makes the same benchmark again."""
