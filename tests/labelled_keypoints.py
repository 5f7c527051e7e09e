"""A labelled folder for `train` and `evaluate scoring`."""

from pathlib import Path

import athletes

from repscore.pipelines.demo.athlete import Motion
from repscore.pipelines.demo.exercises import Faults
from repscore.pipelines.demo.figure import Body
from research.layout import LabelRow, write_keypoints, write_labels


def write(folder: Path) -> None:
    """Four people, each with two good squats and a shallow one, and two curls."""
    rows = []
    for person in range(4):
        body = Body(height_m=1.6 + 0.1 * person)
        for exercise, repetitions, faults, correct in (
            ("squat", 2, Faults(), True),
            ("squat", 1, Faults(short_range=0.5), False),
            ("biceps_curl", 2, Faults(), None),
        ):
            motion = Motion(exercise, repetitions, body=body, faults=faults, seed=person)
            poses = athletes.poses(motion)
            name = f"{person}-{exercise}-{correct}.keypoints.npz"
            write_keypoints(
                folder / name,
                poses.topology,
                poses.time_s,
                image_px=poses.image_px[..., :2],
                world_m=poses.world_m,
            )
            rows += [
                LabelRow(
                    name, exercise, window.start_s, window.end_s, correct=correct,
                    subject=f"p{person}", group="tall" if person > 1 else "short",
                )
                for window in motion.windows
            ]  # fmt: skip
    write_labels(folder, rows)
