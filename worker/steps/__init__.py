"""The steps of an attempt, one verb each; each takes the Run and leaves things in it."""
