"""Segments to pose files, in one process: raw frames never leave it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2

from repscore.models.estimator import DeviceFault, People, Unavailable, estimator_class
from repscore.models.weights import WeightsMissing, obtain
from repscore.transforms.errors import DatasetUnusable, is_of_machine, retried, words_of
from repscore.transforms.keypoints.names import is_keypoints, kind_of
from repscore.transforms.keypoints.source import read_keypoints
from repscore.transforms.pose.decode import Decoder
from repscore.transforms.pose.store import SegmentFile, find, segment_path, write_segment
from repscore.transforms.pose.streams import Streams, StreamsStatus
from repscore.transforms.pose.version import (
    estimated_version,
    keypoints_version,
    pose_version,
    release,
)
from repscore.transforms.records import (
    CLOCK_JUMP,
    Failure,
    PoseConfig,
    Segment,
    SegmentPoses,
    failure_of,
)
from repscore.transforms.video.images import ImageSequence
from repscore.transforms.video.nvdec import Decode, accelerator

_Poses = Sequence[tuple[float, People]]
_Extracted = tuple[SegmentFile, _Poses]


class Worker:
    """Holds an estimator and extracts segments, `places` at a time, each in a thread of its caller.

    Weights that this machine lacks are obtained, once for all its workers.

    Args:
        version: of the poses of the run, and `run_release` of repscore, None where the run is of
            this machine alone.

    Raises Unavailable where this machine has others, and where the estimator cannot follow so many
    streams at once; WeightsMissing.
    """

    def __init__(
        self,
        poses: PoseConfig,
        root: str,
        version: str,
        run_release: str | None,
        places: int = 1,
        decode: Decode = "auto",
    ) -> None:
        cv2.setNumThreads(1)
        self._poses, self._root = poses, root
        if run_release not in (None, release()):
            raise Unavailable(
                f"repscore {release()} is installed there, the run is of {run_release}: install "
                "the same on every machine"
            )
        here = estimated_version(poses)
        if here != version:
            raise Unavailable(
                f"this machine would compute {here}, the run is {version}: its "
                "processor or packages differ; use --precision f32 and the same packages everywhere"
            )
        _obtain_weights(poses)
        self._estimator = estimator_class(poses.estimator)(poses)
        self._estimator.start()  # what is missing is missing for every segment: fail here
        self._streams = Streams(self._estimator, places)
        self._hwaccel = accelerator(decode, poses.device)

    def status(self) -> StreamsStatus:
        """What the estimator has done."""
        return self._streams.status()

    def extract(self, segment: Segment) -> SegmentPoses:
        """Estimate the segment's frames and put its pose file in place; or say why not."""
        if is_keypoints(segment.video.location):
            return take_keypoints(self._poses, self._root, segment)
        return _put(self._root, pose_version(self._poses, segment.video), segment, self._estimate)

    def _estimate(self, segment: Segment, version: str) -> _Extracted:
        """The poses that the estimator finds in a segment of video."""
        location = segment.video.location
        span = (location, segment.start_s, segment.end_s)
        rates: dict[str, Any] = {
            "sample_fps": self._poses.sample_fps,
            "warm_up_s": self._poses.warm_up_s,
            "fps": self._poses.fps,
        }
        clocks = segment.probe.clocks if segment.probe is not None else ()
        images = kind_of(location) == "images"
        decoder: Decoder | ImageSequence = (
            ImageSequence(*span, **rates)
            if images
            else Decoder(*span, **rates, clocks=clocks, hwaccel=self._hwaccel)
        )
        with self._streams.open() as stream, decoder:
            for frame in decoder:
                stream.put(frame)
            poses = stream.people()
        about = _about(
            segment,
            version,
            poses,
            topology=self._estimator.topology,
            estimator=self._estimator.identity,
            sample_fps=self._poses.sample_fps,
            decoded_s=decoder.last_time_s or 0.0,
            shortfall=decoder.shortfall,
            clock_jumps=decoder.clock_jumps,
            pictures=decoder.held,
            pictures_decoded=decoder.decoded,
        )
        return about, poses


def _obtain_weights(poses: PoseConfig) -> None:
    """Obtain what this machine lacks, once for all its workers; raises WeightsMissing."""
    try:
        estimator_class(poses.estimator).require(poses)
    except WeightsMissing:
        obtain((poses.model,))


def take_keypoints(poses: PoseConfig, root: str, segment: Segment) -> SegmentPoses:
    """Put the poses that a segment of keypoints holds in the store; or say why not."""

    def read(segment: Segment, version: str) -> _Extracted:
        keypoints = read_keypoints(segment, poses.rate_of_keypoints, poses.picture_px)
        about = _about(
            segment,
            version,
            keypoints.poses,
            topology=keypoints.topology,
            estimator=keypoints.identity,
            sample_fps=None,
            decoded_s=keypoints.poses[-1][0] if keypoints.poses else segment.start_s,
            shortfall=keypoints.shortfall,
            pictures=len(keypoints.poses),
            pictures_decoded=len(keypoints.poses),
        )
        return about, keypoints.poses

    return _put(root, keypoints_version(poses), segment, read)


def _put(
    root: str,
    version: str,
    segment: Segment,
    take: Callable[[Segment, str], _Extracted],
) -> SegmentPoses:
    """Write what `take` finds in a segment; an input that cannot be used is a tombstone."""
    started_s = time.monotonic()
    path = segment_path(root, version, segment)
    try:
        about, poses = retried(lambda: take(segment, version))
    except DeviceFault:
        raise
    except Exception as error:  # one input never ends a run
        if is_of_machine(error):
            raise DatasetUnusable(f"{segment.video.location}: {words_of(error)}") from error
        failure = failure_of(segment.video, "pose", error, segment.index)
        return tombstone(segment, version, failure)
    try:
        retried(lambda: write_segment(path, about, poses))
    except Exception as error:
        raise DatasetUnusable(f"{path}: poses cannot be written: {words_of(error)}") from error
    return finished(segment, path, about, busy_s=time.monotonic() - started_s)


def _about(
    segment: Segment,
    version: str,
    poses: _Poses,
    *,
    topology: str,
    estimator: Mapping[str, str],
    sample_fps: float | None,
    decoded_s: float,
    shortfall: str | None,
    pictures: int,
    pictures_decoded: int,
    clock_jumps: str | None = None,
) -> SegmentFile:
    probe = segment.probe
    assert probe is not None, "a segment without a probe is a tombstone"  # noqa: S101
    return SegmentFile(
        video_id=segment.video.video_id,
        pose_version=version,
        segment=segment.index,
        segments=segment.count,
        start_s=segment.start_s,
        end_s=None if segment.index == segment.count - 1 else segment.end_s,
        topology=topology,
        estimator=dict(estimator),
        width_px=probe.width_px,
        height_px=probe.height_px,
        fps=probe.fps,
        sample_fps=sample_fps,
        frames=len(poses),
        frames_with_person=sum(len(people.person) > 0 for _, people in poses),
        decoded_s=decoded_s,
        shortfall=shortfall,
        clock_jumps=clock_jumps,
        pictures=pictures,
        pictures_decoded=pictures_decoded,
    )


def stored(root: str, pose_version: str, segment: Segment) -> SegmentPoses | None:
    """A segment without need of work: its pose file is in the store, or it cannot be processed."""
    if segment.video.failure is not None:
        return SegmentPoses(segment, pose_version, None, failures=(segment.video.failure,))
    path = segment_path(root, pose_version, segment)
    about = find(path)
    return None if about is None else finished(segment, path, about, busy_s=0.0)


def finished(segment: Segment, path: str, about: SegmentFile, *, busy_s: float) -> SegmentPoses:
    """The record of a pose file; what its input lacks is a failure beside the poses."""
    video = segment.video
    lack = "IncompleteKeypoints" if is_keypoints(video.location) else "IncompleteVideo"
    reasons = ((lack, about.shortfall), (CLOCK_JUMP, about.clock_jumps))
    failures = tuple(
        Failure(video.uri, video.video_id, "pose", kind, message, segment.index)
        for kind, message in reasons
        if message is not None
    )
    return SegmentPoses(
        segment=segment,
        pose_version=about.pose_version,
        path=path,
        frames=about.frames,
        frames_with_person=about.frames_with_person,
        pictures=about.pictures,
        pictures_decoded=about.pictures_decoded,
        decoded_s=max(0.0, about.decoded_s - segment.start_s),
        busy_s=busy_s,
        failures=failures,
    )


def tombstone(segment: Segment, pose_version: str, failure: Failure) -> SegmentPoses:
    """The record of a segment that has no poses."""
    return SegmentPoses(segment, pose_version, None, failures=(failure,))
