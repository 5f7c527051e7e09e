"""The poses that a dataset stores, as one sequence per person."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from repscore.pipelines.query import query
from repscore.transforms.pose.store import read_people, segment_folder
from repscore.transforms.records import PoseFrames
from repscore.transforms.repetitions.clean import samples_of


def stored_people(dataset: str) -> dict[str, list[PoseFrames]]:
    """Video URI -> the canonical joints of each person in it over all segments."""
    relation = query(dataset, "SELECT uri, video_id, pose_version FROM videos ORDER BY uri")
    videos: dict[str, list[PoseFrames]] = {}
    for uri, video_id, version in relation.fetchall() if relation else []:
        people: dict[int, list[PoseFrames]] = {}
        for path in sorted(Path(segment_folder(dataset, version, video_id)).glob("*.parquet")):
            for person, poses in read_people(str(path)).people.items():
                people.setdefault(person, []).append(poses)
        videos[uri] = [canonical(concatenate(parts)) for parts in people.values()]
    return videos


def concatenate(parts: Sequence[PoseFrames]) -> PoseFrames:
    """Consecutive frames of one person as one sequence."""
    return PoseFrames(
        topology=parts[0].topology,
        time_s=np.concatenate([part.time_s for part in parts]),
        image_px=np.concatenate([part.image_px for part in parts]),
        world_m=np.concatenate([part.world_m for part in parts]),
        visibility=np.concatenate([part.visibility for part in parts]),
    )


def canonical(poses: PoseFrames) -> PoseFrames:
    """The same frames with the canonical joints."""
    samples = samples_of(poses)
    return PoseFrames(
        "canonical15",
        samples.time_s,
        samples.image_px.astype(np.float32),
        samples.world_m.astype(np.float32),
        samples.visibility.astype(np.float32),
    )
