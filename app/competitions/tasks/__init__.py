"""Tasks as things of their own: made, revised, shared, copied and deleted."""
