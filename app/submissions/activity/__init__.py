"""What goes on here: runs, machines, and what is wrong with either."""
