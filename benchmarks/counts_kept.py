"""What keeps the counts of a scored dataset and what does not: `counts_kept.py DATASET`.

The stored poses of every video are counted as they are and again after a change that a careful
person would not count differently: slower and faster, mirrored, elsewhere and smaller in the
picture, at other frame rates, and in random pieces (which must give the very same repetitions).
Prints per change how many videos keep their count, and which do not.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from repscore.pipelines.evaluate.clips import together
from repscore.pipelines.query import query
from repscore.transforms.pose.store import read_people
from repscore.transforms.records import PoseFrames, Repetition
from repscore.transforms.repetitions import motion
from repscore.transforms.repetitions.clean import samples_of

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import athletes

CHANGES: dict[str, Callable[[PoseFrames], PoseFrames]] = {
    "0.7 of the time": lambda one: athletes.stretched(one, 0.7),
    "0.85 of the time": lambda one: athletes.stretched(one, 0.85),
    "1.2 of the time": lambda one: athletes.stretched(one, 1.2),
    "1.4 of the time": lambda one: athletes.stretched(one, 1.4),
    "mirrored": lambda one: athletes.mirrored(one, 1000.0),
    "smaller, elsewhere": lambda one: athletes.moved(one, scale=0.4, shift_px=(500.0, 500.0)),
    "10 frames per second": lambda one: athletes.resampled(one, 10.0),
    "15 frames per second": lambda one: athletes.resampled(one, 15.0),
    "30 frames per second": lambda one: athletes.resampled(one, 30.0),
}


def canonical(one: PoseFrames) -> PoseFrames:
    """The same frames with the joints that everything is made of."""
    samples = samples_of(one)
    return PoseFrames(
        "canonical15",
        samples.time_s,
        samples.image_px.astype(np.float32),
        samples.world_m.astype(np.float32),
        samples.visibility.astype(np.float32),
    )


def repetitions(parts: list[PoseFrames]) -> list[Repetition]:
    """Of one person's frames, which come in parts."""
    state, found = motion.start(0), list[Repetition]()
    for part in parts:
        state, given = motion.step(state, part)
        found += given
    return [*found, *motion.finish(state)]


def subjects(dataset: str) -> dict[str, PoseFrames]:
    """Video -> the person with most repetitions, whose number of frames is more than one."""
    relation = query(dataset, "SELECT uri, video_id, pose_version FROM videos ORDER BY uri")
    chosen: dict[str, PoseFrames] = {}
    for uri, video_id, version in relation.fetchall() if relation else []:
        people: dict[int, list[PoseFrames]] = {}
        folder = Path(dataset) / "poses" / version / video_id[:2] / video_id
        for path in sorted(folder.glob("*.parquet")):
            for person, poses in read_people(str(path)).people.items():
                people.setdefault(person, []).append(poses)
        whole = [together(parts) for parts in people.values()]
        known = [canonical(one) for one in whole if one is not None and len(one.time_s) > 1]
        if known:
            chosen[Path(uri).name] = max(known, key=lambda one: len(repetitions([one])))
    return chosen


def same(one: list[Repetition], other: list[Repetition]) -> bool:
    """Whether the boundaries are the same bits."""
    spans = [[(each.start_s, each.turn_s, each.end_s) for each in some] for some in (one, other)]
    return spans[0] == spans[1]


def main() -> None:
    """Print a line per change."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    videos = subjects(parser.parse_args().dataset)
    counted = {name: repetitions([one]) for name, one in videos.items()}
    print(f"{len(videos)} videos, {sum(map(len, counted.values()))} repetitions")
    for change, made in CHANGES.items():
        now = {name: len(repetitions([made(one)])) for name, one in videos.items()}
        off = {name: now[name] - len(counted[name]) for name in videos}
        lost = [f"{name} {len(counted[name])}{off[name]:+d}" for name in videos if off[name]]
        near = sum(abs(change) <= 1 for change in off.values())
        print(f"{change:22} kept {len(videos) - len(lost)}, within one {near}  {', '.join(lost)}")
    rng = np.random.default_rng(0)
    differing = []
    for name, one in videos.items():
        cuts = np.sort(rng.integers(0, len(one.time_s), 9))
        parts = [athletes.part(one, rows) for rows in np.split(np.arange(len(one.time_s)), cuts)]
        if not same(repetitions([part for part in parts if len(part.time_s)]), counted[name]):
            differing.append(name)
    print(
        f"{'in ten pieces':22} the same in {len(videos) - len(differing)}  {', '.join(differing)}"
    )


if __name__ == "__main__":
    main()
