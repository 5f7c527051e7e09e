"""Synthetic motion for training."""
