"""The shipped phase network, pinned: what it says of a synthetic squat must not change."""

import numpy as np
import pytest

from repscore.models.phases import network
from repscore.models.phases.network import FEATURES, HOP, LOOKAHEAD, RATE_HZ, VECTORS, vectors_of
from repscore.models.skeleton import JOINT

PERIOD_S, REST_S, REPETITIONS = 2.4, 3.0, 4


def squats() -> np.ndarray:
    """Image joints (N, 15, 2) in torsos at 15 Hz: rest, squats of 2.4 s that bend knees and trunk."""
    time_s = np.arange(15 * HOP) / RATE_HZ
    cycle = (time_s - REST_S) / PERIOD_S
    active = (cycle >= 0) & (cycle < REPETITIONS)
    depth = np.where(active, 0.5 - 0.5 * np.cos(2 * np.pi * cycle), 0.0)[:, None]
    zero = np.zeros_like(depth)

    def place(x: float, y: float, dx: float, dy: float) -> np.ndarray:
        return np.concatenate([x + dx * depth + zero, y + dy * depth], axis=1)

    joints = {
        "nose": place(0.0, -1.45, 0.35, 0.75),
        "neck": place(0.0, -1.0, 0.25, 0.7),
        "mid_hip": place(0.0, 0.0, -0.2, 0.6),
    }
    for side, sign in (("right", -1.0), ("left", 1.0)):
        joints |= {
            f"{side}_shoulder": place(0.2 * sign, -1.0, 0.25, 0.7),
            f"{side}_elbow": place(0.3 * sign, -0.5, 0.5, 0.4),
            f"{side}_wrist": place(0.3 * sign, 0.0, 0.7, -0.2),
            f"{side}_hip": place(0.15 * sign, 0.0, -0.2, 0.6),
            f"{side}_knee": place(0.2 * sign, 0.8, 0.25, 0.2),
            f"{side}_ankle": place(0.2 * sign, 1.6, 0.0, 0.0),
        }
    return np.stack([joints[name] for name in JOINT], axis=1)
