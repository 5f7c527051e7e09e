"""What a physiotherapist would measure of a repetition: ranges, extremes, speeds, duration."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from repscore.models.scorer.represent import Execution
from repscore.models.scorer.sequences import joints_of, sequences_of
from repscore.models.skeleton import joint_angles_deg

Floats = npt.NDArray[np.float64]


def kinematics(executions: Sequence[Execution]) -> Floats:
    """(R, F): angles and places (range, mean, extremes), speeds, smoothness, 16 phases, duration.

    Degrees, torso lengths, torso lengths per second and logarithms of seconds; 0 where unseen.
    """
    phases = sequences_of(executions)
    courses = phases.joints[:, ::4, :, :3].reshape(len(executions), -1)
    summary = np.stack([_summary(each) for each in executions])
    table = (np.nan_to_num(summary), courses.astype(np.float64), phases.extras.astype(np.float64))
    return np.concatenate(table, axis=1)


def _summary(execution: Execution) -> Floats:
    places = np.nan_to_num(joints_of(execution))
    step_s = (execution.end_s - execution.start_s) / len(places)
    angles = joint_angles_deg(places)
    flat = places.reshape(len(places), -1)
    velocity = np.diff(places, axis=0, append=places[-1:]) / step_s
    speed = np.linalg.norm(velocity, axis=-1)
    change = np.linalg.norm(np.diff(velocity, axis=0, append=velocity[-1:]), axis=-1).mean(axis=0)
    away = np.linalg.norm(places - places[:1], axis=-1)
    parts = [
        *(np.ptp(angles, axis=0), angles.max(axis=0), angles.min(axis=0), angles.mean(axis=0)),
        *(np.ptp(flat, axis=0), flat.max(axis=0), flat.min(axis=0), flat.mean(axis=0)),
        *(speed.mean(axis=0), speed.max(axis=0), speed.sum(axis=0) * step_s),
        *(away.max(axis=0), away[-1], change, change / (speed.mean(axis=0) + 1e-3)),
    ]
    return np.concatenate(parts)
