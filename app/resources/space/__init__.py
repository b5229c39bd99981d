"""How much of the store a person uses, how much they may, and clearing up."""
