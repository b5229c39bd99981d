"""The library of a person: datasets and programs, listed, described, replaced, shared, deleted."""
