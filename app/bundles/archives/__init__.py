"""What took place in a benchmark, beside its bundle: participants, submissions, scores, logs."""
