"""Decode and estimate in one place: segments in, pose files out."""
