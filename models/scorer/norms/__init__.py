"""What good executions look like, in quantities that people speak of: a readable file each."""
