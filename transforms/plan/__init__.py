"""Probe videos and cut long ones into segments at keyframes."""
