"""``./run soak``: a stack under load that loses its parts at random, and what must hold all the same."""
