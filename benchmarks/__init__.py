"""Where the figures of the documentation come from: `python -m benchmarks.NAME --help`."""
