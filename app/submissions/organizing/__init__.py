"""What organizers do with the submissions to their benchmarks."""
