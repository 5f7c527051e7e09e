"""A scored video as people see it: annotated, and as a plot."""
