"""What a person runs: the command line, and one file per pipeline."""
