"""The shipped phase network, pinned: what it says of a synthetic squat must not change."""

import numpy as np

from repscore.models.phases import network
from repscore.models.phases.network import HOP, LOOKAHEAD, RATE_HZ, vectors_of
from repscore.models.skeleton import JOINT
from repscore.transforms.repetitions.segment import find_cycles

PERIOD_S, REST_S, REPETITIONS = 2.4, 3.0, 4

# Idle and the eight phases at every twelfth instant, from a second before the first squat on.
GOLDEN = [
    [0.93293, 0.02347, 0.01319, 0.00849, 0.00358, 0.00227, 0.00535, 0.00525, 0.00548],
    [0.88609, 0.05936, 0.02102, 0.01917, 0.00700, 0.00099, 0.00075, 0.00174, 0.00388],
    [0.02810, 0.04059, 0.42468, 0.43949, 0.05273, 0.00989, 0.00258, 0.00079, 0.00115],
    [0.00040, 0.00253, 0.00142, 0.00050, 0.01108, 0.82177, 0.16000, 0.00185, 0.00044],
    [0.02753, 0.00900, 0.00074, 0.00158, 0.00503, 0.00115, 0.00112, 0.06096, 0.89289],
    [0.00175, 0.01652, 0.55884, 0.40581, 0.00463, 0.00167, 0.00461, 0.00489, 0.00127],
    [0.00026, 0.00306, 0.00121, 0.00093, 0.02432, 0.90949, 0.05974, 0.00075, 0.00022],
    [0.04056, 0.02223, 0.00323, 0.00672, 0.01504, 0.00330, 0.00287, 0.08761, 0.81845],
    [0.00339, 0.02406, 0.46490, 0.47803, 0.01170, 0.00382, 0.00595, 0.00625, 0.00189],
    [0.00053, 0.00580, 0.00185, 0.00105, 0.03062, 0.89010, 0.06898, 0.00073, 0.00035],
    [0.03668, 0.01633, 0.00211, 0.00608, 0.01331, 0.00210, 0.00206, 0.08476, 0.83658],
]


def squats() -> np.ndarray:
    """Image joints (N, 15, 2) in torsos at 15 Hz: rest, then squats that bend knees and trunk."""
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


def test_shipped_network_on_synthetic_squats() -> None:
    vectors = vectors_of(squats(), 1.0)
    phases = network.shipped()
    memory, outputs = phases.start(vectors[0]), []
    for first in range(0, len(vectors), HOP):
        memory, output = phases.step(memory, vectors[first : first + HOP], np.ones(HOP, np.float32))
        outputs.append(output)
    chance = np.exp(np.concatenate(outputs)[LOOKAHEAD:])
    assert np.allclose(chance[30:162:12], GOLDEN, atol=1e-4)
    cycles = find_cycles(np.log(chance), None)
    assert [(cycle.start, cycle.end) for cycle in cycles] == [
        (47, 82), (82, 118), (118, 154), (154, 189),
    ]  # fmt: skip
