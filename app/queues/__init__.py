"""Compute queues and the machines that serve them."""
