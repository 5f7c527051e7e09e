"""Keypoints to repetitions: order, clean, normalise, cut."""
