"""Where scores come from: programs, data, image, worker, machine, limits and times."""
