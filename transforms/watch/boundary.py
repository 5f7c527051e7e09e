"""Where a stream may be cut without cutting a repetition."""

from collections.abc import Sequence

import numpy as np

from repscore.models.estimator import People
from repscore.transforms.keypoints.names import StreamPart
from repscore.transforms.keypoints.source import probe_keypoints, read_keypoints
from repscore.transforms.records import PoseFrames, Segment, Video
from repscore.transforms.repetitions import motion


def boundary_s(part: StreamPart, fps: float) -> float:
    """The end of the last repetition that crosses nobody else's; without any, the part's end.

    On the stream's clock. Raises NotKeypoints and OSError.
    """
    probed, _ = probe_keypoints(part.uri, fps)
    video = Video(part.uri, "", "", 0, "", (), part.uri)
    keypoints = read_keypoints(Segment(video, 0, 1, 0.0, np.inf, probed), fps)
    spans: list[tuple[float, float]] = []
    for person in sorted({int(id_) for _, people in keypoints.poses for id_ in people.person}):
        _, repetitions = motion.step(
            motion.start(person), _of(person, keypoints.poses, keypoints.topology)
        )
        spans += [(repetition.start_s, repetition.end_s) for repetition in repetitions]
    ends_s = [end for _, end in spans if not any(a < end < b for a, b in spans)]
    return part.start_s + max(ends_s) if ends_s else part.end_s


def _of(person: int, poses: Sequence[tuple[float, People]], topology: str) -> PoseFrames:
    """One person's frames, those without the person left out."""
    rows = [
        (time_s, people, int(np.flatnonzero(people.person == person)[0]))
        for time_s, people in poses
        if (people.person == person).any()
    ]
    return PoseFrames(
        topology=topology,
        time_s=np.array([time_s for time_s, _, _ in rows]),
        image_px=np.stack([people.image_px[row] for _, people, row in rows]),
        world_m=np.stack([people.world_m[row] for _, people, row in rows]),
        visibility=np.stack([people.visibility[row] for _, people, row in rows]),
    )
