"""Who performs what in the demo: per exercise a reference, a clean and a faulty performer."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from repscore.pipelines.demo.athlete import Motion, Tempo, Window
from repscore.pipelines.demo.exercises import Exercise, Faults
from repscore.pipelines.demo.figure import Body
from repscore.pipelines.demo.render import render_clip
from repscore.pipelines.demo.scene import Camera, Look

TRUTH_FILE: Final = "truth.csv"


@dataclass(frozen=True)
class Performance:
    """One clip and the truth about it."""

    performer: str
    motion: Motion
    look: Look
    camera: Camera
    reference: bool = False

    @property
    def exercise(self) -> Exercise:
        """The exercise that is performed."""
        return self.motion.exercise

    @property
    def repetitions(self) -> int:
        """The true count."""
        return self.motion.repetitions

    @property
    def fault(self) -> str:
        """`clean`, or the faults' names joined by `+`."""
        return self.motion.faults.label

    @property
    def windows(self) -> tuple[Window, ...]:
        """When each repetition starts, turns and ends, in seconds."""
        return self.motion.windows

    @property
    def file_name(self) -> str:
        """`<exercise>_<performer>[_<fault>].mp4`."""
        ending = "" if self.reference else "_" + self.fault.replace("+", "-")
        return f"{self.exercise}_{self.performer}{ending}.mp4"


@dataclass(frozen=True, slots=True)
class _Person:
    body: Body
    look: Look


_PEOPLE: Final[Mapping[str, _Person]] = {
    "reference": _Person(Body(height_m=1.74), Look()),
    "ana": _Person(
        Body(height_m=1.66, leg_ratio=1.03, shoulder_ratio=0.92, hip_ratio=1.06, girth=0.93),
        Look(
            skin=(232, 190, 162), hair=(118, 72, 40), shirt=(196, 62, 92), trousers=(58, 62, 84),
            shoes=(238, 238, 240), stripe=(250, 236, 238), wall=(214, 206, 196),
            floor=(150, 138, 126), mat=(104, 128, 116), long_hair=True, light=1.0,
        ),
    ),
    "ben": _Person(
        Body(height_m=1.86, leg_ratio=1.02, arm_ratio=1.03, shoulder_ratio=1.06, girth=1.02),
        Look(
            skin=(128, 86, 62), hair=(28, 24, 24), shirt=(232, 196, 72), trousers=(70, 74, 80),
            shoes=(58, 132, 190), stripe=(70, 74, 80), wall=(186, 200, 206),
            floor=(172, 140, 104), mat=(70, 76, 92), shorts=True, light=-0.7,
        ),
    ),
    "cem": _Person(
        Body(height_m=1.71, leg_ratio=0.97, shoulder_ratio=1.04, hip_ratio=1.05, girth=1.16),
        Look(
            skin=(198, 150, 112), hair=(38, 32, 30), shirt=(78, 146, 98), trousers=(48, 50, 56),
            shoes=(232, 150, 54), stripe=(226, 240, 228), wall=(204, 208, 190),
            floor=(126, 104, 86), mat=(128, 92, 84), light=0.8,
        ),
    ),
    "dora": _Person(
        Body(height_m=1.62, leg_ratio=0.99, arm_ratio=0.98, shoulder_ratio=0.94, girth=0.98),
        Look(
            skin=(178, 122, 90), hair=(30, 22, 22), shirt=(236, 236, 232), trousers=(92, 62, 128),
            socks=(92, 62, 128), shoes=(60, 60, 70), stripe=(156, 110, 190), wall=(180, 178, 196),
            floor=(164, 150, 132), mat=(78, 110, 132), shorts=False, long_hair=True, light=-1.0,
        ),
    ),
}  # fmt: skip

_TEMPO: Final[Mapping[Exercise, Tempo]] = {
    "squat": Tempo(out_s=1.2, hold_s=0.2, back_s=1.0, rest_s=0.4),
    "push_up": Tempo(out_s=1.0, hold_s=0.15, back_s=0.9, rest_s=0.4),
    "jumping_jack": Tempo(out_s=0.65, hold_s=0.1, back_s=0.65, rest_s=0.15),
    "biceps_curl": Tempo(out_s=1.0, hold_s=0.2, back_s=1.2, rest_s=0.4),
    "shoulder_press": Tempo(out_s=1.0, hold_s=0.25, back_s=1.2, rest_s=0.4),
}

_CAMERA: Final[Mapping[Exercise, Camera]] = {
    "squat": Camera(azimuth_deg=25.0, distance_m=3.3, target_m=(0.0, 0.86, 0.0)),
    "push_up": Camera(
        azimuth_deg=62.0, elevation_deg=10.0, distance_m=2.7, target_m=(0.0, 0.38, 0.85),
        width_px=640, height_px=480,
    ),
    "jumping_jack": Camera(distance_m=3.9, target_m=(0.0, 1.05, 0.0)),
    "biceps_curl": Camera(azimuth_deg=35.0, distance_m=3.2, target_m=(0.0, 0.9, 0.0)),
    "shoulder_press": Camera(azimuth_deg=-15.0, distance_m=3.8, target_m=(0.0, 1.05, 0.0)),
}  # fmt: skip

_CLEAN: Final = Faults()


def _performance(
    exercise: Exercise,
    performer: str,
    repetitions: int,
    faults: Faults = _CLEAN,
    *,
    turn_deg: float = 0.0,
    seed: int,
) -> Performance:
    """A performance whose camera stands turn_deg further around than the exercise's usual one."""
    person, usual = _PEOPLE[performer], _CAMERA[exercise]
    motion = Motion(
        exercise, repetitions, person.body, _TEMPO[exercise], faults, lead_s=1.2, seed=seed
    )
    camera = replace(
        usual,
        azimuth_deg=usual.azimuth_deg + turn_deg,
        elevation_deg=usual.elevation_deg + 0.2 * abs(turn_deg),
    )
    return Performance(performer, motion, person.look, camera, reference=performer == "reference")


CAST: Final[tuple[Performance, ...]] = (
    _performance("squat", "reference", 4, seed=1),
    _performance("squat", "ana", 5, turn_deg=-6.0, seed=2),
    _performance("squat", "cem", 6, Faults(knees_inward=0.55), turn_deg=-7.0, seed=3),
    _performance("push_up", "reference", 4, seed=4),
    _performance("push_up", "ben", 6, turn_deg=8.0, seed=5),
    _performance("push_up", "dora", 5, Faults(short_range=0.5), turn_deg=-4.0, seed=6),
    _performance("jumping_jack", "reference", 4, seed=7),
    _performance("jumping_jack", "ana", 7, turn_deg=5.0, seed=8),
    _performance("jumping_jack", "cem", 6, Faults(asymmetry=0.45), turn_deg=-6.0, seed=9),
    _performance("biceps_curl", "reference", 4, seed=10),
    _performance("biceps_curl", "ben", 4, turn_deg=-6.0, seed=11),
    _performance(
        "biceps_curl", "dora", 7, Faults(short_range=0.25, too_fast=0.5, swing=0.8),
        turn_deg=4.0, seed=12,
    ),
    _performance("shoulder_press", "reference", 4, seed=13),
    _performance("shoulder_press", "ben", 5, turn_deg=6.0, seed=14),
    _performance("shoulder_press", "cem", 6, Faults(short_range=0.45), turn_deg=-5.0, seed=15),
)  # fmt: skip
"""The demo's clips."""


def write_cast(
    folder: Path,
    on_progress: Callable[[int, int], None] | None = None,
    performances: Sequence[Performance] = CAST,
) -> list[Performance]:
    """Writes each performance as `folder/<file_name>` and the truth about all as `truth.csv`.

    A clip appears under its name when it is complete. `on_progress` receives the number of clips
    written and of all clips. With one OpenCV build the same performances give the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for done, performance in enumerate(performances, start=1):
        partial = folder / f".partial_{performance.file_name}"
        render_clip(partial, performance.motion, performance.look, performance.camera)
        partial.replace(folder / performance.file_name)
        if on_progress is not None:
            on_progress(done, len(performances))
    write_truth(folder / TRUTH_FILE, performances)
    return list(performances)


def write_truth(path: Path, performances: Sequence[Performance]) -> None:
    """A CSV row per repetition: clip, performer, exercise, fault, reference, window in seconds."""
    with path.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(
            (
                *("file", "performer", "exercise", "fault", "reference", "repetitions"),
                *("repetition", "start_s", "turn_s", "end_s"),
            )
        )
        for clip in performances:
            columns = [clip.file_name, clip.performer, clip.exercise, clip.fault]
            columns += [str(clip.reference).lower(), str(clip.repetitions)]
            for number, window in enumerate(clip.windows):
                table.writerow([*columns, number, *(f"{value:.3f}" for value in window)])
