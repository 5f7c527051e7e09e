"""Which changes of a video keep its count: `python -m research.counts_kept DATASET`.

The stored poses of every video are counted as they are and again after a change that a careful
person would not count differently: slower and faster, mirrored, elsewhere and smaller in the
picture, at other frame rates, and in random pieces (which must give the very same repetitions).
Prints per change how many videos keep their count, and which do not.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from repscore.pipelines.labelled import subject_poses
from repscore.pipelines.last_run import last_run
from repscore.pipelines.rescore import stored_videos
from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import motion
from repscore.transforms.repetitions.clean import samples_of
from tests import athletes

CHANGES: Mapping[str, Callable[[PoseFrames], PoseFrames]] = {
    "0.7 of the time": partial(athletes.stretched, factor=0.7),
    "0.85 of the time": partial(athletes.stretched, factor=0.85),
    "1.2 of the time": partial(athletes.stretched, factor=1.2),
    "1.4 of the time": partial(athletes.stretched, factor=1.4),
    "mirrored": partial(athletes.mirrored, width_px=1000.0),
    "smaller, elsewhere": partial(athletes.moved, scale=0.4, shift_px=(500.0, 500.0)),
    "10 frames per second": partial(athletes.resampled, rate_hz=10.0),
    "15 frames per second": partial(athletes.resampled, rate_hz=15.0),
    "30 frames per second": partial(athletes.resampled, rate_hz=30.0),
}


def repetitions(parts: Sequence[PoseFrames]) -> list[Repetition]:
    """Repetitions of one person, whose frames come in parts."""
    state, counted = motion.start(0), list[Repetition]()
    for part in parts:
        state, completed = motion.step(state, part)
        counted += completed
    return [*counted, *motion.finish(state)]


def subjects_of(dataset: str) -> dict[str, PoseFrames]:
    """Name of a video -> the canonical joints of the person whose repetitions it holds."""
    subjects = last_run(dataset).subjects
    everybody = {
        Path(stored.video.uri).name: subject_poses(dataset, stored, subjects)
        for stored in stored_videos(dataset)
    }
    return {
        name: canonical(poses)
        for name, poses in everybody.items()
        if poses is not None and len(poses.time_s) > 1
    }


def canonical(poses: PoseFrames) -> PoseFrames:
    """The same frames with the joints that everything is computed from."""
    samples = samples_of(poses)
    return PoseFrames(
        "canonical15",
        samples.time_s,
        samples.image_px.astype(np.float32),
        samples.world_m.astype(np.float32),
        samples.visibility.astype(np.float32),
    )


def in_pieces(poses: PoseFrames, rng: np.random.Generator) -> list[PoseFrames]:
    """The same frames, cut at nine random places."""
    cuts = np.sort(rng.integers(0, len(poses.time_s), 9))
    rows = np.split(np.arange(len(poses.time_s)), cuts)
    return [athletes.part(poses, piece) for piece in rows if len(piece)]


def bounds(counted: Sequence[Repetition]) -> list[tuple[float, float, float]]:
    """Start, turn and end of each repetition."""
    return [(one.start_s, one.turn_s, one.end_s) for one in counted]


def main() -> None:
    """Print a line per change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    videos = subjects_of(parser.parse_args().dataset)
    before = {name: repetitions([poses]) for name, poses in videos.items()}
    print(f"{len(videos)} videos, {sum(map(len, before.values()))} repetitions")
    for change, changed in CHANGES.items():
        added = {
            name: len(repetitions([changed(poses)])) - len(before[name])
            for name, poses in videos.items()
        }
        other = [f"{name} {len(before[name])}{n:+d}" for name, n in added.items() if n]
        near = sum(abs(n) <= 1 for n in added.values())
        print(f"{change:22} kept {len(videos) - len(other)}, within one {near}  {', '.join(other)}")
    rng = np.random.default_rng(0)
    other = [
        name
        for name, poses in videos.items()
        if bounds(repetitions(in_pieces(poses, rng))) != bounds(before[name])
    ]
    print(f"{'in ten pieces':22} the same in {len(videos) - len(other)}  {', '.join(other)}")


if __name__ == "__main__":
    main()
