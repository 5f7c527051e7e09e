"""Scorer files learned from repetitions with a known truth."""
