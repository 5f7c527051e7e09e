"""Keypoints without end: chunks in any order in, finite recordings out."""
